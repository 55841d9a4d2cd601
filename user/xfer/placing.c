// SPDX-License-Identifier: GPL-2.0
#include "placing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../host/threads.h"
#include "clock.h"

/* QEMU starts its migration's threads within the first moments. */
#define LOOK_FOR_MS   3000
#define LOOK_EVERY_MS 100

static void failed(struct km_placed *facts, const struct km_err *err)
{
	if (!facts->why_not[0])
		snprintf(facts->why_not, sizeof(facts->why_not), "%s", err->text);
}

static void place_own(struct km_placing *p, struct km_placed *facts)
{
	struct km_err err = { 0 };
	struct km_thread *t;
	size_t n;
	int rc = km_threads_read(getpid(), &t, &n, &err);

	for (size_t i = 0; !rc && i < n; i++)
		rc = km_place_thread(&p->ours, getpid(), t[i].tid, &p->wish->own, &err);
	free(t);
	if (rc)
		failed(facts, &err);
}

static bool remember(struct km_placing *p, pid_t vmm, struct km_placed *facts)
{
	struct km_err err = { 0 };
	struct km_thread *t;
	size_t n;

	if (km_threads_read(vmm, &t, &n, &err)) {
		failed(facts, &err);
		return false;
	}
	p->before = calloc(n, sizeof(*p->before));
	for (size_t i = 0; p->before && i < n; i++) {
		int vcpu;

		p->before[p->nbefore++] = t[i].tid;
		p->by_name |= km_thread_kind_of(t[i].name, &vcpu) == KM_THREAD_VCPU;
	}
	free(t);
	return p->before;
}

void km_placing_begin(struct km_placing *p, const struct km_placing_wish *wish, pid_t vmm,
		      const struct km_guard *guard, struct km_placed *facts)
{
	facts->wanted = !wish->off;
	snprintf(facts->why_not, sizeof(facts->why_not), "%s", wish->why_not);
	if (wish->off || !wish->chosen)
		return;
	p->wish = wish;
	p->guard = guard;
	km_cpus_format(&wish->own, facts->own);
	km_cpus_format(&wish->qemu, facts->qemu);
	place_own(p, facts);
	facts->on = !facts->why_not[0];
	if (remember(p, vmm, facts))
		p->vmm = vmm;
}

static bool is_of_migration(const struct km_placing *p, const struct km_thread *t)
{
	if (p->by_name)
		return t->kind == KM_THREAD_MIGRATION;
	for (size_t i = 0; i < p->nbefore; i++)
		if (p->before[i] == t->tid)
			return false;
	return true;
}

static bool is_placed(const struct km_placing *p, pid_t tid)
{
	for (size_t i = 0; i < p->qemus.n; i++)
		if (p->qemus.threads[i].tid == tid)
			return true;
	return false;
}

/* "placed TID SET BEFORE": the guard must know the way back before there is need of one. */
static int tell(const struct km_placing *p, const struct km_thread *t)
{
	char *set = km_cpus_list(&p->wish->qemu), *before = km_cpus_list(&t->cpus);
	int rc = set && before ?
			 km_guard_say(p->guard, "placed %d %s %s", (int)t->tid, set, before) :
			 -1;

	free(set);
	free(before);
	return rc;
}

void km_placing_look(struct km_placing *p, struct km_placed *facts)
{
	struct km_err err = { 0 };
	double now = km_now_ms();
	struct km_thread *t;
	size_t n;

	if (!p->vmm || now - p->looked_at < LOOK_EVERY_MS)
		return;
	if (!(p->look_until > 0))
		p->look_until = now + LOOK_FOR_MS;
	if (now > p->look_until || km_threads_read(p->vmm, &t, &n, NULL))
		return;
	p->looked_at = now;
	for (size_t i = 0; i < n; i++) {
		if (!is_of_migration(p, &t[i]) || is_placed(p, t[i].tid) || tell(p, &t[i]))
			continue;
		if (km_place_thread(&p->qemus, p->vmm, t[i].tid, &p->wish->qemu, &err))
			failed(facts, &err);
	}
	facts->qemu_threads = (unsigned int)p->qemus.n;
	free(t);
}

void km_placing_end(struct km_placing *p, struct km_placed *facts)
{
	if (p->ours.n || p->qemus.n) {
		facts->left += km_place_restore(&p->ours) + km_place_restore(&p->qemus);
		facts->put_back = true;
	}
	free(p->before);
	p->before = NULL;
	p->nbefore = 0;
	p->vmm = 0;
}

bool km_placing_heard(struct km_placing *p, pid_t vmm, const char *line)
{
	char *set = NULL, *before = NULL;
	struct km_applied_thread t = { .pid = vmm };
	int tid = 0;
	bool ours = sscanf(line, "placed %d %ms %ms", &tid, &set, &before) == 3;

	t.tid = tid;
	if (ours && !km_cpus_parse(&t.set, set) && !km_cpus_parse(&t.before, before))
		km_place_note(&p->qemus, &t);
	free(set);
	free(before);
	return ours;
}
