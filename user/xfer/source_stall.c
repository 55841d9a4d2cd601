// SPDX-License-Identifier: GPL-2.0
/* --on-stall: what is done, in the user's order, once the guest's rounds don't get smaller. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "goal.h"
#include "source_priv.h"

/* A guest that is slowed is given so many flat rounds more: the level is sought step by step. */
#define THROTTLE_ROUNDS 12

static int way_of(const char *word, size_t len, enum km_on_stall_way *way)
{
	static const char *const words[] = {
		[KM_ON_STALL_WAIT] = "wait",
		[KM_ON_STALL_THROTTLE] = "throttle",
		[KM_ON_STALL_ABORT] = "abort",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strlen(words[i]) == len && !strncmp(word, words[i], len)) {
			*way = (enum km_on_stall_way)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int refuse(char why[KM_ERR_MAX], const char *what)
{
	snprintf(why, KM_ERR_MAX, "--on-stall %s", what);
	return -EINVAL;
}

int km_on_stall_parse(const char *text, struct km_on_stall *on, char why[KM_ERR_MAX])
{
	enum km_on_stall_way way = KM_ON_STALL_THROTTLE; /* may be followed by another */
	unsigned int n = 0;

	memset(on, 0, sizeof(*on));
	while (text && *text) {
		size_t len = strcspn(text, ",");

		if (len == 8 && !strncmp(text, "postcopy", len))
			return refuse(why, "postcopy: " KM_NO_POSTCOPY
					   "; take wait, throttle or abort");
		if (way != KM_ON_STALL_THROTTLE)
			return refuse(why, "goes no further than wait or abort");
		if (way_of(text, len, &way) || (text[len] && !text[len + 1]))
			return refuse(why, "takes wait, throttle and abort, with commas between");
		if (way == KM_ON_STALL_THROTTLE && n)
			return refuse(why, "takes throttle only once");
		on->way[n++] = way;
		text += len + !!text[len];
	}
	return text && !n ? refuse(why, "takes wait, throttle and abort, with commas between") : 0;
}

bool km_source_may_throttle(const struct source *s)
{
	return s->o->on_stall.way[s->stall_way] == KM_ON_STALL_THROTTLE;
}

/* The round that has just ended. QEMU's own path tells what is left of the one that begins. */
static double round_pages(struct source *s)
{
	const struct km_counters *c = &s->run->c;
	uint64_t listed = c->listed_pages - s->listed_at_round;

	s->listed_at_round = c->listed_pages;
	return s->relay ? (double)listed : (double)c->qemu_remaining_bytes / KM_PAGE_SIZE;
}

static double room_pages(const struct source *s)
{
	double pages_per_s = s->relay ? km_pace_pages_per_s(&s->pace) :
					(double)s->qemu_bytes_per_s / KM_PAGE_SIZE;

	return pages_per_s / 1e3 * s->o->max_pause_ms;
}

static void blame_region(struct source *s, struct km_stall_facts *f)
{
	struct km_page at;
	uint64_t pages = km_ledger_hottest(s->m.ledger, &at);

	if (!pages)
		return;
	snprintf(f->region, sizeof(f->region), "%s", km_ledger_block_name(s->m.ledger, at.block));
	f->region_offset = at.index * KM_PAGE_SIZE;
	f->region_bytes = pages * KM_PAGE_SIZE;
}

int km_source_stall(struct source *s, struct km_err *err)
{
	struct km_stall_facts *f = &s->run->stall;
	bool first = !s->rounds_stalled;
	unsigned int flat, most = KM_FLAT_ROUNDS;

	if (s->run->c.rounds == s->rounds_stalled)
		return 0;
	s->rounds_stalled = s->run->c.rounds;
	if (first) /* the one that begins has no predecessor */
		s->listed_at_round = s->run->c.listed_pages;
	flat = first ? 0 : km_flat_round(&s->flat, round_pages(s), room_pages(s));
	if (flat >= KM_FLAT_ROUNDS) {
		f->rounds = flat > f->rounds ? flat : f->rounds;
		f->round_pages = (uint64_t)s->flat.before;
		blame_region(s, f);
	}
	if (km_source_may_throttle(s) && !s->run->throttle.why_not[0])
		most += THROTTLE_ROUNDS;
	if (flat < most || s->o->on_stall.way[s->stall_way] == KM_ON_STALL_WAIT)
		return 0;
	if (s->o->on_stall.way[s->stall_way] == KM_ON_STALL_THROTTLE) {
		km_source_throttle_end(s);
		s->stall_way++;
		if (s->o->on_stall.way[s->stall_way] != KM_ON_STALL_ABORT)
			return 0;
	}
	f->gave_up = true;
	km_source_module_look(s);
	return km_goal_stalled(s->run, err);
}
