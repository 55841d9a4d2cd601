// SPDX-License-Identifier: GPL-2.0
#include "quota.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_LIMIT     "max 100000" /* a new group's */
/* The kernel takes no quota below 1 ms (tg_set_cfs_bandwidth(), min_cfs_quota_period). */
#define PERIOD_US    10000.0
#define MIN_QUOTA_US 1000.0

static void group_of(const struct km_quota *q, const struct km_quota_vcpu *v,
		     char dir[PATH_MAX + 64])
{
	if (q->made)
		snprintf(dir, PATH_MAX + 64, "%s/kmigrate-%d-vcpu%u", q->base, (int)q->vmm, v->nr);
	else
		snprintf(dir, PATH_MAX + 64, "%s/vcpu%u", q->base, v->nr);
}

void km_quota_format(char value[KM_CGROUP_VALUE], const char *before, unsigned int percent)
{
	double quota, period, part = (100 - percent) / 100.0;

	if (!percent) {
		snprintf(value, KM_CGROUP_VALUE, "%s", before);
		return;
	}
	/* Else it is "max PERIOD". */
	if (sscanf(before, "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0)
		part *= fmin(quota / period, 1);
	period = part * PERIOD_US < MIN_QUOTA_US ? MIN_QUOTA_US / part : PERIOD_US;
	snprintf(value, KM_CGROUP_VALUE, "%.0f %.0f", part * period, period);
}

bool km_quota_is_libvirts(const char *group, unsigned int *nr, size_t *base_len)
{
	const char *name = strrchr(group, '/');
	char vm[PATH_MAX];
	int end = 0;

	snprintf(vm, sizeof(vm), "%s", group);
	km_cgroup_to_vm(vm);
	if (!name || !strcmp(vm, group) || sscanf(name, "/vcpu%u%n", nr, &end) != 1 || name[end])
		return false;
	*base_len = (size_t)(name - group);
	return true;
}

/* ---- taking a vCPU ---- */

static int fail(struct km_err *err, int rc, const char *what, const char *dir)
{
	return km_err_set(err, rc, "%s of %.300s: %s", what, dir, strerror(-rc));
}

static int said(int rc, struct km_err *err)
{
	return rc ? km_err_set(err, rc, "the guard process is gone") : 0;
}

/* The first vCPU says where all of them are. */
static int find_base(struct km_quota *q, const struct km_guard *g, pid_t vmm, pid_t tid,
		     unsigned int *nr, struct km_err *err)
{
	char group[PATH_MAX];
	size_t len;
	bool libvirts;
	int rc = km_cgroup_of(vmm, tid, group, err);

	if (rc)
		return rc;
	libvirts = km_quota_is_libvirts(group, nr, &len);
	if (q->base[0])
		return libvirts == !q->made ?
			       0 :
			       km_err_set(err, -ENOTSUP,
					  "its vCPUs are in groups of several kinds");
	if (libvirts)
		group[len] = '\0';
	rc = km_cgroup_dir(group, q->base, err);
	if (rc) {
		q->base[0] = '\0';
		return rc;
	}
	q->vmm = vmm;
	q->made = !libvirts;
	return said(km_guard_say(g, "quota base %d %d %s", (int)vmm, q->made, q->base), err);
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += n)
		if ((at == text || at[-1] == ' ') && (!at[n] || at[n] == ' '))
			return true;
	return false;
}

static int switch_on(struct km_quota *q, const struct km_guard *g, struct km_err *err)
{
	char on[KM_CGROUP_VALUE];
	int rc = km_cgroup_read(q->base, "cgroup.subtree_control", on);

	if (rc)
		return fail(err, rc, "cgroup.subtree_control", q->base);
	if (has_word(on, "cpu"))
		return 0;
	q->switched_on = true;
	rc = said(km_guard_say(g, "quota on"), err);
	if (rc)
		return rc;
	rc = km_cgroup_write(q->base, "cgroup.subtree_control", "+cpu");
	return rc ? fail(err, rc, "switching the cpu controller on for what is in", q->base) : 0;
}

/* The group becomes a threaded one before the controller is switched on: processes may be in
 * its parent then. */
static int make_group(struct km_quota *q, const struct km_guard *g, const char *dir, pid_t tid,
		      struct km_err *err)
{
	char text[16];
	int rc;

	if (mkdir(dir, 0755))
		return fail(err, -errno, "making", dir);
	rc = km_cgroup_write(dir, "cgroup.type", "threaded");
	if (rc)
		return fail(err, rc, "cgroup.type", dir);
	rc = switch_on(q, g, err);
	if (rc)
		return rc;
	snprintf(text, sizeof(text), "%d", (int)tid);
	rc = km_cgroup_write(dir, "cgroup.threads", text);
	return rc ? fail(err, rc, "cgroup.threads", dir) : 0;
}

static int take(struct km_quota *q, const struct km_guard *g, pid_t vmm, unsigned int vcpu,
		pid_t tid, struct km_err *err)
{
	struct km_quota_vcpu *v = &q->v[vcpu];
	char dir[PATH_MAX + 64];
	int rc;

	if (!tid)
		return km_err_set(err, -ESRCH, "the thread of vCPU %u is not known", vcpu);
	v->nr = vcpu;
	rc = find_base(q, g, vmm, tid, &v->nr, err);
	if (rc)
		return rc;
	group_of(q, v, dir);
	snprintf(v->before, sizeof(v->before), NO_LIMIT);
	rc = q->made ? 0 : km_cgroup_read(dir, "cpu.max", v->before);
	if (rc)
		return fail(err, rc, "cpu.max", dir);
	v->tid = tid;
	rc = said(km_guard_say(g, "quota vcpu %u %u %d %s", vcpu, v->nr, (int)tid, v->before), err);
	return rc || !q->made ? rc : make_group(q, g, dir, tid, err);
}

/* Is it neither what was before nor what we have set? */
static bool is_others(const struct km_quota_vcpu *v, const char *dir)
{
	char now[KM_CGROUP_VALUE];

	return !km_cgroup_read(dir, "cpu.max", now) && strcmp(now, v->before) &&
	       strcmp(now, v->ours[0]) && strcmp(now, v->ours[1]);
}

int km_quota_set(struct km_quota *q, const struct km_guard *g, pid_t vmm, unsigned int vcpu,
		 pid_t tid, unsigned int percent, struct km_err *err)
{
	struct km_quota_vcpu *v = &q->v[vcpu];
	char dir[PATH_MAX + 64], value[KM_CGROUP_VALUE];
	int rc = v->tid ? 0 : take(q, g, vmm, vcpu, tid, err);

	if (rc)
		return rc;
	group_of(q, v, dir);
	if (is_others(v, dir))
		return km_err_set(err, -EBUSY, "somebody else has set cpu.max of %.300s", dir);
	km_quota_format(value, v->before, percent);
	memcpy(v->ours[1], v->ours[0], sizeof(value));
	memcpy(v->ours[0], value, sizeof(value));
	rc = said(km_guard_say(g, "quota max %u %s", vcpu, value), err);
	if (rc)
		return rc;
	rc = km_cgroup_write(dir, "cpu.max", value);
	return rc ? fail(err, rc, "cpu.max", dir) : 0;
}

/* ---- giving back ---- */

/* What was forked from it meanwhile, too; again until nobody is left. */
static int empty(const struct km_quota *q, const char *dir)
{
	char path[PATH_MAX + 96], tid[24];
	int rc = 0, moved;

	snprintf(path, sizeof(path), "%s/cgroup.threads", dir);
	do {
		FILE *f = fopen(path, "re");

		if (!f)
			return -errno;
		for (moved = 0; !rc && fscanf(f, "%23s", tid) == 1; moved++) {
			rc = km_cgroup_write(q->base, "cgroup.threads", tid);
			if (rc == -ESRCH) /* it has just ended */
				rc = 0;
		}
		fclose(f);
	} while (moved && !rc);
	return rc;
}

static int remove_group(const struct km_quota *q, const char *dir)
{
	int rc = empty(q, dir);

	if (!rc && rmdir(dir))
		rc = -errno;
	return rc == -ENOENT ? 0 : rc;
}

/* 1: it is somebody else's now. */
static int put_back(const struct km_quota_vcpu *v, const char *dir)
{
	int rc;

	if (is_others(v, dir))
		return 1;
	rc = km_cgroup_write(dir, "cpu.max", v->before);
	return rc == -ENOENT || rc == -ENODEV ? 0 : rc; /* the VM has ended */
}

/* A group of another guest's in the same group, which is being slowed, too. */
static bool used_by_others(const struct km_quota *q)
{
	DIR *d = opendir(q->base);
	struct dirent *e;
	bool used = false;

	while (d && !used && (e = readdir(d)))
		used = !strncmp(e->d_name, "kmigrate-", strlen("kmigrate-"));
	if (d)
		closedir(d);
	return used;
}

static void switch_off(struct km_quota *q, struct km_err *err)
{
	int rc;

	if (!q->switched_on)
		return;
	q->switched_on = false;
	if (used_by_others(q)) {
		km_err_set(err, -EBUSY,
			   "the cpu controller stays on for what is in %.300s: another "
			   "move needs it",
			   q->base);
		return;
	}
	rc = km_cgroup_write(q->base, "cgroup.subtree_control", "-cpu");
	if (rc && rc != -ENOENT && rc != -ENODEV)
		fail(err, rc, "cgroup.subtree_control", q->base);
}

unsigned int km_quota_end(struct km_quota *q, struct km_err *err)
{
	char dir[PATH_MAX + 64];
	unsigned int others = 0;
	int rc;

	for (unsigned int i = 0; i < KM_THROTTLE_VCPUS; i++) {
		struct km_quota_vcpu *v = &q->v[i];

		if (!v->tid)
			continue;
		group_of(q, v, dir);
		rc = q->made ? remove_group(q, dir) : put_back(v, dir);
		if (rc < 0)
			fail(err, rc, q->made ? "removing" : "cpu.max", dir);
		others += rc > 0;
		memset(v, 0, sizeof(*v));
	}
	switch_off(q, err);
	return others;
}

void km_quota_parse(struct km_quota *q, const char *line)
{
	unsigned int vcpu, nr;
	int vmm, made, tid, at = 0;

	if (!strcmp(line, "on")) {
		q->switched_on = true;
	} else if (sscanf(line, "base %d %d %n", &vmm, &made, &at) == 2 && line[at] == '/') {
		q->vmm = vmm;
		q->made = made;
		snprintf(q->base, sizeof(q->base), "%s", line + at);
	} else if (sscanf(line, "vcpu %u %u %d %n", &vcpu, &nr, &tid, &at) == 3 && at &&
		   vcpu < KM_THROTTLE_VCPUS) {
		q->v[vcpu].nr = nr;
		q->v[vcpu].tid = tid;
		snprintf(q->v[vcpu].before, KM_CGROUP_VALUE, "%s", line + at);
	} else if (sscanf(line, "max %u %n", &vcpu, &at) == 1 && at && vcpu < KM_THROTTLE_VCPUS) {
		memcpy(q->v[vcpu].ours[1], q->v[vcpu].ours[0], KM_CGROUP_VALUE);
		snprintf(q->v[vcpu].ours[0], KM_CGROUP_VALUE, "%s", line + at);
	}
}
