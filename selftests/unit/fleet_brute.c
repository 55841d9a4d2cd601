// SPDX-License-Identifier: GPL-2.0
/*
 * Plans of small fleets against every way there is: each guest to each host that has room, in
 * each order, with each number of moves at a time.
 */
#include "ktap.h"
#include "fleets.h"

#define GUESTS 4
#define FLEETS 40

static int pick(int n, const int *of)
{
	return of[rand() % n];
}
#define PICK(...) pick(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int), (int[]){ __VA_ARGS__ })

/* Two hosts to be emptied and two or three that stay, two of all share a link; all guests fit. */
static struct km_fleet *random_fleet(void)
{
	char text[4096];
	size_t n = (size_t)snprintf(text, sizeof(text), "{'kmigrate_inventory':1,'hosts':[");
	int hosts = PICK(4, 5);

	for (int i = 0; i < hosts; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s{'name':'h%d','memory_bytes':%d000000000,'up_bit_per_s':"
				      "%d000000000,'max_moves_out':%d,'max_moves_in':%d%s}",
				      i ? "," : "", i, PICK(6, 10, 40), PICK(8, 16, 20), PICK(1, 2),
				      PICK(1, 2), PICK(0, 1, 1) ? ",'labels':['x']" : "");
	n += (size_t)snprintf(text + n, sizeof(text) - n,
			      "],'links':[{'name':'l','up_bit_per_s':%de9,'hosts':['h0','h%d']}],"
			      "'drain':['h0','h1'],'vms':[",
			      PICK(4, 12), PICK(1, 2, 3));
	for (int i = 0; i < GUESTS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s{'name':'v%d','host':'h%d','memory_bytes':%d000000000,"
				      "'dirty':{'bytes_per_s':%de6,'working_set_bytes':1e9}%s%s}",
				      i ? "," : "", i, PICK(0, 1), PICK(1, 2, 3, 5),
				      PICK(0, 10, 100, 300),
				      PICK(0, 0, 1) ? ",'anti_affinity':['g']" : "",
				      PICK(0, 0, 1) ? ",'labels':['x']" : "");
	return fleet_of("%s]}", text);
}

struct brute {
	const struct km_fleet *f;
	struct km_sim *sim;
	struct km_fleet_move move[GUESTS];
	uint32_t rank[GUESTS];
	struct km_sim_result best; /* fewest late, then soonest */
	double soonest;		   /* late or not */
	unsigned long ways;
};

static void orders(struct brute *b, uint32_t n)
{
	for (uint32_t i = n; i < GUESTS; i++) {
		uint32_t swap = b->rank[n];

		b->rank[n] = b->rank[i];
		b->rank[i] = swap;
		orders(b, n + 1);
		b->rank[i] = b->rank[n];
		b->rank[n] = swap;
	}
	for (unsigned int most = 1; n == GUESTS && most <= 2; most++) {
		struct km_sim_rules rules = { .most = most, .rank = b->rank };
		struct km_sim_result r;

		if (km_sim_run(b->sim, b->move, GUESTS, &rules, &r))
			abort();
		if (!b->ways++ || r.late < b->best.late ||
		    (r.late == b->best.late && r.makespan_s < b->best.makespan_s))
			b->best = r;
		if (b->ways == 1 || r.makespan_s < b->soonest)
			b->soonest = r.makespan_s;
	}
}

static void places(struct brute *b, struct km_room *room, uint32_t vm)
{
	struct km_split split;

	if (vm == GUESTS) {
		orders(b, 0);
		return;
	}
	for (uint32_t h = 0; h < b->f->nhosts; h++) {
		if (b->f->host[h].drain || km_room_fit(room, vm, h, &split) != KM_FIT_YES)
			continue;
		b->move[vm] =
			(struct km_fleet_move){ .vm = vm, .from = b->f->vm[vm].host, .to = h };
		if (km_room_arrive(room, vm, h, &split))
			abort();
		places(b, room, vm + 1);
		km_room_undo_arrive(room, vm, h, &split);
	}
}

static bool try_all(const struct km_fleet *f, struct brute *b)
{
	struct km_room *room = km_room_new(f);

	memset(b, 0, sizeof(*b));
	b->f = f;
	b->sim = km_sim_new(f, &km_move_model_simple, GUESTS);
	for (uint32_t i = 0; i < GUESTS; i++)
		b->rank[i] = i;
	places(b, room, 0);
	km_sim_free(b->sim);
	km_room_free(room);
	return b->ways;
}

static double worst; /* makespan of a plan by the best */
static unsigned int planned;
static bool kinds[KM_BOUND_LINK_IN + 1]; /* of bounds that were seen */

static void against_all(bool *ok)
{
	srand(1);
	for (int i = 0; i < FLEETS; i++) {
		struct km_fleet *f = random_fleet();
		struct km_fleet_plan p;
		struct km_err err;
		struct brute b;
		bool some = try_all(f, &b);

		if (km_fleet_plan(f, &km_move_model_simple, 1000, &p, &err))
			abort();
		CHECK(some == !p.nleft);
		if (some) {
			CHECK(p.bound.seconds <= b.soonest * (1 + 1e-9));
			CHECK(p.late <= b.best.late);
			CHECK(p.late < b.best.late || p.makespan_s <= b.best.makespan_s * 1.01);
			if (p.late == b.best.late && p.makespan_s > worst * b.best.makespan_s)
				worst = p.makespan_s / b.best.makespan_s;
			planned++;
			kinds[p.bound.kind] = true;
			printf("# %lu ways: bound %.2f s (%d), best %.2f s, plan %.2f s; late %u, %u\n",
			       b.ways, p.bound.seconds, (int)p.bound.kind, b.best.makespan_s,
			       p.makespan_s, b.best.late, p.late);
		}
		km_fleet_plan_free(&p);
		km_fleet_free(f);
	}
	printf("# at worst %.4f times the best\n", worst);
	CHECK(planned > FLEETS / 2);
	CHECK(kinds[KM_BOUND_MOVE] && kinds[KM_BOUND_OUT] && kinds[KM_BOUND_SLOTS_OUT] &&
	      kinds[KM_BOUND_IN] && kinds[KM_BOUND_LINK_OUT]);
}

static const struct ktap_case cases[] = {
	{ "the bound is below all, and the plan within 1 % of the best", against_all },
};

KTAP_MAIN(cases)
