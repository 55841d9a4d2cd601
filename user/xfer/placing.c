// SPDX-License-Identifier: GPL-2.0
#include "placing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../host/threads.h"
#include "clock.h"

/* QEMU starts its migration's threads within the first moments. */
#define LOOK_FOR_MS   3000
#define LOOK_EVERY_MS 100

#define PLACED "placed"

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

void km_placing_choose(struct km_placing_wish *wish, struct km_gathered *g, unsigned int *streams,
		       struct km_err *err)
{
	struct km_place place;

	if (g)
		g->in.streams = *streams;
	if (g && !km_place_choose(&g->in, &place, err)) {
		wish->chosen = true;
		wish->own = place.own.cpus;
		wish->qemu = place.qemu.cpus;
		*streams = place.streams;
	}
	km_gathered_free(g);
	snprintf(wish->why_not, sizeof(wish->why_not), "%s", err->text);
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
	if (facts->on && remember(p, vmm, facts))
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

int km_placing_tell(const struct km_guard *g, const char *word, pid_t tid,
		    const struct km_cpus *set, const struct km_cpus *before)
{
	char *a = km_cpus_list(set), *b = km_cpus_list(before);
	int rc = a && b ? km_guard_say(g, "%s %d %s %s", word, (int)tid, a, b) : -ENOMEM;

	free(a);
	free(b);
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
		if (!is_of_migration(p, &t[i]) || is_placed(p, t[i].tid) ||
		    km_placing_tell(p->guard, PLACED, t[i].tid, &p->wish->qemu, &t[i].cpus))
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

bool km_placing_hear(struct km_applied *a, const char *word, pid_t vmm, const char *line)
{
	size_t len = strlen(word);
	char *set = NULL, *before = NULL;
	struct km_applied_thread t = { .pid = vmm };
	int tid = 0;

	if (strncmp(line, word, len) || line[len] != ' ')
		return false;
	if (sscanf(line + len, "%d %ms %ms", &tid, &set, &before) == 3 &&
	    !km_cpus_parse(&t.set, set) && !km_cpus_parse(&t.before, before)) {
		t.tid = tid;
		km_place_note(a, &t);
	}
	free(set);
	free(before);
	return true;
}

bool km_placing_heard(struct km_placing *p, pid_t vmm, const char *line)
{
	return km_placing_hear(&p->qemus, PLACED, vmm, line);
}
