// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include "rehearsal_priv.h"

#define MOST 3.0 /* times a page is written in a step */

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static uint64_t draw(struct reh_guest *g, uint64_t below)
{
	g->random ^= g->random >> 12;
	g->random ^= g->random << 25;
	g->random ^= g->random >> 27;
	return (g->random * 0x2545f4914f6cdd1d >> 11) % below;
}

static void fill(struct reh_guest *g, unsigned int nr)
{
	const struct km_reh_region *is = &g->is->region[nr];

	for (uint64_t i = 0; i < is->pages; i++)
		if ((double)draw(g, 1 << 20) >= is->zero * (1 << 20))
			g->content[g->first[nr] + i] = 1;
}

int km_reh_guest_init(struct reh_guest *g, const struct km_reh_guest *is, uint64_t seed)
{
	g->is = is;
	g->random = seed * 2 + 1; /* never 0 */
	for (unsigned int i = 0; i < is->regions; i++) {
		g->first[i] = g->pages;
		g->pages += is->region[i].pages;
	}
	if (!g->pages)
		return -EINVAL;
	g->content = calloc(g->pages, sizeof(*g->content));
	if (!g->content)
		return -ENOMEM;
	for (unsigned int i = 0; i < is->regions; i++)
		fill(g, i);
	return km_bits_init(&g->log, g->pages);
}

void km_reh_guest_free(struct reh_guest *g)
{
	free(g->content);
	km_bits_free(&g->log);
}

static void write_one(struct reh_guest *g, unsigned int nr)
{
	const struct km_reh_region *is = &g->is->region[nr];
	uint64_t at = is->in_turn ? g->next[nr]++ % is->pages : draw(g, is->pages);

	at += g->first[nr];
	if (!is->silent)
		g->content[at]++;
	km_bits_add(&g->log, at);
}

void km_reh_guest_step(struct reh_guest *g)
{
	if (g->stopped)
		return;
	for (unsigned int i = 0; i < g->is->regions; i++) {
		if (!g->is->region[i].pages)
			continue;
		g->due[i] += g->is->region[i].writes_per_s * STEP_MS / 1e3;
		/* Of more it could not be told whether a page was written. */
		g->due[i] = fmin(g->due[i], MOST * (double)g->is->region[i].pages);
		for (; g->due[i] >= 1; g->due[i]--)
			write_one(g, i);
	}
}

const struct km_reh_region *km_reh_region_of(const struct reh_guest *g, uint64_t page)
{
	unsigned int low = 0, high = g->is->regions;

	while (high - low > 1) {
		unsigned int mid = (low + high) / 2;

		if (g->first[mid] <= page)
			low = mid;
		else
			high = mid;
	}
	return &g->is->region[low];
}

static struct km_sum sum_of(uint64_t n)
{
	return (struct km_sum){ n * 0x9e3779b97f4a7c15, n };
}

struct km_sum km_reh_zero_sum(void)
{
	return sum_of(1ull << 63);
}

/* Like km_sum_of(): alike for equal contents only. */
struct km_sum km_reh_sum(const struct reh_guest *g, uint64_t page)
{
	return g->content[page] ? sum_of(page << 32 | g->content[page]) : km_reh_zero_sum();
}
