// SPDX-License-Identifier: GPL-2.0
/* The ledger, its sets and the chooser.  The race: a guest, a lister and two senders at once; at
 * the end the destination must hold what the guest last wrote (I1, I2, I3).  xfer_model.c does
 * the same a step at a time, in many more orders. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ktap.h"
#include "xfer/bits.h"
#include "xfer/chooser.h"
#include "xfer/scout.h"

/* Against an array of bools. */
static void bits_model(bool *ok)
{
	static const uint64_t sizes[] = { 1, 63, 64, 65, 4096, 4097, 64 * 64 * 64 + 1 };
	unsigned int seed = 1, wrong = 0;

	for (unsigned int k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
		uint64_t n = sizes[k], members = 0, next;
		bool *model = calloc(n, sizeof(*model));
		struct km_bits b;

		CHECK(km_bits_init(&b, n) == 0);
		for (unsigned int i = 0; i < 3000; i++) {
			uint64_t at = (uint64_t)rand_r(&seed) % n;
			bool add = rand_r(&seed) % 2;
			bool changed = add ? km_bits_add(&b, at) : km_bits_del(&b, at);

			wrong += changed != (model[at] != add);
			members = members - model[at] + add;
			model[at] = add;
			if (i % 100)
				continue;
			at = (uint64_t)rand_r(&seed) % n;
			for (next = at; next < n && !model[next]; next++)
				;
			wrong += km_bits_next(&b, at) != (next < n ? next : KM_BITS_NONE);
			wrong += km_bits_has(&b, at) != model[at];
		}
		wrong += b.members != members;
		CHECK(km_bits_next(&b, n) == KM_BITS_NONE);
		km_bits_free(&b);
		free(model);
	}
	CHECK(wrong == 0);
}

static void bits_limits(bool *ok)
{
	struct km_bits b;

	CHECK(km_bits_init(&b, 0) == -EINVAL);
	CHECK(km_bits_init(&b, 1ull << 36) == 0); /* which are there, and not written */
	CHECK(km_bits_add(&b, (1ull << 36) - 1));
	CHECK(km_bits_next(&b, 0) == (1ull << 36) - 1);
	km_bits_free(&b);
	CHECK(km_bits_init(&b, (1ull << 36) + 1) == -EINVAL);
}

#define P(i)                             \
	(struct km_page)                 \
	{                                \
		.block = 0, .index = (i) \
	}

static void ledger_merges(bool *ok)
{
	struct km_ledger *l = km_ledger_new(2);
	struct km_taken got[4];

	CHECK(km_ledger_take(l, 0, got, 4) == 0); /* a stream may ask before there are blocks */
	CHECK(km_ledger_add_block(l, "a", 100 * 4096) == 0);
	CHECK(km_ledger_add_block(l, "a", 4096) == -EEXIST);
	CHECK(km_ledger_add_block(l, "b", 4095) == -EINVAL);
	CHECK(km_ledger_list(l, P(5), 7) == 1 && km_ledger_list(l, P(5), 9) == 0);
	CHECK(km_ledger_open(l) == 1);
	CHECK(km_ledger_take(l, km_ledger_stream_of(l, P(5)), got, 4) == 1);
	CHECK(got[0].page.index == 5 && got[0].handed == 9); /* the last listing's */
	CHECK(km_ledger_open(l) == 1);			     /* in hand */
	CHECK(km_ledger_list(l, P(5), 7) == 1);		     /* taken: it must be read again */
	km_ledger_done(l, 0, 1);
	CHECK(km_ledger_open(l) == 1);
	CHECK(km_ledger_list(l, P(100), 1) == -ERANGE);
	CHECK(km_ledger_list(l, (struct km_page){ 1, 0 }, 1) == -ERANGE);
	km_ledger_free(l);
}

static void ledger_owes(bool *ok)
{
	struct km_ledger *l = km_ledger_new(1);
	struct km_taken got[4];

	km_ledger_add_block(l, "a", 100 * 4096);
	for (uint64_t i = 0; i < 3; i++)
		km_ledger_list(l, P(i), 1);
	CHECK(km_ledger_take(l, 0, got, 3) == 3);
	CHECK(km_ledger_leave(l, P(0)) && km_ledger_leave(l, P(1)));
	CHECK(km_ledger_owed(l) == 2 && km_ledger_open(l) == 1);
	CHECK(km_ledger_list(l, P(1), 1) == 1); /* that was owed: it waits, and isn't owed */
	CHECK(km_ledger_owed(l) == 1 && km_ledger_open(l) == 2);
	CHECK(km_ledger_list(l, P(2), 1) == 1); /* listed while in hand: it waits already */
	CHECK(km_ledger_leave(l, P(2)));
	CHECK(km_ledger_owed(l) == 1 && km_ledger_open(l) == 2);
	km_ledger_recall(l);
	CHECK(km_ledger_owed(l) == 0 && km_ledger_open(l) == 3);
	CHECK(km_ledger_take(l, 0, got, 4) == 3);
	CHECK(!km_ledger_leave(l, P(0))); /* too late: it waits again */
	CHECK(km_ledger_owed(l) == 0 && km_ledger_open(l) == 3);
	CHECK(km_ledger_take(l, 0, got, 4) == 1 && got[0].page.index == 0);
	km_ledger_done(l, 0, 3);
	CHECK(km_ledger_open(l) == 0);
	km_ledger_free(l);
}

/* Its group becomes hot while it waits, and then it is to wait again. */
static void ledger_waits_once(bool *ok)
{
	struct km_ledger *l = km_ledger_new(1);
	struct km_taken got[8];

	km_ledger_add_block(l, "a", 64 * 4096);
	for (uint64_t i = 0; i < 3; i++)
		km_ledger_list(l, P(i), 1);
	CHECK(km_ledger_take(l, 0, got, 8) == 3);
	km_ledger_recall(l);
	km_ledger_list(l, P(0), 1); /* in hand, and the first that is dirty again: still cold */
	km_ledger_list(l, P(1), 1);
	CHECK(!km_ledger_leave(l, P(0)));
	km_ledger_done(l, 0, 2);
	CHECK(km_ledger_open(l) == 2);
	km_ledger_unsend(l, P(0));
	CHECK(km_ledger_open(l) == 2);
	CHECK(km_ledger_take(l, 0, got, 8) == 2);
	CHECK(got[0].page.index + got[1].page.index == 1);
	km_ledger_done(l, 0, 2);
	CHECK(!km_ledger_open(l) && !km_ledger_take(l, 0, got, 8));
	km_ledger_free(l);
}

static void ledger_order(bool *ok)
{
	struct km_ledger *l = km_ledger_new(1);
	struct km_taken got[300];
	struct km_page at;

	km_ledger_add_block(l, "a", 300 * 4096);
	km_ledger_add_block(l, "b", 300 * 4096);
	for (uint64_t i = 0; i < 2; i++)
		km_ledger_list(l, P(i), 1);
	km_ledger_take(l, 0, got, 2);
	km_ledger_done(l, 0, 2);
	for (uint64_t i = 0; i < 2; i++) /* again: the group is hot from the second on */
		km_ledger_list(l, P(i), 1);
	km_ledger_list(l, P(2), 1);
	km_ledger_list(l, (struct km_page){ 1, 9 }, 1);
	km_ledger_list(l, P(200), 1);
	/* Of one block at a time, which the search has reached; the cold ones first. */
	CHECK(km_ledger_take(l, 0, got, 300) == 1 && got[0].page.block == 1);
	CHECK(km_ledger_take(l, 0, got, 300) == 4);
	CHECK(got[0].page.index == 0 && got[1].page.index == 200);
	CHECK(got[2].page.index == 1 && got[3].page.index == 2);
	km_ledger_list(l, P(3), 1);
	km_ledger_list(l, P(100), 1);
	CHECK(km_ledger_take(l, 0, got, 300) == 2 && got[1].page.index == 3); /* still hot */
	CHECK(km_ledger_hottest(l, &at) == 64 && at.block == 0 && at.index == 0);
	km_ledger_cool(l);
	km_ledger_cool(l);
	CHECK(km_ledger_hottest(l, &at) == 0);
	for (int i = 0; i < 3; i++) { /* the last group of a block of 300 has 44 pages */
		km_ledger_list(l, P(299), 1);
		km_ledger_take(l, 0, got, 300);
	}
	CHECK(km_ledger_hottest(l, &at) == 44 && at.block == 0 && at.index == 256);
	km_ledger_list(l, P(4), 1);
	km_ledger_list(l, P(101), 1);
	CHECK(km_ledger_take(l, 0, got, 300) == 2 && got[0].page.index == 4);
	km_ledger_free(l);
}

/* What is seen to be written while it waits goes last, and what is near to it before that. */
static void ledger_suspects(bool *ok)
{
	for (unsigned int streams = 1; streams <= 2; streams++) {
		struct km_ledger *l = km_ledger_new(streams);
		const uint64_t hot = 256 * 64 + 30 * 64, near = hot - 256 * 64, far = near - 64;
		const uint64_t edge = hot + 256 * 64, over = edge + 64;
		const uint64_t order[] = { far, near, over, hot, hot + 1, edge };
		struct km_taken got[8];
		unsigned int at = km_ledger_stream_of(l, P(hot));

		km_ledger_add_block(l, "a", 40001 * 4096);
		for (unsigned int i = 6; i--;)
			km_ledger_list(l, P(order[i]), 1);
		km_ledger_suspect(l, P(hot + 2)); /* that does not wait */
		km_ledger_suspect(l, P(edge));	  /* that was near to it */
		CHECK(km_ledger_open(l) == 6);
		for (unsigned int nr = 0; nr < streams; nr++) {
			unsigned int n = km_ledger_take(l, nr, got, 8), rank = 0;

			for (unsigned int i = 0; i < n; i++, rank++) {
				while (rank < 6 && got[i].page.index != order[rank])
					rank++;
				CHECK(rank < 6 && got[i].hot == (rank >= 3));
			}
			km_ledger_done(l, nr, n);
		}
		CHECK(!km_ledger_open(l));
		/* What is listed later as well; and a suspicion lasts for a round. */
		km_ledger_list(l, P(hot), 1);
		km_ledger_list(l, P(near), 1);
		km_ledger_list(l, P(near - 128), 1);
		CHECK(km_ledger_take(l, at, got, 8) == 3 && got[0].page.index == near - 128);
		CHECK(got[1].page.index == near && got[2].page.index == hot);
		km_ledger_cool(l);
		km_ledger_cool(l);
		km_ledger_list(l, P(near), 1);
		km_ledger_list(l, P(hot + 1), 1);
		CHECK(km_ledger_take(l, at, got, 8) == 2 && !got[0].hot && !got[1].hot);
		km_ledger_suspect(l, P(40000)); /* the last, of a group of one */
		km_ledger_suspect(l, P(0));
		km_ledger_free(l);
	}
}

/* Of each group one page that was listed, another in turn; none of a hot one. */
static void ledger_samples(bool *ok)
{
	struct km_ledger *l = km_ledger_new(2);
	struct km_page at = { 0, 0 };
	struct km_taken got[16];

	CHECK(km_ledger_sample(l, &at, 0, got, 16) == 0);
	km_ledger_add_block(l, "a", 300 * 4096); /* five groups */
	km_ledger_add_block(l, "b", 1 * 4096);
	km_ledger_list(l, P(3), 31);
	km_ledger_list(l, P(5), KM_HANDED_UNKNOWN);
	km_ledger_list(l, P(9), 91);
	km_ledger_list(l, P(130), 1);
	km_ledger_list(l, P(200), KM_HANDED_UNKNOWN);
	km_ledger_list(l, P(299), 1);
	km_ledger_list(l, (struct km_page){ 1, 0 }, 7);
	CHECK(km_ledger_sample(l, &at, 4, got, 2) == 1 && at.block == 0 && at.index == 128);
	CHECK(got[0].page.index == 9 && got[0].handed == 91);
	CHECK(km_ledger_sample(l, &at, 4, got, 16) == 3 && at.block == 2);
	CHECK(got[0].page.index == 130 && got[1].page.index == 299);
	CHECK(got[2].page.block == 1 && got[2].handed == 7);
	CHECK(km_ledger_sample(l, &at, 4, got, 16) == 0); /* it was the last */
	at = (struct km_page){ 0, 0 };
	CHECK(km_ledger_sample(l, &at, 64 + 10, got, 1) == 1 && got[0].page.index == 3);
	/* Whether it waits or was sent. */
	km_ledger_take(l, km_ledger_stream_of(l, P(3)), got, 16);
	at = (struct km_page){ 0, 0 };
	CHECK(km_ledger_sample(l, &at, 0, got, 5) == 3 && got[0].page.index == 3);
	km_ledger_suspect(l, P(9));
	at = (struct km_page){ 0, 0 };
	CHECK(km_ledger_sample(l, &at, 0, got, 5) == 2 && got[0].page.index == 130);
	km_ledger_free(l);
}

struct content { /* of a guest whose pages hold a number */
	uint32_t page[300];
	unsigned int asked;
	bool silent;
};

static bool content_now(void *ctx, struct km_page p, uint32_t *now)
{
	struct content *c = ctx;

	c->asked++;
	*now = c->page[p.index];
	return !c->silent;
}

static void scouts(bool *ok)
{
	const uint32_t zero = 5;
	struct km_ledger *l = km_ledger_new(1);
	struct content c = { 0 };
	struct km_scout s = { 0 };
	struct km_taken got[16];

	km_ledger_add_block(l, "a", 300 * 4096);
	for (unsigned int i = 0; i < 300; i++)
		c.page[i] = 2 * i + 7;
	c.page[64] = zero;
	km_ledger_list(l, P(0), c.page[0]);
	km_ledger_list(l, P(64), zero);
	km_ledger_list(l, P(128), KM_HANDED_UNKNOWN);
	km_ledger_list(l, P(192), c.page[192]);
	km_scout_look(&s, l, 3, zero, content_now, &c);
	CHECK(c.asked == 1 && s.looked == 1);
	km_scout_look(&s, l, 100, zero, content_now, &c);
	CHECK(c.asked == 2 && s.looked == 1);
	/* All the same: nothing is hot. One that can't be told is not, either. */
	c.page[0]++;
	c.silent = true;
	km_scout_look(&s, l, 100, zero, content_now, &c);
	CHECK(c.asked == 4);
	c.silent = false;
	km_scout_look(&s, l, 100, zero, content_now, &c);
	CHECK(km_ledger_take(l, 0, got, 16) == 4 && got[3].page.index == 0 && got[3].hot);
	CHECK(!got[0].hot && !got[1].hot && !got[2].hot);
	km_ledger_free(l);
}

static void sums(bool *ok)
{
	uint8_t secret[KM_SECRET_BYTES], page[4096] = { 0 };
	struct km_sum a, b;

	for (unsigned int i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(i * 37 + 11);
	a = km_sum_of(secret, page);
	page[4095] = 1;
	b = km_sum_of(secret, page);
	CHECK(a.low != b.low && a.high != b.high);
	page[4095] = 0;
	b = km_sum_of(secret, page);
	CHECK(a.low == b.low && a.high == b.high);
	secret[0] ^= 1;
	b = km_sum_of(secret, page);
	CHECK(a.low != b.low);
	for (uint64_t i = 0; i < 4; i++)
		CHECK(km_sum_handed((struct km_sum){ i, 0 }) != KM_HANDED_NEVER &&
		      km_sum_handed((struct km_sum){ i, 0 }) != KM_HANDED_UNKNOWN);
}

static void chooses(bool *ok)
{
	struct km_sum x = { 4, 1 }, y = { 4, 2 }, z = { 8, 1 };
	uint32_t hx = km_sum_handed(x), hz = km_sum_handed(z);

	CHECK(km_choose(x, NULL, hx, true) == KM_SEND);
	CHECK(km_choose(x, NULL, hz, true) == KM_LATER);
	CHECK(km_choose(x, NULL, hz, false) == KM_SEND); /* I2: the guest is stopped */
	CHECK(km_choose(x, &x, hx, true) == KM_SAME);
	CHECK(km_choose(x, &x, hz, true) == KM_SAME);
	CHECK(km_choose(x, &x, hz, false) == KM_SAME);
	CHECK(km_choose(x, &y, hx, false) == KM_SEND); /* all 128 bits count */
	CHECK(km_choose(x, &z, hx, false) == KM_SEND);
	/* Nobody knows whether it was written since. */
	CHECK(km_choose(x, NULL, KM_HANDED_UNKNOWN, true) == KM_SEND);
	CHECK(km_choose(x, &x, KM_HANDED_UNKNOWN, true) == KM_SAME);
}

#define PAGES  512
#define ROUNDS 400
#define LANES  2

struct race {
	struct km_ledger *l;
	_Atomic uint64_t guest[PAGES], dest[PAGES];
	_Atomic bool dirty[PAGES];
	_Atomic bool guest_done, listed_all, recalled;
	_Atomic unsigned int reordered, left;
};

static struct km_sum sum_of(uint64_t v)
{
	return (struct km_sum){ v << 1, ~v };
}

/* Writes, then marks dirty, as KVM does for a store it traps. */
static void *guest_main(void *arg)
{
	struct race *m = arg;
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

/* QEMU: clears the dirty bit, reads, then lists. */
static void *lister_main(void *arg)
{
	struct race *m = arg;
	bool last;

	do {
		last = m->guest_done;
		for (unsigned int p = 0; p < PAGES; p++)
			if (atomic_exchange(&m->dirty[p], false))
				km_ledger_list(m->l, P(p), km_sum_handed(sum_of(m->guest[p])));
	} while (!last);
	m->listed_all = true;
	km_ledger_recall(m->l);
	m->recalled = true;
	return NULL;
}

struct sender {
	struct race *m;
	unsigned int lane;
};

static void settle(struct race *m, unsigned int lane, const struct km_taken *t)
{
	uint64_t v = m->guest[t->page.index];
	struct km_sum sum = sum_of(v);

	switch (km_choose(sum, km_ledger_sum(m->l, t->page), t->handed, !m->listed_all)) {
	case KM_LATER:
		m->left += km_ledger_leave(m->l, t->page);
		return;
	case KM_SEND:
		if (!(v & 63))
			usleep(50); /* the page is on the wire */
		/* The guest's values only grow: an older one arriving
		 * later means that two versions changed places. */
		if (v < m->dest[t->page.index])
			m->reordered++;
		m->dest[t->page.index] = v;
		km_ledger_set_sum(m->l, t->page, sum);
		break;
	case KM_SAME:
		break;
	}
	km_ledger_done(m->l, lane, 1);
}

static void *sender_main(void *arg)
{
	struct sender *s = arg;
	struct km_taken pages[16];

	for (;;) {
		bool last = s->m->recalled;
		unsigned int n = km_ledger_take(s->m->l, s->lane, pages, 16);

		for (unsigned int i = 0; i < n; i++)
			settle(s->m, s->lane, &pages[i]);
		if (last && !n)
			return NULL;
	}
}

/* Puts what waits into another order all the time. */
static void *scout_main(void *arg)
{
	struct race *m = arg;
	unsigned int seed = 3;

	while (!m->recalled) {
		struct km_page at = { 0, 0 };
		struct km_taken got[PAGES / 64];
		unsigned int n =
			km_ledger_sample(m->l, &at, (unsigned int)rand_r(&seed), got, PAGES / 64);

		if (n)
			km_ledger_suspect(m->l, got[(unsigned int)rand_r(&seed) % n].page);
		if (!(rand_r(&seed) % 8))
			km_ledger_cool(m->l);
		usleep(50);
	}
	return NULL;
}

static void ledger_race(bool *ok)
{
	struct race *m = calloc(1, sizeof(*m));
	struct sender s[LANES];
	pthread_t t[3 + LANES];
	unsigned int wrong = 0;

	m->l = km_ledger_new(LANES);
	km_ledger_add_block(m->l, "a", PAGES * 4096);
	pthread_create(&t[0], NULL, guest_main, m);
	pthread_create(&t[1], NULL, lister_main, m);
	pthread_create(&t[2], NULL, scout_main, m);
	for (unsigned int i = 0; i < LANES; i++) {
		s[i] = (struct sender){ m, i };
		pthread_create(&t[3 + i], NULL, sender_main, &s[i]);
	}
	for (unsigned int i = 0; i < 3 + LANES; i++)
		pthread_join(t[i], NULL);
	for (unsigned int p = 0; p < PAGES; p++)
		wrong += m->guest[p] != m->dest[p];
	printf("# %u times a page was left\n", m->left);
	CHECK(wrong == 0);
	CHECK(m->reordered == 0);
	CHECK(km_ledger_open(m->l) == 0 && km_ledger_owed(m->l) == 0);
	km_ledger_free(m->l);
	free(m);
}

static const struct ktap_case cases[] = {
	{ "bits: as an array of bools", bits_model },
	{ "bits: up to 2^36 of them", bits_limits },
	{ "ledger: waiting pages merge, taken ones do not", ledger_merges },
	{ "ledger: what is left is owed until it is listed, or recalled", ledger_owes },
	{ "ledger: no page waits in two places", ledger_waits_once },
	{ "ledger: hot pages wait for cold ones, and cool", ledger_order },
	{ "ledger: what was seen to be written goes last, its neighbours before", ledger_suspects },
	{ "ledger: samples of what waits", ledger_samples },
	{ "scout: finds what was written since it was handed over", scouts },
	{ "sums: each byte counts, and so does the secret", sums },
	{ "chooser: the same, later, or sent", chooses },
	{ "ledger: guest, lister and senders race; nothing is lost or reordered", ledger_race },
};
KTAP_MAIN(cases)
