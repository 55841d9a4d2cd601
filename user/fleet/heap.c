// SPDX-License-Identifier: GPL-2.0
#include "heap.h"

#include <stdlib.h>

struct km_heap {
	uint32_t n;
	uint32_t *item;	 /* by place, the earliest at 0 */
	uint32_t *place; /* by item; UINT32_MAX = it has no time */
	double *time;	 /* by item */
};

struct km_heap *km_heap_new(uint32_t n)
{
	struct km_heap *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->item = calloc(n + 1, sizeof(*h->item));
	h->place = calloc(n + 1, sizeof(*h->place));
	h->time = calloc(n + 1, sizeof(*h->time));
	if (!h->item || !h->place || !h->time) {
		km_heap_free(h);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++)
		h->place[i] = UINT32_MAX;
	return h;
}

void km_heap_free(struct km_heap *h)
{
	if (!h)
		return;
	free(h->item);
	free(h->place);
	free(h->time);
	free(h);
}

void km_heap_clear(struct km_heap *h)
{
	while (h->n)
		h->place[h->item[--h->n]] = UINT32_MAX;
}

static bool before(const struct km_heap *h, uint32_t a, uint32_t b)
{
	if (h->time[a] < h->time[b] || h->time[a] > h->time[b])
		return h->time[a] < h->time[b];
	return a < b;
}

static void put(struct km_heap *h, uint32_t place, uint32_t item)
{
	h->item[place] = item;
	h->place[item] = place;
}

static void settle(struct km_heap *h, uint32_t place)
{
	uint32_t item = h->item[place], child;

	for (; place && before(h, item, h->item[(place - 1) / 2]); place = (place - 1) / 2)
		put(h, place, h->item[(place - 1) / 2]);
	for (; (child = 2 * place + 1) < h->n; place = child) {
		if (child + 1 < h->n && before(h, h->item[child + 1], h->item[child]))
			child++;
		if (!before(h, h->item[child], item))
			break;
		put(h, place, h->item[child]);
	}
	put(h, place, item);
}

void km_heap_set(struct km_heap *h, uint32_t item, double time)
{
	h->time[item] = time;
	if (h->place[item] == UINT32_MAX)
		put(h, h->n++, item);
	settle(h, h->place[item]);
}

bool km_heap_pop(struct km_heap *h, uint32_t *item, double *time)
{
	if (!h->n)
		return false;
	*item = h->item[0];
	*time = h->time[*item];
	h->place[*item] = UINT32_MAX;
	if (--h->n) {
		put(h, 0, h->item[h->n]);
		settle(h, 0);
	}
	return true;
}
