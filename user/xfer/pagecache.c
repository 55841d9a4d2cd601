// SPDX-License-Identifier: GPL-2.0
#include "pagecache.h"

#include <stdlib.h>
#include <sys/mman.h>

#define NONE	   UINT32_MAX
#define CREDIT_MAX 2
#define NEWCOMERS  4 /* of which one looks for a place */

struct place {
	struct km_page page;
	uint32_t next; /* with the same hash, or free */
	uint8_t credit;
};

struct km_pagecache {
	uint32_t n;    /* places */
	uint32_t used; /* those below have been taken at some time */
	uint32_t free, hand;
	uint32_t mask; /* of the heads, a power of two */
	unsigned int newcomers;
	uint64_t pages;
	uint32_t *head;
	struct place *place;
	uint8_t *content; /* the places', one after the other */
};

/* Memory that is there when it is touched; zeroes. */
static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct km_pagecache *km_pagecache_new(uint64_t bytes)
{
	/* Up to two heads a place. */
	uint64_t n = bytes / (KM_PAGE_SIZE + sizeof(struct place) + 2 * sizeof(uint32_t));
	struct km_pagecache *c;

	if (n >= NONE / 2) /* 8 TiB */
		n = NONE / 2 - 1;
	if (!n)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->n = (uint32_t)n;
	for (c->mask = 1; c->mask < c->n; c->mask = c->mask * 2 + 1)
		;
	c->free = NONE;
	c->head = reserve((c->mask + 1ul) * sizeof(*c->head));
	c->place = reserve(c->n * sizeof(*c->place));
	c->content = reserve((size_t)c->n * KM_PAGE_SIZE);
	if (c->head && c->place && c->content)
		return c;
	km_pagecache_free(c);
	return NULL;
}

void km_pagecache_free(struct km_pagecache *c)
{
	if (!c)
		return;
	if (c->head)
		munmap(c->head, (c->mask + 1ul) * sizeof(*c->head));
	if (c->place)
		munmap(c->place, c->n * sizeof(*c->place));
	if (c->content)
		munmap(c->content, (size_t)c->n * KM_PAGE_SIZE);
	free(c);
}

uint64_t km_pagecache_pages(const struct km_pagecache *c)
{
	return c->pages;
}

static uint8_t *content(const struct km_pagecache *c, uint32_t at)
{
	return c->content + (size_t)at * KM_PAGE_SIZE;
}

/* A head holds the first place's number and 1; 0: none. */
static uint32_t *head_of(const struct km_pagecache *c, struct km_page p)
{
	uint64_t h = (p.index ^ (uint64_t)p.block << 40) * 0x9e3779b97f4a7c15;

	return &c->head[h >> 32 & c->mask];
}

static uint32_t first(const struct km_pagecache *c, struct km_page p)
{
	return *head_of(c, p) - 1; /* NONE for 0 */
}

uint8_t *km_pagecache_find(struct km_pagecache *c, struct km_page p)
{
	for (uint32_t at = first(c, p); at != NONE; at = c->place[at].next)
		if (c->place[at].page.index == p.index && c->place[at].page.block == p.block)
			return content(c, at);
	return NULL;
}

static void take_out(struct km_pagecache *c, uint32_t at)
{
	uint32_t *head = head_of(c, c->place[at].page), i = *head - 1;

	if (i == at) {
		*head = c->place[at].next + 1;
	} else {
		while (c->place[i].next != at)
			i = c->place[i].next;
		c->place[i].next = c->place[at].next;
	}
	c->place[at].next = c->free;
	c->free = at;
	c->pages--;
}

/* Makes room, or not. */
static void look_for_room(struct km_pagecache *c)
{
	struct place *at;

	if (++c->newcomers % NEWCOMERS)
		return;
	at = &c->place[c->hand];
	if (at->credit)
		at->credit--;
	else
		take_out(c, c->hand);
	c->hand = c->hand + 1 < c->n ? c->hand + 1 : 0;
}

uint8_t *km_pagecache_add(struct km_pagecache *c, struct km_page p)
{
	uint32_t at, *head = head_of(c, p);

	if (c->free == NONE && c->used == c->n)
		look_for_room(c);
	if (c->free != NONE) {
		at = c->free;
		c->free = c->place[at].next;
	} else if (c->used < c->n) {
		at = c->used++;
	} else {
		return NULL;
	}
	c->place[at] = (struct place){ .page = p, .next = *head - 1 };
	*head = at + 1;
	c->pages++;
	return content(c, at);
}

bool km_pagecache_rate(struct km_pagecache *c, const uint8_t *page, bool useful)
{
	uint32_t at = (uint32_t)((size_t)(page - c->content) / KM_PAGE_SIZE);
	struct place *place = &c->place[at];

	if (useful) {
		place->credit =
			(uint8_t)(place->credit < CREDIT_MAX ? place->credit + 1 : CREDIT_MAX);
		return false;
	}
	if (place->credit) {
		place->credit = 0;
		return false;
	}
	take_out(c, at);
	return true;
}
