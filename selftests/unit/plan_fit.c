// SPDX-License-Identifier: GPL-2.0
/* What is written how often, from samples of guests of which that is known. */
#include <math.h>
#include <stdlib.h>
#include "ktap.h"
#include "plan/fit.h"

#define TOTAL_S 3.0

static bool near(double a, double b, double part)
{
	return fabs(a - b) <= part * b;
}

/* So many samples of pages of which a share is written so often, at random. */
static struct km_fit_part sampled(unsigned int samples, double share, double per_s)
{
	struct km_fit_part p = { .pages = 100000, .samples = samples, .ratio = 1 };

	for (unsigned int s = 0; s < samples; s++) {
		double first = -log((double)random() / 2147483648.0 + 1e-12) / per_s;

		if ((double)random() / 2147483648.0 >= share)
			continue;
		for (unsigned int i = 0; i < KM_FIT_LOOKS; i++)
			p.changed[i] += first <= km_fit_look_s(i, TOTAL_S);
	}
	return p;
}

static void one(bool *ok, double share, double per_s, double part)
{
	struct km_fit_part p = sampled(20000, share, per_s);
	struct km_reh_guest g = { 0 };
	double pages = share * 100000;

	CHECK(km_fit_add(&p, TOTAL_S, &g));
	CHECK(near(g.region[0].writes_per_s, pages * per_s, part));
	CHECK(near((double)g.region[0].pages, pages, part));
	CHECK(g.region[0].pages + (g.regions > 1 ? g.region[1].pages : 0) == 100000);
	CHECK(g.regions < 2 || !(g.region[1].writes_per_s > 0));
	if (!*ok)
		printf("# %.2f of the pages %.2f times a second: %.0f of %llu pages\n", share,
		       per_s, g.region[0].writes_per_s, (unsigned long long)g.region[0].pages);
}

static void mixed(bool *ok)
{
	one(ok, 1, 1, 0.1);
	one(ok, 0.25, 1, 0.1);
	one(ok, 0.05, 2, 0.15);
	one(ok, 0.5, 5, 0.1);
	one(ok, 1, 0.5, 0.2);
}

/* Too rarely for a sign of an end: as many writes, of whichever pages. */
static void rare(bool *ok)
{
	struct km_fit_part p = sampled(20000, 1, 0.02);
	struct km_reh_guest g = { 0 };

	CHECK(km_fit_add(&p, TOTAL_S, &g));
	CHECK(near(g.region[0].writes_per_s, 2000, 0.2));
}

/* Faster than can be seen: known to be often, and which share. */
static void often(bool *ok)
{
	struct km_fit_part p = sampled(20000, 0.3, 100);
	struct km_reh_guest g = { 0 };

	CHECK(km_fit_add(&p, TOTAL_S, &g));
	CHECK(near((double)g.region[0].pages, 30000, 0.05));
	CHECK(g.region[0].writes_per_s >= 30000 * 8);
}

static void contents(bool *ok)
{
	struct km_fit_part p = { .pages = 1000, .samples = 100, .zero = 40, .ratio = 0.5 };
	struct km_reh_guest g = { 0 };

	CHECK(km_fit_add(&p, TOTAL_S, &g) && g.regions == 1);
	CHECK(near(g.region[0].zero, 0.4, 1e-9) && near(g.region[0].ratio, 0.5, 1e-9));
	CHECK(!(g.region[0].writes_per_s > 0));
	/* Half of it is written: those aren't the zero ones. */
	p = (struct km_fit_part){ .pages = 1000,
				  .samples = 100,
				  .zero = 40,
				  .ratio = 1,
				  .changed = { 50, 50, 50 },
				  .deltas = 50,
				  .delta_bytes = 300,
				  .delta_s = TOTAL_S / 9 };
	g.regions = 0;
	CHECK(km_fit_add(&p, TOTAL_S, &g) && g.regions == 2);
	CHECK(g.region[0].pages == 500 && !(g.region[0].zero > 0));
	CHECK(near(g.region[1].zero, 0.8, 1e-9));
	/* Three writes or so made those 300 bytes. */
	CHECK(g.region[0].write_bytes > 90 && g.region[0].write_bytes < 110);
}

static void full(bool *ok)
{
	struct km_fit_part p = { .pages = 1, .samples = 1, .ratio = 1 };
	struct km_reh_guest g = { .regions = KM_REH_REGIONS_MAX - 1 };

	CHECK(!km_fit_add(&p, TOTAL_S, &g) && g.regions == KM_REH_REGIONS_MAX - 1);
	g.regions--;
	p = (struct km_fit_part){ .pages = 7 }; /* nothing is known of it */
	CHECK(km_fit_add(&p, TOTAL_S, &g) && g.region[KM_REH_REGIONS_MAX - 2].pages == 7);
}

static const struct ktap_case cases[] = {
	{ "how many pages are written, and how often", mixed },
	{ "rarely", rare },
	{ "all the time", often },
	{ "what they hold and what changes", contents },
	{ "no room, no samples", full },
};
KTAP_MAIN(cases)
