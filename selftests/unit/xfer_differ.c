// SPDX-License-Identifier: GPL-2.0
/*
 * Deltas and the cache that they are made against: it holds what it was given, in bounded memory,
 * and for pages that are of use; and a destination that applies what a source sends it has the
 * source's pages.
 */
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "xfer/delta.h"
#include "xfer/differ.h"
#include "xfer/pagecache.h"

#define PLACE (KM_PAGE_SIZE + 32u)

/* ---- the cache ---- */

static bool holds(struct km_pagecache *c, uint64_t index)
{
	const uint64_t *page = (const void *)km_pagecache_find(c, (struct km_page){ 3, index });

	return page && *page == index;
}

/* Sends a page: as the differ does, but that it is useful or not is told. Says if it was here. */
static bool visit(struct km_pagecache *c, uint64_t index, bool useful)
{
	uint8_t *page = km_pagecache_find(c, (struct km_page){ 3, index });

	if (page) {
		km_pagecache_rate(c, page, useful);
		return true;
	}
	page = km_pagecache_add(c, (struct km_page){ 3, index });
	if (page)
		memcpy(page, &index, sizeof(index));
	return false;
}

/* How many of the pages from..from + n - 1 were here, in the last of so many rounds. */
static unsigned int rounds(struct km_pagecache *c, uint64_t from, unsigned int n, unsigned int k)
{
	unsigned int hits = 0;

	while (k--) {
		hits = 0;
		for (unsigned int i = 0; i < n; i++)
			hits += visit(c, from + i, true);
	}
	return hits;
}

static void bounded(bool *ok)
{
	struct km_pagecache *c = km_pagecache_new(100 * PLACE + PLACE / 2);

	CHECK(!km_pagecache_new(0) && !km_pagecache_new(KM_PAGE_SIZE));
	for (uint64_t i = 0; i < 100; i++) {
		visit(c, i << 20, true);
		CHECK(km_pagecache_pages(c) == i + 1);
	}
	for (uint64_t i = 0; i < 100; i++)
		CHECK(holds(c, i << 20) && !holds(c, (i << 20) + 1));
	CHECK(!km_pagecache_find(c, (struct km_page){ 2, 0 }));
	for (uint64_t i = 0; i < 10000; i++)
		visit(c, i * 77, i % 3);
	CHECK(km_pagecache_pages(c) <= 100);
	km_pagecache_free(c);
}

static void keep_place(bool *ok)
{
	struct km_pagecache *c = km_pagecache_new(1000 * PLACE);

	/* All fit. */
	CHECK(rounds(c, 0, 1000, 3) == 1000);
	/* Each round, three times as many that come once only. */
	for (unsigned int r = 0; r < 30; r++) {
		for (uint64_t i = 0; i < 3000; i++)
			visit(c, 1000000 + r * 3000 + i, true);
		CHECK(rounds(c, 0, 1000, 1) == 1000);
	}
	/* Another set takes over when the first is not sent any more, ever more slowly. */
	CHECK(rounds(c, 5000, 1000, 20) > 800);
	km_pagecache_free(c);
	/* A set that is three times too large: the best that there is are a third. */
	c = km_pagecache_new(1000 * PLACE);
	CHECK(rounds(c, 0, 3000, 20) > 900);
	km_pagecache_free(c);
}

static void useless_leave(bool *ok)
{
	struct km_pagecache *c = km_pagecache_new(10 * PLACE);

	visit(c, 1, true);
	visit(c, 1, false); /* never of use: out */
	CHECK(!holds(c, 1) && !km_pagecache_pages(c));
	visit(c, 2, true);
	visit(c, 2, true);
	visit(c, 2, false); /* a lapse */
	CHECK(holds(c, 2));
	visit(c, 2, false);
	CHECK(!holds(c, 2));
	km_pagecache_free(c);
}

/* Against a table of what must be here, if it is here. */
static void like_model(bool *ok)
{
	static uint32_t model[2][512]; /* 0: not here */
	struct km_pagecache *c = km_pagecache_new(200 * PLACE);
	unsigned int found = 0;

	srandom(1);
	for (uint32_t n = 1; n < 100000; n++) {
		struct km_page p = { (uint32_t)random() % 2, (uint64_t)random() % 512 };
		uint32_t *here = &model[p.block][p.index];
		uint8_t *page = km_pagecache_find(c, p);

		CHECK(!page || (*here && !memcmp(page, here, sizeof(*here))));
		found += !!page;
		if (page && km_pagecache_rate(c, page, random() % 4)) {
			*here = 0;
			continue;
		}
		if (!page)
			page = km_pagecache_add(c, p);
		*here = page ? n : 0;
		if (page)
			memcpy(page, here, sizeof(*here));
	}
	CHECK(found > 10000);
	km_pagecache_free(c);
}

/* ---- the differ ---- */

#define PAGES 700
#define CAP   300 /* places in the cache */

struct world {
	struct km_ledger *blocks;
	struct km_differ *differ;
	struct km_packer *packer;
	struct km_unpacker *unpacker;
	struct km_pages out, in;
	uint8_t guest[PAGES][KM_PAGE_SIZE], there[PAGES][KM_PAGE_SIZE];
	unsigned int sent[KM_KINDS], misfits;
	size_t bytes;
};

static struct world *set_up(void)
{
	struct world *w = calloc(1, sizeof(*w));

	w->blocks = km_ledger_new(1);
	km_ledger_add_block(w->blocks, "ram", PAGES * KM_PAGE_SIZE);
	w->differ = km_differ_new(CAP * PLACE, w->blocks);
	w->packer = km_packer_new();
	w->unpacker = km_unpacker_new();
	srandom(1);
	return w;
}

static void tear_down(struct world *w)
{
	km_differ_free(w->differ);
	km_packer_free(w->packer);
	km_unpacker_free(w->unpacker);
	km_ledger_free(w->blocks);
	free(w);
}

static void scribble(uint8_t *page, unsigned int n)
{
	unsigned int at = (unsigned int)random() % (KM_PAGE_SIZE + 1 - n);

	for (unsigned int i = 0; i < n; i++)
		page[at + i] = (uint8_t)(random() >> 7);
}

static void apply(struct world *w, const struct km_pages *p)
{
	for (unsigned int i = 0; i < p->n; i++) {
		uint8_t *to = w->there[p->index[i]];

		w->sent[p->kind[i]]++;
		if (p->kind[i] == KM_KIND_ZERO) {
			memset(to, 0, KM_PAGE_SIZE);
		} else if (p->kind[i] == KM_KIND_DELTA) {
			w->misfits += km_page_sum(to) != p->base[i];
			km_delta_apply(to, p->content[i], p->delta_bytes[i]);
		} else {
			memcpy(to, p->content[i], KM_PAGE_SIZE);
		}
	}
}

/* One message from there to here; some of what stays raw is packed. */
static void send(struct world *w, const uint64_t *index, unsigned int n, bool may, bool hot,
		 bool *ok)
{
	static const uint8_t zeros[KM_PAGE_SIZE];
	struct km_pages *p = &w->out;
	const uint8_t *msg;
	size_t len;

	p->block = 0;
	p->n = n;
	for (unsigned int i = 0; i < n; i++) {
		p->index[i] = index[i];
		p->hot[i] = hot;
		p->content[i] = w->guest[index[i]];
		p->kind[i] = memcmp(p->content[i], zeros, KM_PAGE_SIZE) ? KM_KIND_RAW :
									  KM_KIND_ZERO;
	}
	km_differ_see(w->differ, p, may, 1000);
	for (unsigned int i = 0; i < n; i += 2)
		if (p->kind[i] == KM_KIND_RAW)
			p->kind[i] = KM_KIND_PACKED;
	km_packer_pack(w->packer, p, 1);
	len = km_packer_build(w->packer, p, &msg);
	w->bytes += len;
	CHECK(!km_unpacker_parse(w->unpacker, msg, len, w->blocks, &w->in, NULL));
	apply(w, &w->in);
	for (unsigned int i = 0; i < n; i++)
		CHECK(!memcmp(w->guest[index[i]], w->there[index[i]], KM_PAGE_SIZE));
	CHECK(!w->misfits);
}

/* Pages change a little, much, to zero, not at all; some more often than others. */
static void like_source(bool *ok)
{
	struct world *w = set_up();
	uint64_t index[KM_WIRE_PAGES_MAX];

	for (unsigned int round = 0; round < 600; round++) {
		unsigned int n = 1 + (unsigned int)random() % KM_WIRE_PAGES_MAX;

		for (unsigned int i = 0; i < n; i++) {
			uint64_t at = (uint64_t)random() % (random() % 3 ? PAGES / 4 : PAGES);

			index[i] = at;
			switch (random() % 12) {
			case 0:
				memset(w->guest[at], 0, KM_PAGE_SIZE);
				break;
			case 1:
				scribble(w->guest[at], KM_PAGE_SIZE);
				break;
			case 2:
				break;
			default:
				scribble(w->guest[at], 1 + (unsigned int)random() % 64);
			}
		}
		send(w, index, n, true, !(random() % 4), ok);
	}
	CHECK(w->sent[KM_KIND_DELTA] > 10000 && w->sent[KM_KIND_RAW] > 1000);
	CHECK(w->sent[KM_KIND_ZERO] > 1000);
	tear_down(w);
}

/* The benchmark's small writes: after two sends, or one that was known to be hot, each costs
 * little. */
static void small_writes(bool *ok, bool hot)
{
	struct world *w = set_up();
	uint64_t index[100];

	for (unsigned int i = 0; i < 100; i++) {
		index[i] = i;
		scribble(w->guest[i], KM_PAGE_SIZE);
	}
	for (unsigned int round = 0; round < 10; round++) {
		w->bytes = 0;
		send(w, index, 100, true, hot, ok);
		for (unsigned int i = 0; i < 100; i++)
			scribble(w->guest[i], 8 + (round * 100 + i) % 57);
	}
	CHECK(w->sent[KM_KIND_DELTA] == (hot ? 900 : 800));
	CHECK(w->bytes < 100 * 70); /* the bytes themselves are 36 on average */
	tear_down(w);
}

static void small_hot_writes(bool *ok)
{
	small_writes(ok, true);
}

static void small_cold_writes(bool *ok)
{
	small_writes(ok, false);
}

static void not_there(bool *ok)
{
	struct world *w = set_up();
	uint64_t index[] = { 1, 2, 3 };

	for (unsigned int round = 0; round < 9; round++) {
		for (unsigned int i = 1; i <= 3; i++)
			scribble(w->guest[i], 1 + (round ? 8 : KM_PAGE_SIZE - 1));
		send(w, index, 3, round >= 5, false, ok);
		/* From then on: it gets in with the sixth, since it was sent before. */
		CHECK(w->sent[KM_KIND_DELTA] == (round > 5 ? (round - 5) * 3 : 0));
	}
	tear_down(w);
}

static const struct ktap_case cases[] = {
	{ "cache: bounded, and holds what it was given", bounded },
	{ "cache: pages that are of use keep their place", keep_place },
	{ "cache: pages that are of no use lose it", useless_leave },
	{ "cache: 100000 steps agree with a model", like_model },
	{ "the destination has the source's pages", like_source },
	{ "small writes cost little the third time", small_cold_writes },
	{ "and in hot groups the second time", small_hot_writes },
	{ "no delta before the destination takes any", not_there },
};
KTAP_MAIN(cases)
