// SPDX-License-Identifier: GPL-2.0
/* Which part of a guest decides, and how its move would go about it; what is printed of both. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "plan/strategy.h"
#include "report/strategy.h"

static struct km_plan *plan; /* large */

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-6 * fabs(b) + 1e-9;
}

/* ---- the part ---- */

/* Of 100 pages each, so many written regions as rates are not 0, and the rest as one more. */
static struct km_hot hottest(const double *rates, const uint32_t *blocks, unsigned int n)
{
	struct km_reh_guest g = { 0 };
	struct km_hot_part parts[16];
	struct km_hot hot;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t first = i && blocks[i] == blocks[i - 1] ? parts[i - 1].first + 100 : 0;

		parts[i] = (struct km_hot_part){ blocks[i], first, 100 };
		if (rates[i] > 0)
			g.region[g.regions++] = (struct km_reh_region){ .pages = 30,
									.writes_per_s = rates[i],
									.write_bytes = 64 };
		g.region[g.regions++] = (struct km_reh_region){ .pages = rates[i] > 0 ? 70 : 100,
								.write_bytes = 4096 };
	}
	km_hot_find(&g, parts, n, &hot);
	return hot;
}

static void part(bool *ok)
{
	static const double rates[] = { 0, 5, 40, 100, 90, 20, 0, 30 };
	static const uint32_t one[] = { 0, 0, 0, 0, 0, 0, 0, 0 },
			      two[] = { 0, 0, 0, 0, 1, 1, 1, 1 };
	static const double quiet[] = { 0, 0.01, 0, 0, 0, 0, 0, 0 };
	struct km_hot h = hottest(rates, one, 8);

	/* Of the neighbours those with a quarter of the hottest, and none beyond a cold one. */
	CHECK(h.any && h.where.first == 200 && h.where.pages == 300);
	CHECK(near(h.writes_per_s, 230) && near(h.changed_bytes_per_s, 230 * 64));
	h = hottest(rates, two, 8); /* not over the end of a block */
	CHECK(h.any && !h.where.block && h.where.first == 200 && h.where.pages == 200);
	CHECK(!hottest(quiet, one, 8).any);
	CHECK(!hottest(rates, one, 0).any);
}

/* What is to be sent again counts, not how often it is written. */
static void by_bytes(bool *ok)
{
	struct km_reh_guest g = {
		.regions = 2,
		.region = { { .pages = 100, .writes_per_s = 1000, .write_bytes = 8 },
			    { .pages = 100, .writes_per_s = 10, .write_bytes = 4096 } }
	};
	const struct km_hot_part parts[] = { { 0, 0, 100 }, { 0, 100, 100 } };
	struct km_hot h;

	km_hot_find(&g, parts, 2, &h);
	CHECK(h.any && h.where.first == 100 && h.where.pages == 100 && near(h.writes_per_s, 10));
}

/* ---- the strategy ---- */

static struct km_strategy strategy_of(struct km_reh_result r, double ratio)
{
	struct km_reh_guest g = { .regions = 2,
				  .region = { { .pages = 10, .zero = 1, .ratio = 0.1 },
					      { .pages = 10, .ratio = ratio } } };
	struct km_prediction p = { .likely = r };
	struct km_strategy s;

	km_strategy(&p, &g, &s);
	return s;
}

static void ways(bool *ok)
{
	struct km_strategy s = strategy_of((struct km_reh_result){ .moved = true,
								   .zero_pages = 1000,
								   .raw_pages = 10,
								   .packed_pages = 60,
								   .delta_pages = 25,
								   .same_pages = 5,
								   .cpus_busy = 0.5 },
					   0.3);

	CHECK(s.way == KM_WAY_PRECOPY && s.limit == KM_LIMIT_LINK && s.packing == KM_PACKING_PAYS);
	CHECK(near(s.packed, 0.6) && near(s.deltas, 0.25) && near(s.same, 0.05));
	/* A trial now and then is no packing. */
	s = strategy_of(
		(struct km_reh_result){ .raw_pages = 990, .packed_pages = 10, .cpus_busy = 1 },
		0.3);
	CHECK(s.way == KM_WAY_THROTTLE && s.limit == KM_LIMIT_CPUS);
	CHECK(s.packing == KM_PACKING_COSTS);
	/* Zeroes are light, and not packed. */
	s = strategy_of((struct km_reh_result){ 0 }, 1);
	CHECK(s.packing == KM_PACKING_NOTHING && !(s.packed > 0));
}

/* ---- what is printed ---- */

static char *text_of(void (*print)(FILE *, const struct km_plan *))
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	print(f, plan);
	fclose(f);
	return text;
}

static bool says(void (*print)(FILE *, const struct km_plan *), const char *want)
{
	char *text = text_of(print);
	bool is = strstr(text, want) && !strstr(text, "nan");

	if (!is)
		printf("# %s", text);
	free(text);
	return is;
}

static void make(void)
{
	memset(plan, 0, sizeof(*plan));
	plan->cpus_free = 1.5;
	plan->survey.hot = (struct km_hot){ true, { 1, 4096, 16384 }, 1500, 3e6 };
	strcpy(plan->survey.hot_block, "pc.ram");
	plan->survey.hot_gpa = 4096ull * 4096;
	strcpy(plan->why_no_vcpus, "kmigrate.ko is not loaded");
	plan->survey.guest =
		(struct km_reh_guest){ .regions = 1, .region = { { .pages = 9, .ratio = 0.5 } } };
	plan->is.likely = (struct km_reh_result){
		.moved = true, .rounds = 3, .packed_pages = 80, .raw_pages = 20, .cpus_busy = 0.4
	};
}

static void decides(bool *ok)
{
	json_t *j;

	make();
	CHECK(says(km_text_decides,
		   "vCPUs        which of them writes can't be told: kmigrate.ko is "
		   "not loaded\n"));
	CHECK(says(km_text_decides,
		   "decides      64.0 MiB of RAM at pc.ram+0x1000000 (gfn 0x1000): "
		   "1500 writes/s, which change 2.86 MiB/s\n"));
	j = km_json_plan_vcpus(plan);
	CHECK(json_is_null(j));
	json_decref(j);
	j = km_json_hottest(plan);
	CHECK(json_integer_value(json_object_get(j, "offset")) == 0x1000000 &&
	      json_integer_value(json_object_get(j, "gpa")) == 0x1000000);
	json_decref(j);
	/* By the module: the most first, of those that wrote, and as many as have room. */
	plan->vcpus_known = true;
	plan->dirty = (struct km_dirty){ .vcpus = 7,
					 .pages = 200,
					 .pages_per_s = 100,
					 .pages_by_vcpu = { 10, 0, 100, 20, 20, 48, 2 } };
	CHECK(says(km_text_decides,
		   "vCPUs        2: 50 %, 5: 24 %, 3: 10 %, 4: 10 % of 100 pages/s\n"));
	j = km_json_plan_vcpus(plan);
	CHECK(json_array_size(j) == 7 && json_integer_value(json_array_get(j, 5)) == 48);
	json_decref(j);
	plan->dirty.pages = 0;
	CHECK(says(km_text_decides, "vCPUs        none has written anything\n"));
	plan->survey.hot_gpa = UINT64_MAX;
	CHECK(says(km_text_decides, "pc.ram+0x1000000: 1500"));
	plan->survey.hot.any = false;
	CHECK(says(km_text_decides, ""));
	j = km_json_hottest(plan);
	CHECK(json_is_null(j));
	json_decref(j);
}

static void strategy(bool *ok)
{
	json_t *j;

	make();
	CHECK(says(km_text_strategy,
		   "strategy     pre-copy in 3 rounds: the link sets the pace, and "
		   "40 % of 1.5 free CPUs at either end are taken\n"));
	CHECK(says(km_text_strategy, "             packs 80 % of the pages, which takes less CPU"));
	CHECK(!says(km_text_strategy, "post-copy"));
	j = km_json_strategy(plan);
	CHECK(!json_object_get(j, "postcopy"));
	CHECK(!strcmp(json_string_value(json_object_get(j, "way")), "pre-copy"));
	CHECK(!strcmp(json_string_value(json_object_get(j, "limit")), "link"));
	CHECK(!strcmp(json_string_value(json_object_get(j, "packing")), "pays"));
	json_decref(j);
	plan->is.likely.moved = false;
	plan->is.likely.cpus_busy = 0.97;
	plan->is.likely.packed_pages = 0;
	plan->is.likely.delta_pages = 30;
	plan->same_host = true;
	CHECK(says(km_text_strategy,
		   "pre-copy alone does not get there, --on-stall throttle may: the "
		   "CPUs set the pace, of which 1.5 are free for both ends\n"));
	CHECK(says(km_text_strategy, "\n             post-copy does not go with multifd"));
	j = km_json_strategy(plan);
	CHECK(strstr(json_string_value(json_object_get(j, "postcopy")), "refused: post-copy"));
	json_decref(j);
	CHECK(says(km_text_strategy, "packs nothing: that would take longer"));
	CHECK(says(km_text_strategy, "sends of 60 % only what has changed"));
}

static const struct ktap_case cases[] = {
	{ "the part that decides, and its neighbours", part },
	{ "by what it changes", by_bytes },
	{ "way, limit, packing", ways },
	{ "as text and JSON: who decides", decides },
	{ "as text and JSON: the strategy", strategy },
};

int main(void)
{
	int rc = 1;

	plan = calloc(1, sizeof(*plan));
	if (plan)
		rc = ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
	free(plan);
	return rc;
}
