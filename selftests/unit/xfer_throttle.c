// SPDX-License-Identifier: GPL-2.0
/* The throttle's mind, against guests that are a few numbers. */
#include <math.h>
#include <string.h>
#include "ktap.h"
#include "xfer/throttle.h"

#define VCPUS	4
#define PAUSE_S 0.1
#define LOOK_S	0.5 /* looks are at least so far apart */

struct guest {
	double rate[VCPUS]; /* page writes a second at full speed */
	double set[VCPUS];  /* different pages that they hit */
	double link;	    /* pages a second */
	double left;	    /* dirty pages */
	struct km_throttle t;
	double seconds;
};

static double speed(const struct guest *g, unsigned int i)
{
	return 1 - km_throttle_taken(&g->t, i) / 100.0;
}

/* A round: what is left goes over the link, and meanwhile pages are dirtied again, each of
 * which counts once. */
static void one_round(struct guest *g, double s, uint64_t dirtied[KM_THROTTLE_VCPUS])
{
	g->left = 0;
	for (unsigned int i = 0; i < VCPUS; i++) {
		double n =
			g->set[i] > 0 ?
				g->set[i] * (1 - exp(-g->rate[i] * speed(g, i) * s / g->set[i])) :
				0;

		dirtied[i] += (uint64_t)n;
		g->left += n;
	}
}

/* As many rounds as there are in a look. True: what is left fits into the pause. */
static bool look(struct guest *g)
{
	struct km_throttle_look l = { .vcpus = VCPUS, .pause_s = PAUSE_S };
	double sent = 0;

	do {
		double s = g->left / g->link;

		if (g->left <= g->link * PAUSE_S)
			return true;
		sent += g->left;
		one_round(g, s, l.dirtied);
		l.seconds += s;
	} while (l.seconds < LOOK_S);
	l.link = sent / l.seconds;
	l.left = g->left;
	g->seconds += l.seconds;
	km_throttle_step(&g->t, &l);
	return false;
}

/* Looks until it can be finished, -1: never. */
static int converge(struct guest *g, int looks)
{
	for (int i = 0; i < looks; i++)
		if (look(g))
			return i;
	return -1;
}

static unsigned int taken(const struct guest *g, unsigned int vcpu)
{
	return km_throttle_taken(&g->t, vcpu);
}

static unsigned int taken_of_all(const struct guest *g)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < VCPUS; i++)
		n += taken(g, i);
	return n;
}

/* ---- the tests ---- */

static void left_alone(bool *ok)
{
	static const double part[] = { 0, 0.1, 0.5, 0.8, 0.85 };

	for (size_t p = 0; p < sizeof(part) / sizeof(part[0]); p++) {
		struct guest g = { .link = 30000, .left = 500000 };

		for (unsigned int i = 0; i < VCPUS; i++) {
			g.rate[i] = part[p] * g.link / VCPUS;
			g.set[i] = 200000;
		}
		CHECK(converge(&g, 200) >= 0);
		CHECK(!taken_of_all(&g));
	}
}

static void faster_than_the_link(bool *ok)
{
	static const double times[] = { 1.5, 2, 5, 20, 60 };

	for (size_t k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
		struct guest g = { .link = 30000, .left = 500000 }, without = g;

		for (unsigned int i = 0; i < VCPUS; i++) {
			g.rate[i] = without.rate[i] = times[k] * g.link / VCPUS;
			g.set[i] = without.set[i] = 50000;
		}
		CHECK(converge(&g, 100) >= 0);
		/* Told that nothing ever was stuck, it would not have been moved. */
		for (int i = 0; i < 100; i++) {
			without.t = (struct km_throttle){ 0 };
			CHECK(!look(&without));
		}
	}
}

static void only_the_dirtiest(bool *ok)
{
	struct guest g = { .link = 30000,
			   .left = 500000,
			   .rate = { 100, 90000, 2000, 3000 },
			   .set = { 1000, 100000, 100000, 100000 } };
	bool done = false;

	for (int i = 0; i < 100 && !done; i++) {
		done = look(&g);
		CHECK(!taken(&g, 0) && !taken(&g, 2) && !taken(&g, 3));
	}
	CHECK(done && taken(&g, 1) > 50);
}

/* Of two the dirtier is slowed first, and both to one level. */
static void one_level(bool *ok)
{
	struct guest g = { .link = 30000,
			   .left = 500000,
			   .rate = { 40000, 20000, 100, 100 },
			   .set = { 1e6, 1e6, 1e6, 1e6 } };
	double a, b;

	CHECK(converge(&g, 100) >= 0);
	a = g.rate[0] * speed(&g, 0);
	b = g.rate[1] * speed(&g, 1);
	CHECK(taken(&g, 0) > taken(&g, 1));
	CHECK(fabs(a - b) < 0.1 * a);
	CHECK(!taken(&g, 2) && !taken(&g, 3));
}

/* Not the first look, nor the second. */
static void last_resort(bool *ok)
{
	struct guest g = { .link = 30000,
			   .left = 500000,
			   .rate = { 300000, 0, 0, 0 },
			   .set = { 100000, 0, 0, 0 } };
	struct km_throttle_look calm = { .seconds = 1, .vcpus = VCPUS, .link = 30000, .left = 1e6 };

	CHECK(!look(&g) && !taken_of_all(&g));
	CHECK(!look(&g) && !taken_of_all(&g));
	km_throttle_step(&g.t, &calm); /* it starts to count anew */
	CHECK(!look(&g) && !taken_of_all(&g));
	CHECK(!look(&g) && !taken_of_all(&g));
	CHECK(!look(&g) && taken_of_all(&g));
}

/* It dirties all that the link carries, and can be stopped at any time. */
static void fits(bool *ok)
{
	struct km_throttle_look l = { .seconds = 1,
				      .vcpus = 1,
				      .dirtied = { 1000 },
				      .link = 1000,
				      .left = 0.9 * 1000 * PAUSE_S,
				      .pause_s = PAUSE_S };
	struct km_throttle t = { 0 };

	for (int i = 0; i < 20; i++)
		km_throttle_step(&t, &l);
	CHECK(!km_throttle_taken(&t, 0));
	l.left *= 2;
	for (int i = 0; i < 20; i++)
		km_throttle_step(&t, &l);
	CHECK(km_throttle_taken(&t, 0));
}

/* Pages that cost nothing, as zero pages, make the link look fast at first. */
static void looked_fast(bool *ok)
{
	struct guest g = { .link = 3000000,
			   .left = 5000000,
			   .rate = { 100000, 0, 0, 0 },
			   .set = { 50000, 0, 0, 0 } };

	look(&g);
	g.link = 3000;
	g.left = 50000;
	CHECK(converge(&g, 100) >= 0);
	CHECK(taken(&g, 0));
}

/* No more is taken than the link demands: what is dirtied stays near what is aimed at. */
static void no_more_than_needed(bool *ok)
{
	struct guest g = { .link = 30000,
			   .left = 500000,
			   .rate = { 60000, 60000, 0, 0 },
			   .set = { 1e7, 1e7, 0, 0 } };
	double all;

	for (int i = 0; i < 30; i++) {
		g.left = 500000; /* it never gets to the end */
		look(&g);
	}
	all = g.rate[0] * speed(&g, 0) + g.rate[1] * speed(&g, 1);
	CHECK(all < 0.75 * g.link && all > 0.6 * g.link);
}

static void link_recovers(bool *ok)
{
	struct guest g = {
		.link = 3000, .left = 50000, .rate = { 20000, 100, 0, 0 }, .set = { 1e6, 1e6, 0, 0 }
	};
	int i;

	for (i = 0; i < 20; i++) {
		g.left = 50000;
		look(&g);
	}
	CHECK(taken(&g, 0) > 80);
	g.link = 60000;
	for (i = 0; i < 30 && taken_of_all(&g); i++) {
		g.left = 500000;
		look(&g);
	}
	CHECK(!taken_of_all(&g));
	g.link = 3000; /* and again it takes more than one look */
	g.left = 50000;
	look(&g);
	CHECK(!taken_of_all(&g));
}

static void bounded(bool *ok)
{
	struct km_throttle_look l = {
		.seconds = 1, .vcpus = 2, .dirtied = { 1000000, 0 }, .left = 1e6, .pause_s = PAUSE_S
	};
	struct km_throttle t = { 0 };
	unsigned int before = 0;

	/* A link that carries nothing, and others that dirty more than it carries. */
	for (int i = 0; i < 100; i++) {
		l.link = i < 50 ? 0 : 1000;
		l.others = i < 50 ? 0 : 1000000;
		km_throttle_step(&t, &l);
		CHECK(km_throttle_taken(&t, 0) <= KM_THROTTLE_MAX);
		CHECK(100 - km_throttle_taken(&t, 0) >= (100 - before) / 2);
		before = km_throttle_taken(&t, 0);
		CHECK(!km_throttle_taken(&t, 1) && !km_throttle_taken(&t, 255));
	}
	CHECK(before == KM_THROTTLE_MAX);
	l.seconds = 0; /* no look at all, and one of too many */
	km_throttle_step(&t, &l);
	l.seconds = 1;
	l.vcpus = KM_THROTTLE_VCPUS + 1;
	km_throttle_step(&t, &l);
	l.vcpus = 0;
	km_throttle_step(&t, &l);
	CHECK(km_throttle_taken(&t, 0) == before);
	/* It stops to write. */
	memset(l.dirtied, 0, sizeof(l.dirtied));
	l.vcpus = 2;
	for (int i = 0; i < 30; i++)
		km_throttle_step(&t, &l);
	CHECK(!km_throttle_taken(&t, 0));
}

static const struct ktap_case cases[] = {
	{ "who converges is left alone", left_alone },
	{ "who doesn't, does", faster_than_the_link },
	{ "only the dirtiest is slowed", only_the_dirtiest },
	{ "several to one level", one_level },
	{ "not before it is needed", last_resort },
	{ "nor while it can be stopped", fits },
	{ "the link looked faster than it is", looked_fast },
	{ "no more than is needed", no_more_than_needed },
	{ "given back when the link recovers", link_recovers },
	{ "bounded", bounded },
};

KTAP_MAIN(cases)
