// SPDX-License-Identifier: GPL-2.0
#include "weight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../host/cgroup.h"

#define FILE_NAME "cpu.weight"

static int read_weight(const char *dir, unsigned int *weight)
{
	char text[KM_CGROUP_VALUE];
	int rc = km_cgroup_read(dir, FILE_NAME, text);

	if (!rc && sscanf(text, "%u", weight) != 1)
		rc = -EPROTO;
	return rc;
}

static int write_weight(const char *dir, unsigned int weight)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", weight);
	return km_cgroup_write(dir, FILE_NAME, text);
}

static int find(struct km_weight *w, pid_t vmm, struct km_weight_facts *facts, struct km_err *err)
{
	char group[PATH_MAX];
	int rc = km_cgroup_of(vmm, 0, group, err);

	if (rc)
		return rc;
	km_cgroup_to_vm(group);
	snprintf(facts->group, sizeof(facts->group), "%s", group);
	if (!strcmp(group, "/"))
		return km_err_set(err, -ENOENT, "QEMU is in the root group, which has no weight");
	rc = km_cgroup_dir(group, w->dir, err);
	if (rc)
		return rc;
	rc = read_weight(w->dir, &w->before);
	if (rc == -ENOENT)
		return km_err_set(err, rc, "the cpu controller of cgroup v2 is off for group %s",
				  group);
	if (rc)
		return km_err_set(err, rc, FILE_NAME " of group %s: %s", group, strerror(-rc));
	if (!w->before) /* cpu_weight_read_u64() */
		return km_err_set(err, -EBUSY, "group %s has cpu.idle, and so no weight", group);
	return 0;
}

/* Should this process be killed between the two, the guard finds the old weight there and
 * leaves it. */
static int raise_it(struct km_weight *w, unsigned int wanted, const struct km_guard *g,
		    struct km_err *err)
{
	int rc = km_guard_say(g, "weight %u %u %s", w->before, wanted, w->dir);

	if (rc)
		return km_err_set(err, rc, "the guard process is gone");
	rc = write_weight(w->dir, wanted);
	if (rc)
		return km_err_set(err, rc, FILE_NAME " of %s: %s", w->dir, strerror(-rc));
	w->ours = wanted;
	return 0;
}

void km_weight_begin(struct km_weight *w, unsigned int wanted, pid_t vmm, const struct km_guard *g,
		     struct km_weight_facts *facts)
{
	struct km_err err = { 0 };

	facts->wanted = wanted;
	if (!wanted)
		return;
	if (!find(w, vmm, facts, &err)) {
		facts->before = w->before;
		if (w->before >= wanted)
			km_err_set(&err, -EALREADY, "it is %u already", w->before);
		else
			raise_it(w, wanted, g, &err);
	}
	facts->on = w->ours;
	snprintf(facts->why_not, sizeof(facts->why_not), "%s", err.text);
}

/* Nothing keeps another from writing between our look and our write: the kernel has no
 * compare-and-set for it. */
void km_weight_end(struct km_weight *w, struct km_weight_facts *facts)
{
	unsigned int now = 0;
	int rc;

	if (!w->ours)
		return;
	rc = read_weight(w->dir, &now);
	if (!rc && now == w->ours)
		rc = write_weight(w->dir, w->before);
	else if (!rc && facts)
		facts->changed_to = now;
	/* A group that is gone took its weight along. */
	if (rc && rc != -ENOENT && rc != -ENODEV && facts)
		snprintf(facts->not_back, sizeof(facts->not_back), "%s", strerror(-rc));
	w->ours = 0;
}

void km_weight_parse(struct km_weight *w, const char *line)
{
	unsigned int before, ours;
	int at = 0;

	if (sscanf(line, "%u %u %n", &before, &ours, &at) != 2 || line[at] != '/')
		return;
	w->before = before;
	w->ours = ours;
	snprintf(w->dir, sizeof(w->dir), "%s", line + at);
}
