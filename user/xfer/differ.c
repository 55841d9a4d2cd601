// SPDX-License-Identifier: GPL-2.0
#include "differ.h"

#include <stdlib.h>
#include <string.h>
#include "delta.h"
#include "pagecache.h"

struct km_differ {
	const struct km_ledger *blocks;
	struct km_pagecache *cache;
	uint64_t *sent[KM_BLOCKS_MAX]; /* a bit a page; NULL: none of the block was */
	uint8_t delta[KM_PACK_CONTENT_MAX];
};

struct km_differ *km_differ_new(uint64_t bytes, const struct km_ledger *blocks)
{
	struct km_differ *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->blocks = blocks;
	d->cache = km_pagecache_new(bytes);
	if (d->cache)
		return d;
	free(d);
	return NULL;
}

void km_differ_free(struct km_differ *d)
{
	if (!d)
		return;
	for (unsigned int i = 0; i < KM_BLOCKS_MAX; i++)
		free(d->sent[i]);
	km_pagecache_free(d->cache);
	free(d);
}

/* Whether it was sent before; from now on it was. */
static bool sent_again(struct km_differ *d, struct km_page p)
{
	uint64_t **bits = &d->sent[p.block], bit = 1ull << p.index % 64;
	bool was;

	if (!*bits) /* a stream that has none of it yet; without, it has no deltas of it */
		*bits = calloc((km_ledger_block_pages(d->blocks, p.block) + 63) / 64, 8);
	if (!*bits)
		return false;
	was = (*bits)[p.index / 64] & bit;
	(*bits)[p.index / 64] |= bit;
	return was;
}

/* Returns the delta's bytes, or KM_DELTA_FULL. What is held is brought up to date. */
static size_t differ(struct km_differ *d, uint8_t *held, const uint8_t *now, uint8_t *to,
		     size_t max)
{
	size_t n = km_delta_build(held, now, to, max);

	if (!km_pagecache_rate(d->cache, held, n != KM_DELTA_FULL))
		memcpy(held, now, KM_PAGE_SIZE);
	return n;
}

static void hold(uint8_t *held, const struct km_pages *p, unsigned int i)
{
	if (p->kind[i] == KM_KIND_ZERO)
		memset(held, 0, KM_PAGE_SIZE);
	else
		memcpy(held, p->content[i], KM_PAGE_SIZE);
}

void km_differ_see(struct km_differ *d, struct km_pages *p, bool may, size_t max)
{
	uint8_t *to = d->delta, *held;
	size_t n;

	max = max > KM_PACK_DELTA_HEAD ? max - KM_PACK_DELTA_HEAD : 0;
	if (max > KM_PAGE_SIZE)
		max = KM_PAGE_SIZE;
	for (unsigned int i = 0; i < p->n; i++) {
		struct km_page page = { p->block, p->index[i] };
		bool again = sent_again(d, page);

		held = may ? km_pagecache_find(d->cache, page) : NULL;
		if (!held) {
			again = again || p->hot[i];
			held = may && again ? km_pagecache_add(d->cache, page) : NULL;
			if (held)
				hold(held, p, i);
			continue;
		}
		if (p->kind[i] == KM_KIND_ZERO) {
			hold(held, p, i);
			continue;
		}
		p->base[i] = km_page_sum(held);
		n = differ(d, held, p->content[i], to, max);
		if (n == KM_DELTA_FULL)
			continue;
		p->kind[i] = KM_KIND_DELTA;
		p->content[i] = to;
		p->delta_bytes[i] = (uint16_t)n;
		to += n;
	}
}
