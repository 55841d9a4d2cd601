// SPDX-License-Identifier: GPL-2.0
/* What is written how often, from samples of guests of which that is known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "plan/fit.h"

#define TOTAL_S 9.0
#define PAGES	100000

static bool near(double a, double b, double part)
{
	return fabs(a - b) <= part * b;
}

static double chance(void)
{
	return (double)random() / 2147483648.0;
}

/* A page that is written at these times, less than 1 / per_s apart on average. */
static void see(struct km_fit_part *p, double per_s, bool in_turn)
{
	double from = 0, next = in_turn ? chance() / per_s : -log(1 - chance()) / per_s;
	unsigned int changes = 0;

	for (unsigned int i = 0; i < KM_FIT_LOOKS; i++) {
		double to = km_fit_look_s(i, TOTAL_S);
		bool changed = false;

		for (; next <= to; next += in_turn ? 1 / per_s : -log(1 - chance()) / per_s)
			changed = changed || next > from;
		p->changed[i] += changed;
		changes += changed;
		p->by_third += changed && changes == 1 && i < 2;
		from = to;
	}
	p->ever += changes > 0;
	p->twice += changes > 1;
}

/* So many samples of pages of which a share is written so often. */
static struct km_fit_part sampled(double share, double per_s, bool in_turn)
{
	struct km_fit_part p = { .pages = PAGES, .samples = 20000, .ratio = 1 };

	for (unsigned int s = 0; s < p.samples; s++)
		if (chance() < share)
			see(&p, per_s, in_turn);
	return p;
}

static void one(bool *ok, double share, double per_s, bool turn, double part)
{
	struct km_fit_part p = sampled(share, per_s, turn);
	struct km_reh_guest g;
	double pages = share * PAGES;

	km_fit(&p, 1, TOTAL_S, &g);
	CHECK(near(g.region[0].writes_per_s, pages * per_s, part));
	CHECK(near((double)g.region[0].pages, pages, part));
	CHECK(g.region[0].in_turn == turn);
	CHECK(g.region[0].pages + (g.regions > 1 ? g.region[1].pages : 0) == PAGES);
	CHECK(g.regions < 2 || !(g.region[1].writes_per_s > 0));
	if (!*ok)
		printf("# %.2f of the pages %.2f times a second: %.0f of %llu pages\n", share,
		       per_s, g.region[0].writes_per_s, (unsigned long long)g.region[0].pages);
}

static void by_chance(bool *ok)
{
	one(ok, 1, 1, false, 0.1);
	one(ok, 0.25, 1, false, 0.1);
	one(ok, 0.05, 0.7, false, 0.15);
	one(ok, 0.5, 2, false, 0.1);
	one(ok, 1, 0.3, false, 0.2);
	one(ok, 0.3, 0.2, false, 0.2);
}

static void turns(bool *ok)
{
	one(ok, 1, 0.6, true, 0.1);
	one(ok, 0.25, 0.6, true, 0.1);
	one(ok, 0.5, 0.8, true, 0.1);
}

/* Somebody went through nine tenths of it, once. */
static void sweeps(bool *ok)
{
	struct km_fit_part p = { .pages = 1000,
				 .samples = 100,
				 .changed = { 0, 30, 60 },
				 .by_third = 30,
				 .ever = 90,
				 .ratio = 1 };
	struct km_reh_guest g;

	km_fit(&p, 1, TOTAL_S, &g);
	CHECK(g.regions == 2 && g.region[0].pages == 900 && g.region[0].in_turn);
	CHECK(near(g.region[0].writes_per_s, 100, 0.01));
}

/* Too rarely for a sign of an end: as many writes, of whichever pages. */
static void rare(bool *ok)
{
	struct km_fit_part p = sampled(1, 0.01, false);
	struct km_reh_guest g;

	km_fit(&p, 1, TOTAL_S, &g);
	CHECK(near(g.region[0].writes_per_s, 1000, 0.2));
}

/* Faster than can be seen: known to be often, and which share. */
static void fast(bool *ok)
{
	struct km_fit_part p = sampled(0.3, 50, false);
	struct km_reh_guest g;

	km_fit(&p, 1, TOTAL_S, &g);
	CHECK(near((double)g.region[0].pages, 30000, 0.05));
	CHECK(g.region[0].writes_per_s >= 30000 * 2.9);
}

static void contents(bool *ok)
{
	struct km_fit_part p = { .pages = 1000, .samples = 100, .zero = 40, .ratio = 0.5 };
	struct km_reh_guest g;

	km_fit(&p, 1, TOTAL_S, &g);
	CHECK(g.regions == 1 && near(g.region[0].zero, 0.4, 1e-9));
	CHECK(near(g.region[0].ratio, 0.5, 1e-9) && !(g.region[0].writes_per_s > 0));
	/* Half of it is written: those aren't the zero ones. */
	p = (struct km_fit_part){ .pages = 1000,
				  .samples = 100,
				  .zero = 40,
				  .ratio = 1,
				  .changed = { 50, 50, 50 },
				  .by_third = 50,
				  .ever = 50,
				  .twice = 50,
				  .deltas = 50,
				  .delta_bytes = 300,
				  .delta_s = TOTAL_S / 9 };
	km_fit(&p, 1, TOTAL_S, &g);
	CHECK(g.regions == 2 && g.region[0].pages == 500 && !(g.region[0].zero > 0));
	CHECK(near(g.region[1].zero, 0.8, 1e-9));
	/* Three writes or so made those 300 bytes. */
	CHECK(g.region[0].write_bytes > 90 && g.region[0].write_bytes < 110);
}

static void room(bool *ok)
{
	struct km_fit_part *p = calloc(KM_REH_REGIONS_MAX, sizeof(*p));
	struct km_reh_guest g;

	for (unsigned int i = 0; i < KM_REH_REGIONS_MAX; i++)
		p[i] = (struct km_fit_part){ .pages = 7 }; /* nothing is known of it */
	km_fit(p, KM_REH_REGIONS_MAX, TOTAL_S, &g);
	CHECK(g.regions == KM_REH_REGIONS_MAX - 1 && g.region[5].pages == 7);
	free(p);
}

static const struct ktap_case cases[] = {
	{ "how many pages are written, and how often: by chance", by_chance },
	{ "in turn", turns },
	{ "a sweep", sweeps },
	{ "rarely", rare },
	{ "all the time", fast },
	{ "what they hold and what changes", contents },
	{ "no more than there is room for", room },
};
KTAP_MAIN(cases)
