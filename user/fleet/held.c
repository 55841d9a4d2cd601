// SPDX-License-Identifier: GPL-2.0
#include "held.h"

#include <stdlib.h>
#include <string.h>

struct km_held *km_held_new(uint32_t n, uint32_t nlinks)
{
	struct km_held *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->n = n;
	h->nlinks = nlinks;
	h->by = calloc(n + 1, sizeof(*h->by));
	h->next = calloc(n + 1, sizeof(*h->next));
	h->first = calloc(nlinks + 1, sizeof(*h->first));
	h->last = calloc(nlinks + 1, sizeof(*h->last));
	if (!h->by || !h->next || !h->first || !h->last) {
		km_held_free(h);
		return NULL;
	}
	km_held_clear(h);
	return h;
}

void km_held_free(struct km_held *h)
{
	if (!h)
		return;
	free(h->by);
	free(h->next);
	free(h->first);
	free(h->last);
	free(h);
}

void km_held_clear(struct km_held *h)
{
	memset(h->by, 0xff, h->n * sizeof(*h->by)); /* KM_HELD_NONE */
	memset(h->first, 0xff, h->nlinks * sizeof(*h->first));
	memset(h->last, 0xff, h->nlinks * sizeof(*h->last));
}

void km_held_add(struct km_held *h, uint32_t number, uint32_t link)
{
	h->by[number] = link;
	h->next[number] = KM_HELD_NONE;
	if (h->last[link] == KM_HELD_NONE)
		h->first[link] = number;
	else
		h->next[h->last[link]] = number;
	h->last[link] = number;
}

void km_held_release(struct km_held *h, uint32_t link, uint32_t prev)
{
	uint32_t number = km_held_next(h, link, prev);

	if (prev == KM_HELD_NONE)
		h->first[link] = h->next[number];
	else
		h->next[prev] = h->next[number];
	if (h->last[link] == number)
		h->last[link] = prev;
	h->by[number] = KM_HELD_NONE;
}
