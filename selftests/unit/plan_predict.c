// SPDX-License-Identifier: GPL-2.0
/* Predictions against each other, and what is printed of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "report/plan.h"

#define LINK 25e6

static const struct km_reh_goal goal = { .max_pause_ms = 100, .deadline_ms = 600000 };

static bool near(double a, double b, double part)
{
	return fabs(a - b) <= part * b;
}

/* So many pages of which an eighth is written, each so often. */
static struct km_reh_guest guest_of(uint64_t pages, double per_s)
{
	return (struct km_reh_guest){ .regions = 2,
				      .region = {
					      { .pages = pages / 8 * 7, .zero = 0.5, .ratio = 1 },
					      { .pages = pages / 8,
						.ratio = 1,
						.writes_per_s = per_s * (double)pages / 8,
						.write_bytes = 4096 } } };
}

static struct km_prediction predict_for(struct km_reh_guest g, double link,
					const struct km_reh_goal *aim)
{
	struct km_reh_hosts hosts = {
		.link_bytes_per_s = link,
		.costs = { .read_first = 3000, .read_again = 3000, .pack = { 9500, 11500, 18000 } },
		.cpus = 1000,
		.streams = 2,
		.delta_bytes = 100u << 20
	};
	struct km_prediction p;

	km_predict_hosts(&hosts);
	if (km_predict(&g, &hosts, aim, &p))
		memset(&p, 0, sizeof(p));
	return p;
}

static struct km_prediction predict(struct km_reh_guest g, double link)
{
	return predict_for(g, link, &goal);
}

static void interval(bool *ok)
{
	const struct km_reh_goal easy = { .max_pause_ms = 500 };
	struct km_prediction p = predict_for(guest_of(100000, 0.1), LINK, &easy);
	const struct km_interval *total = &p.range[KM_FIGURE_TOTAL_MS];

	CHECK(p.likely.moved && p.moved == p.rehearsals && p.rehearsals > 4);
	for (enum km_figure f = 0; f < KM_FIGURES; f++)
		CHECK(p.range[f].low <= p.range[f].likely && p.range[f].likely <= p.range[f].high);
	/* The link is a tenth faster and slower, and nothing more can be gained or lost by it. */
	CHECK(total->low > 0.85 * total->likely);
	CHECK(total->low < 0.95 * total->likely);
	CHECK(total->high > 1.1 * total->likely);
	CHECK(!(p.needed_bytes_per_s > 0) && !(p.needed_bytes_per_s < 0));
}

/* 16 GiB are rehearsed as 4: all but the set-up and the pause's other parts is as much more. */
static void scaled(bool *ok)
{
	struct km_prediction a, b;

	if (getenv("KM_SEEDS")) /* valgrind.sh sees the code by the others */
		return;
	a = predict(guest_of(4ull << 18, 0.02), 4 * LINK);
	b = predict(guest_of(16ull << 18, 0.02), 16 * LINK);

	CHECK(near(b.range[KM_FIGURE_TOTAL_MS].likely, a.range[KM_FIGURE_TOTAL_MS].likely, 0.05));
	CHECK(near(b.range[KM_FIGURE_WIRE_BYTES].likely, 4 * a.range[KM_FIGURE_WIRE_BYTES].likely,
		   0.05));
	CHECK(near((double)b.likely.listed_pages, 4 * (double)a.likely.listed_pages, 0.05));
}

static void too_hot(bool *ok)
{
	/* Twice what the link carries: one that is a little more than twice as fast would do. */
	struct km_prediction p = predict(guest_of(40000, 2 * LINK / 4096 / 5000), LINK);

	CHECK(!p.likely.moved && p.rehearsals == 1 && !p.moved);
	CHECK(p.needed_bytes_per_s > 1.5 * LINK && p.needed_bytes_per_s < 3.5 * LINK);
	/* A thousand times. */
	p = predict(guest_of(20000, 100 * LINK / 4096 / 2500), 1e6);
	CHECK(!p.likely.moved && p.needed_bytes_per_s < 0);
}

/* It can be moved, and perhaps with a pause that is too long: then it is told what link would do. */
static void too_long(bool *ok)
{
	unsigned int long_ones = 0, short_ones = 0;
	const struct km_reh_goal shortest = { .max_pause_ms = 10 };
	struct km_prediction p;
	double at_link;

	for (unsigned int i = 4; i < 10; i++) {
		const struct km_reh_goal aim = { .max_pause_ms = 11 + i % 2 };
		struct km_reh_guest guest = guest_of(100000, 0.1 * (i / 2));

		p = predict_for(guest, LINK, &aim);
		CHECK(p.likely.moved);
		if (p.likely.pause_ms <= 1.1 * aim.max_pause_ms) {
			short_ones++;
			CHECK(!(p.needed_bytes_per_s > 0) && !(p.needed_bytes_per_s < 0));
			continue;
		}
		long_ones++;
		CHECK(p.needed_bytes_per_s > LINK);
		at_link = p.likely.pause_ms;
		p = predict_for(guest, p.needed_bytes_per_s, &aim);
		CHECK(p.likely.moved && p.likely.pause_ms <= at_link);
	}
	printf("# %u too long, %u not\n", long_ones, short_ones);
	CHECK(long_ones && short_ones);
	/* What a pause takes besides pages no link makes shorter. */
	p = predict_for(guest_of(50000, 0), LINK, &shortest);
	CHECK(p.likely.moved && p.likely.pause_ms > 11 && p.needed_bytes_per_s < 0);
}

/* What is printed holds the numbers, whatever they are. */
static char *text_of(const struct km_plan *p)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	km_text_plan(f, p);
	fclose(f);
	return text;
}

static void printed(bool *ok)
{
	struct km_plan *p = calloc(1, sizeof(*p));
	json_t *j;
	char *text;

	snprintf(p->vm, sizeof(p->vm),
		 "w\x1b"
		 "eb");
	p->survey.guest = guest_of(100000, 0.1);
	p->survey.pages = p->survey.reachable_pages = 100000;
	p->link_bytes_per_s = LINK;
	p->goal = goal;
	p->streams = 2;
	p->is = predict(p->survey.guest, LINK);
	text = text_of(p);
	CHECK(strstr(text, "w?eb") && strstr(text, "44 % zero"));
	CHECK(strstr(text, "a pause of 100 ms: "));
	CHECK(strstr(text, "round 1") && !strstr(text, "nan") && !strstr(text, "of RAM only"));
	free(text);
	j = km_json_plan(p);
	CHECK(json_is_true(json_object_get(json_object_get(j, "prediction"), "can_be_moved")));
	CHECK(near(json_real_value(json_object_get(json_object_get(j, "seen"), "writes_per_s")),
		   1250, 1e-6));
	json_decref(j);
	p->survey.guest = guest_of(20000, 20);
	p->survey.reachable_pages = 50000;
	p->is = predict(p->survey.guest, LINK);
	text = text_of(p);
	CHECK(strstr(text, "can't be met within the deadline") &&
	      strstr(text, "of 50 % of RAM only"));
	CHECK(!strstr(text, "\ntime"));
	free(text);
	/* Nothing known at all is no reason to divide by it. */
	memset(&p->survey, 0, sizeof(p->survey));
	p->survey.guest = (struct km_reh_guest){ .regions = 1, .region = { { .pages = 10 } } };
	p->is = predict(p->survey.guest, LINK);
	text = text_of(p);
	CHECK(!strstr(text, "nan") && !strstr(text, "inf"));
	free(text);
	free(p);
}

static const struct ktap_case cases[] = {
	{ "the interval is around the likely one", interval },
	{ "large guests are rehearsed as small ones", scaled },
	{ "what link a guest would need", too_hot },
	{ "what link a short pause would need", too_long },
	{ "as text and as JSON", printed },
};
KTAP_MAIN(cases)
