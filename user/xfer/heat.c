// SPDX-License-Identifier: GPL-2.0
#include "heat.h"

#include <errno.h>
#include <stdlib.h>

/* A group is hot from two pages on: one can be chance. */
#define HOT	 2
#define HEAT_MAX 64
/* Of a group's byte. */
#define HEAT	 0x7f
#define SUSPECT	 0x80

int km_heat_init(struct km_heat *h, uint64_t pages)
{
	h->groups = (pages + KM_GROUP_PAGES - 1) / KM_GROUP_PAGES;
	h->of = calloc(h->groups, sizeof(*h->of));
	return h->of ? 0 : -ENOMEM;
}

void km_heat_free(struct km_heat *h)
{
	free(h->of);
	h->of = NULL;
}

void km_heat_warm(struct km_heat *h, uint64_t page)
{
	uint8_t *heat = &h->of[page >> KM_GROUP_SHIFT];

	if ((*heat & HEAT) < HEAT_MAX)
		++*heat;
}

bool km_heat_is_hot(const struct km_heat *h, uint64_t page)
{
	return (h->of[page >> KM_GROUP_SHIFT] & HEAT) >= HOT;
}

bool km_heat_suspect(struct km_heat *h, uint64_t page)
{
	uint8_t *heat = &h->of[page >> KM_GROUP_SHIFT], before = *heat;

	*heat |= SUSPECT;
	return *heat != before;
}

bool km_heat_is_suspect(const struct km_heat *h, uint64_t page)
{
	return h->of[page >> KM_GROUP_SHIFT] & SUSPECT;
}

void km_heat_cool(struct km_heat *h, uint64_t first, uint64_t step)
{
	for (uint64_t g = first; g < h->groups; g += step)
		if (h->of[g]) /* what was never written takes no memory */
			h->of[g] = (uint8_t)((h->of[g] & HEAT) / 2);
}

uint64_t km_heat_longest(const struct km_heat *h, uint64_t *first)
{
	uint64_t best = 0, run = 0;

	for (uint64_t g = 0; g < h->groups; g++) {
		run = (h->of[g] & HEAT) >= HOT ? run + 1 : 0;
		if (run <= best)
			continue;
		best = run;
		*first = g + 1 - run;
	}
	return best;
}
