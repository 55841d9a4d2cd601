// SPDX-License-Identifier: GPL-2.0
/* The relay's streams and the link: what sender.c, pagesend.c and differ.c do, with numbers for
 * pages. */
#include <math.h>
#include "rehearsal_priv.h"
#include "xfer/pack.h"

#define NAME_BYTES   8 /* of a page in a PAGES message (pack.h) */
/* What a socket holds when the sender may write the next message: as much as the link carries in
 * 20 ms (its queue), and at least Linux's first send buffer, of which a half is content. */
#define SOCKET_S     0.02
#define SOCKET_BYTES 43690.0
/* Of a delta's encoding, for each write that it carries (delta.h). */
#define CHUNK_BYTES  3u
/* What a receiver finds when it is woken: some packets (a move over 200 Mbit/s took the CPU time of
 * a wake for each 5 KB), and what comes between two interrupts (ethtool(8), rx-usecs). */
#define FOUND_BYTES  4096.0
#define WAKES_S	     50e-6
/* What the pages of one message are, and cost. */
struct message {
	unsigned int n, light, dense, zero;
	double light_ratio, dense_ratio; /* sums */
	uint64_t bytes;
	double apply_ns;
};

static const struct km_costs_wire *wire(const struct rehearsal *s)
{
	return s->hosts->tls ? &s->hosts->costs.tls : &s->hosts->costs.plain;
}

static void work(struct rehearsal *s, struct reh_lane *lane, double ns)
{
	km_reh_work(s, KM_REH_SOURCE, &lane->sender, ns);
}

uint64_t km_reh_backlog(const struct rehearsal *s)
{
	return km_ledger_open(s->ledger) + s->sent_pages - s->acked;
}

/* Whether the page goes as a delta; what is held is brought up to date. */
static bool as_delta(struct rehearsal *s, struct reh_lane *lane, struct km_page p, bool hot,
		     struct message *m)
{
	const struct km_reh_region *is = km_reh_region_of(&s->guest, p.index);
	uint64_t max = km_worth_page_bytes(&lane->worth) / 4 * 3;
	uint64_t writes = s->guest.content[p.index] - (uint64_t)s->sent[p.index];
	uint64_t bytes = KM_PACK_DELTA_HEAD + writes * (is->write_bytes + CHUNK_BYTES);
	uint8_t *held = lane->cache ? km_pagecache_find(lane->cache, p) : NULL;

	if (!held) {
		if (lane->cache && (hot || s->was[p.index] & REH_SENT))
			km_pagecache_add(lane->cache, p);
		return false;
	}
	if (!s->guest.content[p.index])
		return false;
	km_pagecache_rate(lane->cache, held, bytes <= max);
	if (bytes > max)
		return false;
	s->r->delta_pages++;
	m->bytes += bytes;
	work(s, lane, s->hosts->costs.delta);
	return true;
}

/* Zeroes are not written where nothing was (guestmem.h). */
static double write_ns(const struct rehearsal *s, uint64_t page)
{
	if (s->was[page] & REH_SENT)
		return s->hosts->costs.write_again;
	return s->guest.content[page] ? s->hosts->costs.write_first : 0;
}

static void one_page(struct rehearsal *s, struct reh_lane *lane, struct km_page p, bool hot,
		     struct message *m)
{
	double ratio = km_reh_region_of(&s->guest, p.index)->ratio;

	m->n++;
	m->bytes += NAME_BYTES;
	m->apply_ns += wire(s)->recv_name + write_ns(s, p.index);
	if (!as_delta(s, lane, p, hot, m)) {
		if (!s->guest.content[p.index])
			m->zero++;
		else if (ratio < KM_PACK_RATIO_MAX)
			m->light++, m->light_ratio += ratio;
		else
			m->dense++, m->dense_ratio += ratio;
	}
	s->sent[p.index] = s->guest.content[p.index];
	s->was[p.index] |= REH_SENT;
}

static void pack(struct rehearsal *s, struct reh_lane *lane, struct message *m)
{
	struct km_worth_plan plan = { KM_WORTH_RAW, false };
	struct km_worth_result r = { 0 };
	double bytes;

	if (km_worth_possible(&lane->worth))
		plan = km_worth_choose(&lane->worth, m->light, m->dense);
	if (plan.level != KM_WORTH_RAW) {
		r.light = m->light;
		r.dense = plan.dense ? m->dense : 0;
	}
	bytes = KM_PAGE_SIZE * (m->light_ratio + (r.dense ? m->dense_ratio : 0));
	if (r.light + r.dense) {
		r.bytes = (uint64_t)bytes;
		r.cpu_ns = (uint64_t)(s->hosts->costs.pack[plan.level] * (r.light + r.dense));
		r.wall_ns = (uint64_t)((double)r.cpu_ns * km_reh_slowness(s));
		km_worth_packed(&lane->worth, plan, &r);
		work(s, lane, (double)r.cpu_ns);
		m->apply_ns += s->hosts->costs.unpack * (r.light + r.dense);
	}
	m->bytes += r.bytes + (uint64_t)KM_PAGE_SIZE * (m->light + m->dense - r.light - r.dense);
	s->r->zero_pages += m->zero;
	s->r->packed_pages += r.light + r.dense;
	s->r->raw_pages += m->light + m->dense - r.light - r.dense;
}

static void look(struct rehearsal *s, struct reh_lane *lane)
{
	struct km_worth_look look = { .now_ns = 1 + (uint64_t)(s->now_ms * 1e6),
				      .idle_ns = lane->idle_ns,
				      .carried_bytes = lane->carried,
				      .queued = lane->queued > 0 };

	km_worth_see(&lane->worth, &look);
}

static void put(struct rehearsal *s, unsigned int nr, const struct message *m)
{
	struct reh_msg *q = &s->queue[(s->head + s->waiting++) % QUEUE_MAX];

	*q = (struct reh_msg){ nr, m->n, (uint32_t)m->bytes + KM_WIRE_HEADER_BYTES, m->apply_ns };
	work(s, &s->lane[nr], wire(s)->send_name * m->n + wire(s)->send_byte * (double)m->bytes);
	s->lane[nr].queued += q->bytes;
	s->sent_pages += m->n;
	s->payload += m->bytes;
	s->r->wire_bytes += q->bytes;
}

static void read_page(struct rehearsal *s, struct reh_lane *lane, uint64_t page)
{
	const struct km_costs *c = &s->hosts->costs;

	if (!s->guest.content[page]) {
		work(s, lane, c->scan);
		return;
	}
	work(s, lane, s->was[page] & REH_READ ? c->read_again : c->read_first);
	s->was[page] |= REH_READ;
}

/* One batch of pages. false: there is none. */
static bool batch(struct rehearsal *s, unsigned int nr)
{
	struct reh_lane *lane = &s->lane[nr];
	struct km_taken taken[KM_WIRE_PAGES_MAX];
	unsigned int n = km_ledger_take(s->ledger, nr, taken, s->take_pages);
	struct message m = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		struct km_page p = taken[i].page;
		struct km_sum sum = km_reh_sum(&s->guest, p.index);
		enum km_choice what = km_choose(sum, km_ledger_sum(s->ledger, p), taken[i].handed,
						!s->listed_all);

		read_page(s, lane, p.index);
		if (what == KM_LATER) {
			s->r->later_pages += km_ledger_leave(s->ledger, p);
			continue;
		}
		if (what == KM_SEND) {
			one_page(s, lane, p, taken[i].hot, &m);
			km_ledger_set_sum(s->ledger, p, sum);
		} else {
			s->r->same_pages++;
		}
		km_ledger_done(s->ledger, nr, 1);
	}
	look(s, lane);
	if (m.n) {
		pack(s, lane, &m);
		put(s, nr, &m);
	}
	return n;
}

void km_reh_lanes_step(struct rehearsal *s)
{
	double room = s->hosts->link_bytes_per_s * SOCKET_S / s->hosts->streams;

	if (room < SOCKET_BYTES)
		room = SOCKET_BYTES;
	for (unsigned int i = 0; i < s->hosts->streams; i++) {
		struct reh_lane *lane = &s->lane[i];
		bool any = true;

		while (any && km_reh_can(s, KM_REH_SOURCE, &lane->sender) &&
		       s->waiting < QUEUE_MAX && (double)lane->queued <= room)
			any = batch(s, i);
		if (!any && lane->sender.left_ns > 0)
			lane->idle_ns += (uint64_t)lane->sender.left_ns;
	}
}

/* Of a byte. One that has no CPU when something comes finds more to read when it has one. */
static double wake_ns(const struct rehearsal *s)
{
	double bytes = s->hosts->link_bytes_per_s / s->hosts->streams * WAKES_S;

	if (bytes < FOUND_BYTES)
		bytes = FOUND_BYTES;
	return wire(s)->wake / bytes * (1 - km_reh_busy(s));
}

/* Of the first message, as much as has its turn. */
static uint32_t carry(struct rehearsal *s)
{
	struct reh_msg *q = &s->queue[s->head];
	uint32_t n = s->link_due < q->bytes ? (uint32_t)s->link_due : q->bytes;

	s->carried += n;
	s->lane[q->lane].carried += n;
	s->lane[q->lane].queued -= n;
	q->bytes -= n;
	km_reh_work(s, KM_REH_DESTINATION, &s->lane[q->lane].receiver,
		    n * (wire(s)->recv_byte + wake_ns(s)));
	if (q->bytes)
		return n;
	km_reh_work(s, KM_REH_DESTINATION, &s->lane[q->lane].receiver, q->apply_ns);
	s->acked += q->pages; /* the way back is short against a pause's pages */
	s->head = (s->head + 1) % QUEUE_MAX;
	s->waiting--;
	return n;
}

static bool can_receive(const struct rehearsal *s)
{
	return km_reh_can(s, KM_REH_DESTINATION, &s->lane[s->queue[s->head].lane].receiver);
}

void km_reh_link_step(struct rehearsal *s)
{
	s->link_due += s->hosts->link_bytes_per_s * STEP_MS / 1e3;
	while (s->waiting && s->link_due >= 1 && can_receive(s))
		s->link_due -= carry(s);
	if (!s->waiting)
		s->link_due = 0;
	/* What comes while a receiver waits for a CPU has room in its socket, for a while. */
	s->link_due = fmin(s->link_due, s->hosts->link_bytes_per_s * SOCKET_S);
}
