// SPDX-License-Identifier: GPL-2.0
/*
 * --on-stall throttle: looks at what the vCPUs dirty, and takes time from those that dirty too much
 * (throttle.h, quota.h). kmigrate.ko says who they are; without it nobody is slowed: all vCPUs
 * alike would not be what was asked for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "../ctl/knet.h"
#include "source_priv.h"

#define LOOK_MS 500

static void give_up(struct source *s, const struct km_err *err)
{
	struct km_throttle_facts *f = &s->run->throttle;

	if (!f->why_not[0])
		snprintf(f->why_not, sizeof(f->why_not), "%s", err->text);
	km_source_throttle_end(s);
}

static void apply(struct source *s, const struct km_module_facts *counts)
{
	struct km_throttle_facts *f = &s->run->throttle;
	struct km_err err = { 0 };

	for (unsigned int i = 0; i < counts->vcpus && i < KM_THROTTLE_VCPUS; i++) {
		unsigned int percent = km_throttle_taken(&s->throttle, i);

		if (percent == s->taken[i])
			continue;
		if (km_quota_set(&s->quota, &s->guard, s->vm->pid, i, counts->tid_by_vcpu[i],
				 percent, &err)) {
			give_up(s, &err);
			return;
		}
		s->taken[i] = (uint8_t)percent;
		if (percent > f->most[i])
			f->most[i] = (uint8_t)percent;
		f->vcpus = i + 1 > f->vcpus ? i + 1 : f->vcpus;
	}
}

/* What was settled: it is at the destination, sent or not. */
static uint64_t settled_pages(const struct source *s)
{
	return s->run->c.acked_pages + s->run->c.same_pages;
}

/* What the link could carry: as the relay sees it, or as QEMU does. */
static double link_pages_per_s(const struct source *s, double seconds)
{
	double settled = (double)(settled_pages(s) - s->settled_looked) / seconds;
	double link = km_pace_pages_per_s(&s->pace);

	if (s->relay)
		return settled > link ? settled : link;
	return (double)s->qemu_bytes_per_s / KM_PAGE_SIZE;
}

static void look(struct source *s, const struct km_module_facts *now)
{
	const struct km_counters *c = &s->run->c;
	struct km_throttle_look l = {
		.seconds = (km_now_ms() - s->t_look) / 1e3,
		.vcpus = now->vcpus < KM_THROTTLE_VCPUS ? now->vcpus : KM_THROTTLE_VCPUS,
		.left = (double)c->qemu_remaining_bytes / KM_PAGE_SIZE + (double)c->backlog_pages,
		.pause_s = s->o->max_pause_ms / 1e3,
	};

	l.link = link_pages_per_s(s, l.seconds);
	l.others = now->dirtied_pages - s->looked.dirtied_pages;
	for (unsigned int i = 0; i < l.vcpus; i++) {
		l.dirtied[i] = now->dirtied_by_vcpu[i] - s->looked.dirtied_by_vcpu[i];
		l.others -= l.dirtied[i] < l.others ? l.dirtied[i] : l.others;
	}
	km_throttle_step(&s->throttle, &l);
}

void km_source_throttle(struct source *s)
{
	struct km_module_facts now = { 0 };
	struct km_err err = { 0 };

	if (!km_source_may_throttle(s) || s->throttle_over)
		return;
	if (s->t_stop > 0) {
		km_source_throttle_end(s);
		return;
	}
	s->run->throttle.wanted = true;
	if (!s->knet) {
		km_err_set(&err, -ENOENT, "which vCPUs dirty most is not known: %.300s",
			   s->run->module.why_absent);
		give_up(s, &err);
		return;
	}
	/* A page counts once a round, so what is dirtied in a part of one says little. */
	if (s->run->c.rounds == s->rounds_looked || km_now_ms() - s->t_look < LOOK_MS)
		return;
	if (km_knet_counts(s->knet, &now, &err)) {
		give_up(s, &err);
		return;
	}
	if (s->t_look > 0) {
		look(s, &now);
		apply(s, &now);
	}
	s->looked = now;
	s->t_look = km_now_ms();
	s->settled_looked = settled_pages(s);
	s->rounds_looked = s->run->c.rounds;
}

void km_source_throttle_end(struct source *s)
{
	struct km_throttle_facts *f = &s->run->throttle;
	struct km_err err = { 0 };

	if (s->throttle_over)
		return;
	s->throttle_over = true;
	f->changed = km_quota_end(&s->quota, &err);
	snprintf(f->not_back, sizeof(f->not_back), "%s", err.text);
}
