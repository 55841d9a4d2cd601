// SPDX-License-Identifier: GPL-2.0
#include "hot.h"

/* A neighbour with so much of the hottest part's bytes a second is hot, too. */
#define NEARLY 0.25
/* Writes a second of a part that are worth a word. */
#define LEAST  0.1

struct rate {
	double writes, bytes; /* a second */
};

/* Of each part, whose regions are as many as it takes for its pages. */
static void rates_of(const struct km_reh_guest *g, const struct km_hot_part *parts, unsigned int n,
		     struct rate *rate)
{
	unsigned int region = 0;

	for (unsigned int i = 0; i < n; i++) {
		rate[i] = (struct rate){ 0 };
		for (uint64_t pages = 0; pages < parts[i].pages && region < g->regions; region++) {
			const struct km_reh_region *r = &g->region[region];

			pages += r->pages;
			rate[i].writes += r->writes_per_s;
			rate[i].bytes += r->writes_per_s * r->write_bytes;
		}
	}
}

static bool goes_on(const struct km_hot_part *a, const struct km_hot_part *b)
{
	return a->block == b->block && a->first + a->pages == b->first;
}

void km_hot_find(const struct km_reh_guest *guest, const struct km_hot_part *parts, unsigned int n,
		 struct km_hot *hot)
{
	struct rate rate[KM_REH_REGIONS_MAX];
	unsigned int at = 0, from, to;
	double least;

	*hot = (struct km_hot){ 0 };
	if (!n || n > KM_REH_REGIONS_MAX)
		return;
	rates_of(guest, parts, n, rate);
	for (unsigned int i = 1; i < n; i++)
		if (rate[i].bytes > rate[at].bytes)
			at = i;
	if (rate[at].writes < LEAST)
		return;
	least = NEARLY * rate[at].bytes;
	for (from = at;
	     from && goes_on(&parts[from - 1], &parts[from]) && rate[from - 1].bytes >= least;)
		from--;
	for (to = at + 1; to < n && goes_on(&parts[to - 1], &parts[to]) && rate[to].bytes >= least;)
		to++;
	hot->any = true;
	hot->where = parts[from];
	hot->where.pages = parts[to - 1].first + parts[to - 1].pages - parts[from].first;
	for (unsigned int i = from; i < to; i++) {
		hot->writes_per_s += rate[i].writes;
		hot->changed_bytes_per_s += rate[i].bytes;
	}
}
