// SPDX-License-Identifier: GPL-2.0
/* The ledger and the pace.  The model: a guest, a lister and two senders race;
 * at the end the destination must hold what the guest last wrote (I1, I3). */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include "ktap.h"
#include "xfer/ledger.h"
#include "xfer/pace.h"

static void ledger_merges(bool *ok)
{
	struct km_ledger *l = km_ledger_new(2);
	struct km_page p = { 0, 5 }, got[4];

	CHECK(km_ledger_add_block(l, "a", 100 * 4096) == 0);
	CHECK(km_ledger_add_block(l, "a", 4096) == -EEXIST);
	CHECK(km_ledger_add_block(l, "b", 4095) == -EINVAL);
	CHECK(km_ledger_list(l, p) == 1 && km_ledger_list(l, p) == 0);
	CHECK(km_ledger_waiting(l) == 1);
	CHECK(km_ledger_take(l, km_ledger_stream_of(l, p), got, 4) == 1 && got[0].index == 5);
	CHECK(km_ledger_list(l, p) == 1); /* taken: it must be sent again */
	CHECK(km_ledger_list(l, (struct km_page){ 0, 100 }) == -ERANGE);
	CHECK(km_ledger_list(l, (struct km_page){ 1, 0 }) == -ERANGE);
	km_ledger_free(l);
}

#define PAGES 512
#define ROUNDS 400
#define LANES 2

struct model {
	struct km_ledger *l;
	_Atomic uint64_t guest[PAGES], dest[PAGES];
	_Atomic bool dirty[PAGES];
	_Atomic bool guest_done, listed_all;
	_Atomic unsigned int reordered;
};

/* Writes, then marks dirty, as KVM does for a store it traps. */
static void *guest_main(void *arg)
{
	struct model *m = arg;
	unsigned int seed = 1;

	for (uint64_t i = 1; i <= (uint64_t)PAGES * ROUNDS; i++) {
		unsigned int p = (unsigned int)rand_r(&seed) % PAGES;

		m->guest[p] = i;
		m->dirty[p] = true;
		if (!(i % 2048))
			usleep(100); /* let the lister make many rounds */
	}
	m->guest_done = true;
	return NULL;
}

/* QEMU: clears the dirty bit, then lists. */
static void *lister_main(void *arg)
{
	struct model *m = arg;
	bool last;

	do {
		last = m->guest_done;
		for (unsigned int p = 0; p < PAGES; p++)
			if (atomic_exchange(&m->dirty[p], false))
				km_ledger_list(m->l, (struct km_page){ 0, p });
	} while (!last);
	m->listed_all = true;
	return NULL;
}

struct sender {
	struct model *m;
	unsigned int lane;
};

static void *sender_main(void *arg)
{
	struct sender *s = arg;
	struct km_page pages[16];

	for (;;) {
		bool last = s->m->listed_all;
		unsigned int n = km_ledger_take(s->m->l, s->lane, pages, 16);

		for (unsigned int i = 0; i < n; i++) {
			uint64_t v = s->m->guest[pages[i].index];

			if (!(v & 63))
				usleep(50); /* the page is on the wire */
			/* The guest's values only grow: an older one arriving
			 * later means that two versions changed places. */
			if (v < s->m->dest[pages[i].index])
				s->m->reordered++;
			s->m->dest[pages[i].index] = v;
		}
		if (last && !n)
			return NULL;
	}
}

static void ledger_model(bool *ok)
{
	struct model *m = calloc(1, sizeof(*m));
	struct sender s[LANES];
	pthread_t t[2 + LANES];
	unsigned int wrong = 0;

	m->l = km_ledger_new(LANES);
	km_ledger_add_block(m->l, "a", PAGES * 4096);
	pthread_create(&t[0], NULL, guest_main, m);
	pthread_create(&t[1], NULL, lister_main, m);
	for (unsigned int i = 0; i < LANES; i++) {
		s[i] = (struct sender){ m, i };
		pthread_create(&t[2 + i], NULL, sender_main, &s[i]);
	}
	for (unsigned int i = 0; i < 2 + LANES; i++)
		pthread_join(t[i], NULL);
	for (unsigned int p = 0; p < PAGES; p++)
		wrong += m->guest[p] != m->dest[p];
	CHECK(wrong == 0);
	CHECK(m->reordered == 0);
	km_ledger_free(m->l);
	free(m);
}

static void rate(bool *ok)
{
	struct km_pace_rate r = { 0 };

	km_pace_see(&r, 100000, 100000, 0, 200);
	CHECK(r.bytes_per_s == 0); /* nothing but zero pages: nobody knows the link */
	km_pace_see(&r, 101000, 102000, 2000, 200);
	CHECK(r.bytes_per_s == 1000 * 4096 * 5);
	km_pace_see(&r, 102000, 104000, 3000, 200); /* half of them zero pages */
	CHECK(r.bytes_per_s == (1000 + 500) / 2 * 4096 * 5);
	km_pace_see(&r, 103000, 104000, 3000, 200); /* on their way: as before */
	CHECK(r.bytes_per_s == (750 + 500) / 2 * 4096 * 5);
}

static void pace(bool *ok)
{
	/* 100 MB/s and 100 ms carry 10 MB; QEMU drains at 1 GB/s: 10 ms. */
	CHECK(km_pace_downtime_ms(100000000, 0, 1000000000, 100) == 10);
	/* What the relay still holds comes off first. */
	CHECK(km_pace_downtime_ms(100000000, 5000000, 1000000000, 100) == 5);
	CHECK(km_pace_downtime_ms(100000000, 20000000, 1000000000, 100) == 1);
	CHECK(km_pace_downtime_ms(0, 0, 0, 100) == 1);
	CHECK(km_pace_backlog_pages(0, 100) == 512);
	CHECK(km_pace_backlog_pages(1250000000, 100) == 1250000000ull / 1000 * 100 / 4 / 4096);
	CHECK(km_pace_backlog_pages(UINT64_MAX / 100000, 100) == 65536);
}

static const struct ktap_case cases[] = {
	{ "ledger: waiting pages merge, taken ones do not", ledger_merges },
	{ "ledger: guest, lister and senders race; nothing is lost or reordered", ledger_model },
	{ "pace: zero pages cost the link nothing", rate },
	{ "pace: the threshold is what the link carries", pace },
};
KTAP_MAIN(cases)
