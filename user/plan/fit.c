// SPDX-License-Identifier: GPL-2.0
#include "fit.h"

#include <math.h>

/* Fewer say too little about how often: they are taken to be of pages that are all written. */
#define TELLING 4

/* At this part of their number all samples that are ever written have changed. */
#define SATURATED 1.1

struct rate {
	double share, per_s; /* of the pages; of each of those */
};

double km_fit_look_s(unsigned int look, double total_s)
{
	return total_s / (look == 0 ? 9 : look == 1 ? 3 : 1);
}

/* f changed within t, e within a third of it. */
static struct rate solve(double e, double f, double t)
{
	double ratio = f / e, q;

	if (ratio >= 3) /* no sign of an end */
		return (struct rate){ 1, -log(1 - (f < 0.99 ? f : 0.99)) / t };
	q = (sqrt(4 * ratio - 3) - 1) / 2;
	return (struct rate){ fmin(1, f / (1 - q * q * q)), -3 * log(q) / t };
}

static struct rate rate_of(const struct km_fit_part *p, double total_s)
{
	double n = p->samples, f[KM_FIT_LOOKS];

	for (unsigned int i = 0; i < KM_FIT_LOOKS; i++)
		f[i] = p->changed[i] / n;
	if (p->changed[2] < TELLING)
		return (struct rate){ 1, f[2] / total_s };
	if (p->changed[1] * SATURATED < p->changed[2])
		return solve(fmax(f[1], 0.5 / n), f[2], total_s);
	if (p->changed[0] * SATURATED < p->changed[1])
		return solve(fmax(f[0], 0.5 / n), f[1], total_s / 3);
	/* All had changed at the first look: three times each by then, at least. */
	return (struct rate){ f[2], 3 / km_fit_look_s(0, total_s) };
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

bool km_fit_add(const struct km_fit_part *p, double total_s, struct km_reh_guest *g)
{
	struct km_reh_region is = { .pages = p->pages, .ratio = 1, .write_bytes = 4096 };
	struct rate rate = { 0 };
	uint64_t written;

	if (g->regions + 2 > KM_REH_REGIONS_MAX)
		return false;
	if (p->samples) {
		is.zero = (double)p->zero / p->samples;
		is.ratio = p->ratio;
		rate = rate_of(p, total_s);
	}
	written = (uint64_t)(rate.share * (double)p->pages + 0.5);
	if (written && rate.per_s > 0) {
		struct km_reh_region hot = is;

		/* What is written is not zero, as a rule. */
		hot.pages = written;
		hot.zero = rate.share < 0.99 ? 0 : is.zero;
		hot.writes_per_s = rate.per_s * (double)written;
		hot.write_bytes = write_bytes(p, rate.per_s);
		g->region[g->regions++] = hot;
		is.pages -= written;
		if (is.pages) {
			is.zero *= (double)p->pages / (double)is.pages;
			is.zero = fmin(1, is.zero);
		}
	}
	if (is.pages)
		g->region[g->regions++] = is;
	return true;
}
