// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger and the chooser against a guest, a QEMU and a network that do whatever their rules
 * allow, one small step at a time, in random order: at the end the destination must hold what the
 * guest does (I1), nothing may be left out behind the guest's back (I2), and no version of a page
 * may arrive after a newer one (I3).
 *
 * What they may do:
 *   guest    writes a page, then marks it dirty; two steps
 *   QEMU     syncs (moves the log's bits into its own), clears its bit of a page, reads the
 *            page, hands both over; each a step.  Half of the pages are named before they are
 *            read (channel.c).  Any number of pages may be on the way between
 *            two of these, but of one page only one (the barriers of intake.c)
 *   stream   takes pages; reads one; settles it; sends, whole or as a delta against what it sent
 *            last.  Its messages arrive in order, later, and are acknowledged later still
 *   link     breaks, of all streams at once: of each stream's messages on their way some still
 *            arrive, some never; guest and QEMU go on; then there are new connections
 *   the end  the guest stops; a last sync; all that is dirty is listed; RAM END
 *   a hint   that a page will be listed again, or is written all the time, and that is wrong
 *            (D2): it may cost a send
 */
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "xfer/chooser.h"
#include "xfer/inflight.h"

#define PAGES	200
#define STREAMS 3
#define HAND	8
#define WIRE	64
#define PIPES	12
#define CASES	2000  /* half of them for links that break: they take longer */
#define NOTHING (~0u) /* no content */

struct handing {		    /* a page between QEMU's bit and the ledger */
	bool used, was_read, named; /* in the ledger already */
	unsigned int page, value;
};

struct stream {
	struct km_taken hand[HAND];
	unsigned int n, at;
	bool was_read, may_leave, hinted;
	unsigned int value, age; /* of hand[at], once it was read */
	struct {
		unsigned int page, value, age;
		unsigned int base; /* of a delta, or NOTHING */
	} wire[WIRE];
	unsigned int head, len;
	unsigned int applied; /* and not acknowledged */
	unsigned int cache[PAGES];
	struct km_inflight inflight;
};

struct world {
	struct km_ledger *l;
	unsigned int seed, values, hot;
	unsigned int guest[PAGES], dest[PAGES];	 /* contents, by number */
	unsigned int age[PAGES], arrived[PAGES]; /* of the content; the age of what arrived last */
	unsigned int breaks_in;			 /* so many arrivals; 0: never */
	unsigned int written; /* the page that is written and not yet marked, or PAGES */
	bool log[PAGES], bitmap[PAGES];
	struct handing pipe[PIPES];
	struct stream s[STREAMS];
	bool stopped, all_listed;
	unsigned int reordered, misfits, same, later, sends, deltas, breaks, lost;
};

static unsigned int roll(struct world *w, unsigned int n)
{
	return (unsigned int)rand_r(&w->seed) % n;
}

/* Two contents are equal when their numbers are: a stand-in for xxh3, whose own job isn't tested
 * here. */
static struct km_sum sum(unsigned int value)
{
	return (struct km_sum){ 2 * (value + 1ull), ~(uint64_t)value };
}

static unsigned int pick_page(struct world *w)
{
	return roll(w, 4) ? roll(w, w->hot) : roll(w, PAGES);
}

static void guest_step(struct world *w)
{
	if (w->written < PAGES) {
		w->log[w->written] = true;
		w->written = PAGES;
	} else if (!w->stopped) {
		w->written = pick_page(w);
		w->guest[w->written] = roll(w, w->values); /* few: often a value it had before */
		w->age[w->written]++;
	}
}

static void sync_step(struct world *w)
{
	for (unsigned int p = 0; p < PAGES; p++) {
		w->bitmap[p] = w->bitmap[p] || w->log[p];
		w->log[p] = false;
	}
}

static bool on_its_way(const struct world *w, unsigned int page)
{
	for (unsigned int i = 0; i < PIPES; i++)
		if (w->pipe[i].used && w->pipe[i].page == page)
			return true;
	return false;
}

static void qemu_step(struct world *w)
{
	struct handing *h = &w->pipe[roll(w, PIPES)];
	unsigned int from = roll(w, PAGES);

	if (h->used && !h->was_read) {
		h->value = w->guest[h->page];
		h->was_read = true;
	} else if (h->used) {
		if (!h->named)
			km_ledger_list(w->l, (struct km_page){ 0, h->page },
				       km_sum_handed(sum(h->value)));
		h->used = false;
	}
	if (h->used)
		return;
	for (unsigned int i = 0; i < PAGES; i++) {
		unsigned int p = (from + i) % PAGES;

		if (!w->bitmap[p] || on_its_way(w, p))
			continue;
		w->bitmap[p] = false;
		*h = (struct handing){ .used = true, .page = p, .named = roll(w, 2) };
		if (h->named) /* by its packet's head (channel.c) */
			km_ledger_list(w->l, (struct km_page){ 0, p }, KM_HANDED_UNKNOWN);
		return;
	}
}

static void send_value(struct world *w, unsigned int nr, unsigned int page, unsigned int value,
		       unsigned int age)
{
	struct stream *s = &w->s[nr];
	unsigned int at = (s->head + s->len++) % WIRE;

	km_inflight_put(&s->inflight, &s->hand[s->at], 1);
	s->wire[at].page = page;
	s->wire[at].value = value;
	s->wire[at].age = age;
	s->wire[at].base = roll(w, 2) ? s->cache[page] : NOTHING;
	w->deltas += s->wire[at].base != NOTHING;
	s->cache[page] = value;
	km_ledger_set_sum(w->l, (struct km_page){ 0, page }, sum(value));
	km_ledger_done(w->l, nr, 1);
	w->sends++;
}

static void settle(struct world *w, unsigned int nr)
{
	struct stream *s = &w->s[nr];
	struct km_taken *t = &s->hand[s->at];
	enum km_choice choice =
		km_choose(sum(s->value), km_ledger_sum(w->l, t->page), t->handed, s->may_leave);

	if (choice == KM_SEND && s->may_leave && s->hinted)
		choice = KM_LATER;
	switch (choice) {
	case KM_SAME:
		km_ledger_done(w->l, nr, 1);
		w->same++;
		break;
	case KM_LATER:
		w->later += km_ledger_leave(w->l, t->page);
		break;
	case KM_SEND:
		send_value(w, nr, (unsigned int)t->page.index, s->value, s->age);
		break;
	}
	s->at++;
	s->was_read = false;
}

static void stream_step(struct world *w, unsigned int nr)
{
	struct stream *s = &w->s[nr];

	if (s->at == s->n) {
		s->n = km_ledger_take(w->l, nr, s->hand, 1 + roll(w, HAND));
		s->at = 0;
	} else if (!s->was_read) {
		s->value = w->guest[s->hand[s->at].page.index];
		s->age = w->age[s->hand[s->at].page.index];
		s->may_leave = !w->all_listed; /* may be old news when it is settled */
		s->hinted = !roll(w, 20);
		s->was_read = true;
	} else if (s->len < WIRE) {
		settle(w, nr);
	}
}

static void arrive_step(struct world *w, unsigned int nr)
{
	struct stream *s = &w->s[nr];
	unsigned int p = s->wire[s->head].page, age = s->wire[s->head].age;
	unsigned int base = s->wire[s->head].base;

	if (!s->len)
		return;
	w->misfits += base != NOTHING && base != w->dest[p];
	w->reordered += age < w->arrived[p];
	w->arrived[p] = age;
	w->dest[p] = s->wire[s->head].value;
	s->head = (s->head + 1) % WIRE;
	s->len--;
	s->applied++;
}

static void ack_step(struct world *w, unsigned int nr)
{
	struct stream *s = &w->s[nr];
	unsigned int n = roll(w, s->applied + 1);

	s->applied -= n;
	km_inflight_off(&s->inflight, n);
}

static void connect_stream(struct stream *s)
{
	s->len = s->applied = 0;
	memset(s->cache, ~0, sizeof(s->cache));
}

/* What its sender has in hand is on its way as well: the write may have failed in its midst. */
static void break_stream(struct world *w, unsigned int nr)
{
	struct stream *s = &w->s[nr];
	unsigned int still = roll(w, s->len + 1);

	for (; s->at < s->n; s->at++) {
		km_inflight_put(&s->inflight, &s->hand[s->at], 1);
		km_ledger_done(w->l, nr, 1);
	}
	s->was_read = false;
	while (still--)
		arrive_step(w, nr);
	w->lost += s->len;
	km_inflight_unsend(&s->inflight, w->l);
	connect_stream(s);
}

static void break_link(struct world *w)
{
	for (unsigned int nr = 0; nr < STREAMS; nr++)
		break_stream(w, nr);
	w->breaks++;
	for (unsigned int away = roll(w, 500); away; away--) {
		guest_step(w);
		if (!roll(w, 200))
			sync_step(w);
		qemu_step(w);
	}
}

static void any_step(struct world *w)
{
	if (!roll(w, 60)) /* or so it looked */
		km_ledger_suspect(w->l, (struct km_page){ 0, roll(w, PAGES) });
	switch (roll(w, 8)) {
	case 0:
		guest_step(w);
		break;
	case 1:
		if (!roll(w, 40)) {
			sync_step(w);
			km_ledger_cool(w->l);
		}
		break;
	case 2:
	case 3:
		qemu_step(w);
		break;
	case 4:
		arrive_step(w, roll(w, STREAMS));
		ack_step(w, roll(w, STREAMS));
		if (w->breaks_in && !--w->breaks_in)
			break_link(w);
		break;
	default:
		stream_step(w, roll(w, STREAMS));
	}
}

static bool listing(const struct world *w)
{
	for (unsigned int i = 0; i < PIPES; i++)
		if (w->pipe[i].used)
			return true;
	for (unsigned int p = 0; p < PAGES; p++)
		if (w->bitmap[p])
			return true;
	return false;
}

/* The guest is stopped, QEMU lists what is dirty, the streams go on meanwhile; then the fence. */
static bool end_of_move(struct world *w)
{
	unsigned int turns = 0;

	guest_step(w); /* what is written is marked before the vCPU stops */
	w->stopped = true;
	if (w->written < PAGES)
		guest_step(w);
	sync_step(w);
	while (listing(w)) {
		qemu_step(w);
		stream_step(w, roll(w, STREAMS));
	}
	w->all_listed = true;
	km_ledger_recall(w->l);
	while (km_ledger_open(w->l)) {
		unsigned int nr = roll(w, STREAMS);

		stream_step(w, nr);
		arrive_step(w, nr);
		if (++turns > 100000)
			return false;
	}
	for (unsigned int nr = 0; nr < STREAMS; nr++)
		while (w->s[nr].len)
			arrive_step(w, nr);
	return !km_ledger_owed(w->l);
}

static unsigned int wrong_pages(const struct world *w)
{
	unsigned int wrong = 0;

	for (unsigned int p = 0; p < PAGES; p++)
		wrong += w->guest[p] != w->dest[p];
	return wrong;
}

struct totals {
	unsigned int wrong, stuck, reordered, misfits, same, later, sends, deltas, breaks, lost;
};

static void tally(const struct world *w, struct totals *t)
{
	t->wrong += wrong_pages(w);
	t->reordered += w->reordered;
	t->misfits += w->misfits;
	t->same += w->same;
	t->later += w->later;
	t->sends += w->sends;
	t->deltas += w->deltas;
	t->breaks += w->breaks;
	t->lost += w->lost;
}

static void one_move(unsigned int seed, bool breaks, struct totals *t)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned int steps;

	w->seed = seed;
	w->values = 2 + roll(w, 40);
	w->hot = 1 + roll(w, PAGES);
	w->written = PAGES;
	w->l = km_ledger_new(STREAMS);
	km_ledger_add_block(w->l, "ram", PAGES * 4096ull);
	for (unsigned int p = 0; p < PAGES; p++) {
		w->guest[p] = 1 + roll(w, w->values);
		w->dest[p] = NOTHING;
		w->bitmap[p] = true;
	}
	for (unsigned int nr = 0; nr < STREAMS; nr++) {
		km_inflight_init(&w->s[nr].inflight);
		connect_stream(&w->s[nr]);
	}
	for (steps = 500 + roll(w, 8000); steps; steps--) {
		if (breaks && !w->breaks_in)
			w->breaks_in = 1 + roll(w, 200);
		any_step(w);
	}
	t->stuck += !end_of_move(w);
	tally(w, t);
	for (unsigned int nr = 0; nr < STREAMS; nr++)
		km_inflight_free(&w->s[nr].inflight);
	km_ledger_free(w->l);
	free(w);
}

static void many_moves(unsigned int n, bool breaks, struct totals *t, bool *ok)
{
	for (unsigned int seed = 1; seed <= n; seed++)
		one_move(seed, breaks, t);
	printf("# %u moves: %u sends (%u deltas), %u the same, %u later; %u breaks, %u lost\n", n,
	       t->sends, t->deltas, t->same, t->later, t->breaks, t->lost);
	CHECK(t->stuck == 0);
	CHECK(t->wrong == 0);
	CHECK(t->reordered == 0);
	CHECK(t->misfits == 0);
	/* Or the model shows nothing. */
	CHECK(t->same > 10000 && t->later > 10000 && t->sends > 100000 && t->deltas > 5000);
}

static void moves(bool *ok)
{
	struct totals t = { 0 };

	many_moves(CASES, false, &t, ok);
	CHECK(!t.breaks);
}

static void moves_with_breaks(bool *ok)
{
	struct totals t = { 0 };

	many_moves(CASES / 2, true, &t, ok);
	CHECK(t.breaks > 4000 && t.lost > 10000);
}

static const struct ktap_case cases[] = {
	{ "model: 2000 moves in random order, no page wrong, lost or reordered", moves },
	{ "model: 1000 over links that break again and again", moves_with_breaks },
};
KTAP_MAIN(cases)
