// SPDX-License-Identifier: GPL-2.0
#include "rehearsal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "rehearsal_priv.h"

#define HOUR_MS	      3600e3
#define PAUSE_MOST_MS 600e3 /* a longer one is no move */
#define LOOK_MS	      100.0 /* QEMU at its throughput; the relay at QEMU */
#define LINK_LOOK_MS  20.0
#define ROUNDS_MAX    8	  /* that are no smaller than the smallest */
#define ZERO_BYTES    9	  /* of a zero page on QEMU's main channel */
#define ITERATION_MS  50  /* ram_save_iterate(), MAX_WAIT */
#define PACKET_PAGES  128 /* of multifd, for which the relay has room or not (intake.c) */

static void free_all(struct rehearsal *s)
{
	for (unsigned int i = 0; i < KM_STREAMS_MAX; i++)
		km_pagecache_free(s->lane[i].cache);
	km_reh_guest_free(&s->guest);
	km_bits_free(&s->bitmap);
	km_ledger_free(s->ledger);
	free(s->sent);
	free(s->was);
	free(s);
}

static int prepare(struct rehearsal *s, const struct km_reh_guest *guest, uint64_t seed)
{
	const struct km_reh_hosts *h = s->hosts;
	int rc = km_reh_guest_init(&s->guest, guest, seed);

	if (!rc)
		rc = km_bits_init(&s->bitmap, s->guest.pages);
	if (rc)
		return rc;
	s->ledger = km_ledger_new(h->streams);
	s->sent = malloc(s->guest.pages * sizeof(*s->sent));
	s->was = calloc(s->guest.pages, 1);
	if (!s->ledger || !s->sent || !s->was)
		return -ENOMEM;
	memset(s->sent, 0xff, s->guest.pages * sizeof(*s->sent));
	rc = km_ledger_add_block(s->ledger, "ram", s->guest.pages * KM_PAGE_SIZE);
	for (unsigned int i = 0; i < h->streams; i++) /* too little memory: without */
		s->lane[i].cache = km_pagecache_new(h->delta_bytes / h->streams);
	for (uint64_t i = 0; i < s->guest.pages; i++)
		km_bits_add(&s->bitmap, i);
	s->remaining = s->guest.pages;
	s->limit_ms = 1;
	s->content_until = UINT64_MAX;
	s->round_least = UINT64_MAX;
	s->take_pages = KM_WIRE_PAGES_MAX;
	s->pace.rtt_ms = h->rtt_ms;
	s->backlog_cap = km_pace_backlog_pages(&s->pace, s->goal->max_pause_ms);
	return rc < 0 ? rc : 0;
}

static unsigned int aim_ms(const struct rehearsal *s)
{
	return km_pace_aim_ms(&s->pace, s->goal->max_pause_ms);
}

/* ---- QEMU ---- */

static void begin_round(struct rehearsal *s)
{
	struct km_reh_result *r = s->r;

	if (r->rounds < KM_REH_ROUNDS_MAX)
		r->round[r->rounds] =
			(struct km_reh_round){ s->now_ms, r->listed_pages, r->wire_bytes };
	r->rounds++;
	s->cursor = 0;
	s->no_smaller++;
	if (r->rounds > 1 && r->listed_pages - s->round_from < s->round_least) {
		s->round_least = r->listed_pages - s->round_from;
		s->no_smaller = 0;
	}
	s->round_from = r->listed_pages;
}

/* What it finds dirty since the last time. */
static void sync(struct rehearsal *s)
{
	struct km_bits *log = &s->guest.log;

	for (uint64_t i = 0; (i = km_bits_next(log, i)) != KM_BITS_NONE;) {
		km_bits_del(log, i);
		km_bits_add(&s->bitmap, i);
	}
	s->remaining = s->bitmap.members;
}

static bool few(const struct rehearsal *s)
{
	double most = s->qemu_bytes_per_s * s->limit_ms / 1e3;

	return !s->bitmap.members || (double)s->bitmap.members * KM_PAGE_SIZE < most;
}

/* The relay asks for it ahead of the link, and lets QEMU be rid of it at once. */
static bool ahead(const struct rehearsal *s)
{
	return s->content_listed < s->list_until && s->listed < s->pages_until;
}

static bool room(const struct rehearsal *s)
{
	return s->content_listed < s->content_until &&
	       (ahead(s) || km_reh_backlog(s) <= s->backlog_cap);
}

/* Zero pages go by the main channel, the others by multifd's. */
static void take_in(struct rehearsal *s, bool zero)
{
	const struct km_costs *c = &s->hosts->costs;

	if (zero) {
		km_reh_qemu_works(s, s->hosts->qemu_page_ns + c->scan, 0);
		km_reh_work(s, KM_REH_SOURCE, &s->main, c->note);
	} else {
		km_reh_qemu_works(s, s->hosts->qemu_page_ns, s->hosts->qemu_other_ns + c->hand);
		km_reh_work(s, KM_REH_SOURCE, &s->channels,
			    c->take_in + c->note + s->hosts->threads_ns);
	}
}

static bool all_can(const struct rehearsal *s)
{
	return km_reh_can(s, KM_REH_SOURCE, &s->qemu) && km_reh_can(s, KM_REH_SOURCE, &s->main) &&
	       km_reh_can(s, KM_REH_SOURCE, &s->channels);
}

static void hand_over(struct rehearsal *s, uint64_t page)
{
	take_in(s, !s->guest.content[page]);
	km_bits_del(&s->bitmap, page);
	km_ledger_list(s->ledger, (struct km_page){ 0, page },
		       km_sum_handed(km_reh_sum(&s->guest, page)));
	s->handed_bytes += s->guest.content[page] ? KM_PAGE_SIZE : ZERO_BYTES;
	s->content_listed += s->guest.content[page] != 0;
	s->packet_left -= s->guest.content[page] != 0;
	s->cursor = page + 1;
	s->listed++;
	s->r->listed_pages++;
}

/* Whether the guest may be stopped; if not, a round begins. */
static bool at_threshold(struct rehearsal *s)
{
	if (!few(s))
		return false;
	sync(s);
	if (few(s))
		return true;
	begin_round(s);
	return false;
}

/* Between two iterations only: migration_iteration_run(). */
static bool stops(struct rehearsal *s)
{
	if (s->guest.stopped || s->iterates)
		return false;
	s->guest.stopped = at_threshold(s);
	s->iterates = !s->guest.stopped;
	s->iterates_until_ms = s->now_ms + ITERATION_MS;
	return s->guest.stopped;
}

/* What is listed is flushed then: multifd_send_sync_main().  false: that waits for the link
 * (channel.c). */
static bool end_iteration(struct rehearsal *s)
{
	if (!ahead(s) && !s->guest.stopped &&
	    km_reh_backlog(s) > km_pace_ease_pages(&s->pace, aim_ms(s)))
		return false;
	s->iterates = false;
	s->packet_left = 0;
	return true;
}

static bool over(const struct rehearsal *s)
{
	return !s->remaining || s->now_ms >= s->iterates_until_ms;
}

static void qemu_step(struct rehearsal *s)
{
	while (all_can(s) && !s->listed_all) {
		uint64_t page;

		if (s->iterates && over(s) && !end_iteration(s))
			break;
		if (stops(s))
			return;
		if (!s->packet_left && !room(s))
			break;
		if (!s->packet_left)
			s->packet_left = PACKET_PAGES;
		page = km_bits_next(&s->bitmap, s->cursor);
		if (page != KM_BITS_NONE)
			hand_over(s, page);
		else
			s->cursor = 0;
		s->remaining = s->bitmap.members;
		s->listed_all = s->guest.stopped && !s->bitmap.members;
	}
}

static void qemu_look(struct rehearsal *s)
{
	s->qemu_bytes_per_s = (double)(s->handed_bytes - s->seen_bytes) * 1e3 / LOOK_MS;
	s->seen_bytes = s->handed_bytes;
}

/* ---- the relay's look at both (source_steer.c) ---- */

static void steer(struct rehearsal *s, unsigned int *cooled)
{
	unsigned int pause = aim_ms(s);
	uint64_t listed = s->content_listed - s->content_seen, far, most;

	km_pace_see_qemu(&s->pace, s->qemu_bytes_per_s, listed, LOOK_MS);
	s->backlog_cap = km_pace_backlog_pages(&s->pace, pause);
	far = km_pace_ahead_pages(&s->pace, s->remaining, pause, LOOK_MS);
	s->list_until = s->content_listed + far;
	s->pages_until = s->listed + km_pace_middle_pages(&s->pace, s->remaining, pause);
	s->take_pages = (unsigned int)km_pace_take_pages(&s->pace, far, s->hosts->streams);
	most = km_pace_most_pages(&s->pace, listed, far, pause, LOOK_MS);
	s->content_until = most == UINT64_MAX ? most : s->content_listed + most;
	s->content_seen = s->content_listed;
	km_pace_see_zeros(&s->pace, s->listed - s->content_listed);
	km_pace_rounds(&s->pace, s->r->rounds, s->goal->max_pause_ms);
	if (s->r->rounds != *cooled)
		km_ledger_cool(s->ledger);
	*cooled = s->r->rounds;
	s->limit_ms = km_pace_downtime_ms(&s->pace, km_reh_backlog(s), pause);
}

static bool read_now(void *ctx, struct km_page p, uint32_t *now)
{
	struct rehearsal *s = ctx;

	*now = km_sum_handed(km_reh_sum(&s->guest, p.index));
	return true;
}

/* source_scout.c */
static void scout(struct rehearsal *s)
{
	if (s->guest.stopped ||
	    (double)km_reh_backlog(s) < km_pace_pages_per_s(&s->pace) * KM_SCOUT_WAIT_S)
		return;
	km_scout_look(&s->scout, s->ledger, KM_SCOUT_GROUPS, km_sum_handed(km_reh_zero_sum()),
		      read_now, s);
	km_reh_work(s, KM_REH_SOURCE, &s->main, s->hosts->costs.read_again * s->scout.looked);
}

static void see_link(struct rehearsal *s)
{
	uint64_t sent = s->sent_pages - s->paced_pages, zero = s->r->zero_pages - s->paced_zero;

	km_pace_see(&s->pace, s->now_ms + 1, s->carried, s->waiting && 2 * zero <= sent);
	km_pace_see_pages(&s->pace, sent > zero ? sent - zero : 0, s->payload - s->paced_bytes);
	s->paced_pages = s->sent_pages;
	s->paced_zero = s->r->zero_pages;
	s->paced_bytes = s->payload;
}

/* ---- */

static bool every(double now_ms, double period_ms)
{
	return (uint64_t)(now_ms / period_ms) != (uint64_t)((now_ms - STEP_MS) / period_ms);
}

static void step(struct rehearsal *s)
{
	s->now_ms += STEP_MS;
	km_reh_cpus_step(s);
	km_reh_guest_step(&s->guest);
	qemu_step(s);
	km_reh_lanes_step(s);
	km_reh_link_step(s);
	if (every(s->now_ms, LINK_LOOK_MS)) {
		see_link(s);
		scout(s);
	}
}

/* Until QEMU stops the guest. false: not within the deadline, or never. */
static bool pre_copy(struct rehearsal *s)
{
	double most = s->goal->deadline_ms ? s->goal->deadline_ms : HOUR_MS;
	unsigned int cooled = 0;

	while (!s->guest.stopped && s->now_ms + s->hosts->setup_ms < most &&
	       s->no_smaller < ROUNDS_MAX) {
		step(s);
		if (every(s->now_ms, LOOK_MS))
			qemu_look(s);
		if (every(s->now_ms + LOOK_MS / 2, LOOK_MS))
			steer(s, &cooled);
	}
	return s->guest.stopped;
}

/* Until the destination has all. false: it takes too long. */
static bool the_pause(struct rehearsal *s)
{
	double most = s->now_ms + PAUSE_MOST_MS;

	sync(s);
	s->content_until = UINT64_MAX;
	while (!s->listed_all && s->now_ms < most)
		step(s);
	km_ledger_recall(s->ledger);
	while (km_reh_backlog(s) && s->now_ms < most)
		step(s);
	return s->now_ms < most;
}

int km_rehearse(const struct km_reh_guest *guest, const struct km_reh_hosts *hosts,
		const struct km_reh_goal *goal, uint64_t seed, struct km_reh_result *r)
{
	struct rehearsal *s;
	double stopped;
	int rc;

	memset(r, 0, sizeof(*r));
	if (!hosts->streams || hosts->streams > KM_STREAMS_MAX || !(hosts->link_bytes_per_s > 0) ||
	    !(hosts->cpus > 0) || guest->regions > KM_REH_REGIONS_MAX)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->hosts = hosts;
	s->goal = goal;
	s->r = r;
	rc = prepare(s, guest, seed);
	if (!rc) {
		begin_round(s);
		r->moved = pre_copy(s);
		stopped = s->now_ms;
		if (r->moved)
			r->moved = the_pause(s);
		r->pause_ms = r->moved ? s->now_ms - stopped + hosts->other_ms + 2 * hosts->rtt_ms :
					 0;
		r->total_ms = hosts->setup_ms + stopped + r->pause_ms;
		r->cpus_busy = km_reh_busy(s);
		for (unsigned int i = 0; i < KM_REH_ENDS; i++)
			r->cpu_ms[i] += hosts->setup_cpu_ms;
	}
	free_all(s);
	return rc;
}
