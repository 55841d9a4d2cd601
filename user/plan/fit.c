// SPDX-License-Identifier: GPL-2.0
#include "fit.h"

#include <math.h>

/* Fewer say too little about how often: they are taken to be of pages that are all written. */
#define TELLING 4
/* Of those that changed, so many did so twice. */
#define OFTEN	0.5
#define HARDLY	0.2
/* Of all, so many changed. */
#define SWEPT	0.6
/* More than so many of a set that all change: as often as can be told. */
#define ALL	0.97

struct rate {
	double share, per_s; /* of the pages; of each of those */
	bool in_turn;
};

double km_fit_look_s(unsigned int look, double total_s)
{
	return total_s / (look == 0 ? 9 : look == 1 ? 3 : 1);
}

static bool is_often(const struct km_fit_part *p)
{
	return p->ever >= TELLING && p->twice >= OFTEN * p->ever;
}

/* By the samples of all parts that are written often. */
static bool in_turn(const struct km_fit_part *parts, unsigned int n)
{
	double ever = 0, first = 0, second = 0, chance;

	for (unsigned int i = 0; i < n; i++) {
		if (!is_often(&parts[i]))
			continue;
		ever += parts[i].ever;
		first += parts[i].changed[0];
		second += parts[i].changed[1];
	}
	if (!(ever > 0))
		return false;
	chance = 1 - (1 - first / ever) * (1 - first / ever);
	return second / ever > (chance + 1) / 2;
}

static struct rate often(const struct km_fit_part *p, double total_s, bool turn)
{
	double interval_s = km_fit_look_s(0, total_s), x = (double)p->changed[0] / p->ever;
	struct rate r = { (double)p->ever / p->samples, 0, turn };

	if (x > ALL)
		r.per_s = 3 / interval_s;
	else if (turn)
		r.per_s = x / interval_s;
	else
		r.per_s = -log(1 - x) / interval_s;
	/* None in the first interval: once in two of the longer ones. */
	r.per_s = fmax(r.per_s, 1 / total_s);
	return r;
}

static struct rate rarely(const struct km_fit_part *p, double total_s)
{
	double n = p->samples, f = p->ever / n, third = fmax(p->by_third, 0.5) / n;
	double ratio = f / third, q;

	if (p->ever < TELLING)
		return (struct rate){ 1, f / total_s, false };
	if (ratio >= 3) /* no sign of an end */
		return (struct rate){ 1, -log(1 - fmin(f, 0.99)) / total_s, false };
	if (ratio < 1.05)
		ratio = 1.05;
	q = (sqrt(4 * ratio - 3) - 1) / 2;
	return (struct rate){ fmin(1, f / (1 - q * q * q)), -3 * log(q) / total_s, false };
}

static struct rate rate_of(const struct km_fit_part *p, double total_s, bool turn)
{
	if (is_often(p))
		return often(p, total_s, turn);
	if (p->ever >= SWEPT * p->samples && p->twice <= HARDLY * p->ever)
		return (struct rate){ (double)p->ever / p->samples, 1 / total_s, true };
	return rarely(p, total_s);
}

/* What one write changes: of what several have, its part. */
static unsigned int write_bytes(const struct km_fit_part *p, double per_s)
{
	double writes = per_s * p->delta_s, bytes;

	if (!p->deltas)
		return 4096;
	/* Of pages that have changed at all: 1 or more. */
	writes = writes > 0.01 ? writes / (1 - exp(-writes)) : 1;
	bytes = p->delta_bytes / writes;
	return bytes < 1 ? 1 : bytes > 4096 ? 4096 : (unsigned int)bytes;
}

static void add(const struct km_fit_part *p, double total_s, bool turn, struct km_reh_guest *g)
{
	struct km_reh_region is = { .pages = p->pages, .ratio = 1, .write_bytes = 4096 };
	struct rate rate = { 0 };
	uint64_t written;

	if (p->samples) {
		is.zero = (double)p->zero / p->samples;
		is.ratio = p->ratio;
		rate = rate_of(p, total_s, turn);
	}
	written = (uint64_t)(rate.share * (double)p->pages + 0.5);
	if (written && rate.per_s > 0) {
		struct km_reh_region hot = is;

		/* What is written is not zero, as a rule. */
		hot.pages = written;
		hot.zero = rate.share < 0.99 ? 0 : is.zero;
		hot.writes_per_s = rate.per_s * (double)written;
		hot.write_bytes = write_bytes(p, rate.per_s);
		hot.in_turn = rate.in_turn;
		g->region[g->regions++] = hot;
		is.pages -= written;
		if (is.pages)
			is.zero = fmin(1, is.zero * (double)p->pages / (double)is.pages);
	}
	if (is.pages)
		g->region[g->regions++] = is;
}

void km_fit(const struct km_fit_part *parts, unsigned int n, double total_s, struct km_reh_guest *g)
{
	bool turn = in_turn(parts, n);

	g->regions = 0;
	for (unsigned int i = 0; i < n && g->regions + 2 <= KM_REH_REGIONS_MAX; i++)
		add(&parts[i], total_s, turn, g);
}
