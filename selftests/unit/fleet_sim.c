// SPDX-License-Identifier: GPL-2.0
/* How long moves take, worked out by hand. */
#include "ktap.h"
#include "fleets.h"

/* a and b send 1 GB/s each, c receives 1 GB/s, d 4. */
#define HOSTS                                                                      \
	"{'kmigrate_inventory':1,'hosts':["                                        \
	"{'name':'a','memory_bytes':100e9,'up_bit_per_s':8e9},"                    \
	"{'name':'b','memory_bytes':100e9,'up_bit_per_s':8e9,'max_moves_out':1},"  \
	"{'name':'c','memory_bytes':100e9,'up_bit_per_s':8e9,'max_moves_in':1},"   \
	"{'name':'d','memory_bytes':100e9,'up_bit_per_s':32e9,'max_moves_in':9}]," \
	"'drain':['a','b'],'vms':["

static struct km_fleet_move moves[8];
static struct km_sim_result result;

static void move(uint32_t i, uint32_t from, uint32_t to, uint32_t after)
{
	moves[i] = (struct km_fleet_move){ .vm = i, .from = from, .to = to, .after = after };
}

static int simulate(const struct km_fleet *f, uint32_t n, unsigned int most, double share,
		    const uint32_t *rank)
{
	struct km_sim_rules rules = { .most = most, .share = share, .rank = rank };
	struct km_sim *s = km_sim_new(f, &km_move_model_simple, n);
	int rc = km_sim_run(s, moves, n, &rules, &result);

	km_sim_free(s);
	return rc;
}

/* Set-up 1 s, then 8 GB at 1 GB/s; nothing is dirtied; 10 ms. */
static void alone(bool *ok)
{
	struct km_fleet *f = fleet_of(HOSTS "{'name':'v','host':'a','memory_bytes':8e9}]}");
	struct km_alone a = km_move_alone(&km_move_model_simple, &f->vm[0], 1e9);

	move(0, 0, 3, 0);
	CHECK(!simulate(f, 1, 9, 0, NULL));
	CHECK(close_to(moves[0].end_s, 9.01) && close_to(moves[0].pause_s, 0.01));
	CHECK(moves[0].rounds == 1 && close_to(moves[0].bytes, 8e9) && !result.late);
	CHECK(close_to(a.seconds, 9.01) && close_to(a.bytes, 8e9) && close_to(a.pause_s, 0.01));
	km_fleet_free(f);
}

/* 100 MB/s dirtied at 1 GB/s: 8 GB, 800 MB, 80 MB; half of 300 ms less 10 ms has room for that. */
static void rounds(bool *ok)
{
	struct km_fleet *f = fleet_of(
		HOSTS
		"{'name':'v','host':'a','memory_bytes':8e9,'dirty':{'bytes_per_s':1e8}},"
		"{'name':'w','host':'b','memory_bytes':8e9,'max_pause_ms':50,'dirty':{'bytes_per_s':1e9,"
		"'working_set_bytes':200000000}},"
		"{'name':'x','host':'a','memory_bytes':8e9,'dirty':[{'ms':4000,'bytes':40000000},"
		"{'ms':6000,'bytes':80000000}]}]}");
	struct km_alone a;

	move(0, 0, 3, 0);
	CHECK(!simulate(f, 1, 9, 0, NULL));
	CHECK(moves[0].rounds == 2 && close_to(moves[0].bytes, 8.88e9));
	CHECK(close_to(moves[0].pause_s, 0.09) && close_to(moves[0].end_s, 1 + 8.88 + 0.01));
	/* Never gets smaller than 200 MB: 16 rounds, the first of 8 GB, and a pause of 210 ms. */
	move(0, 1, 3, 0);
	moves[0].vm = 1;
	CHECK(!simulate(f, 1, 9, 0, NULL));
	CHECK(moves[0].rounds == 16 && close_to(moves[0].bytes, 8e9 + 16 * 200e6));
	CHECK(close_to(moves[0].pause_s, 0.21) && result.late == 1);
	/* Beyond its last point the curve goes on as before: 8 s, so 120 MB. */
	a = km_move_alone(&km_move_model_simple, &f->vm[2], 1e9);
	CHECK(close_to(a.bytes, 8e9 + 120e6) && close_to(a.pause_s, 0.13));
	a = km_move_alone(&km_move_model_simple, &f->vm[2], 2e9); /* 4 s: 40 MB */
	CHECK(close_to(a.bytes, 8e9 + 40e6));
	km_fleet_free(f);
}

/* Two share a's NIC: each 500 MB/s until the smaller is over. */
static void shared(bool *ok)
{
	struct km_fleet *f = fleet_of(HOSTS "{'name':'v','host':'a','memory_bytes':2e9},"
					    "{'name':'w','host':'a','memory_bytes':4e9}]}");

	move(0, 0, 3, 0);
	move(1, 0, 3, 0);
	CHECK(!simulate(f, 2, 9, 0, NULL));
	CHECK(close_to(moves[0].end_s, 5.01) && close_to(moves[1].end_s, 7.01));
	/* One at a time: 3.01 s, then 5.01; the one with more before it begins. */
	CHECK(!simulate(f, 2, 1, 0, NULL));
	CHECK(close_to(moves[1].end_s, 5.01) && close_to(moves[0].start_s, 5.01));
	CHECK(close_to(result.makespan_s, 8.02));
	CHECK(!simulate(f, 2, 1, 0, (const uint32_t[]){ 0, 1 })); /* as is told */
	CHECK(close_to(moves[0].end_s, 3.01) && close_to(moves[1].start_s, 3.01));
	/* No sharing: the second begins its set-up with the last byte of the first. */
	CHECK(!simulate(f, 2, 9, 1, NULL));
	CHECK(close_to(moves[0].start_s, 5) && close_to(moves[0].end_s, 8.01));
	km_fleet_free(f);
}

/* c takes one at a time. */
static void limits(bool *ok)
{
	struct km_fleet *f = fleet_of(HOSTS
				      "{'name':'v','host':'a','memory_bytes':2e9},"
				      "{'name':'w','host':'b','memory_bytes':4e9},"
				      "{'name':'x','host':'b','memory_bytes':1e9}],'max_moves':2}");

	move(0, 0, 2, 0);
	move(1, 1, 2, 0);
	move(2, 1, 3, 0);
	CHECK(!simulate(f, 3, 9, 0, NULL));
	/* b has most to do, so w is first, then v into c and x out of b. */
	CHECK(close_to(moves[1].start_s, 0) || close_to(moves[2].start_s, 0));
	CHECK(moves[0].start_s >= moves[1].end_s || moves[1].start_s >= moves[0].end_s);
	CHECK(moves[1].start_s >= moves[2].end_s || moves[2].start_s >= moves[1].end_s);
	km_fleet_free(f);
}

/* x comes to d after y has left it: y's move is the first of the list. */
static void waits(bool *ok)
{
	struct km_fleet *f = fleet_of(HOSTS "{'name':'y','host':'d','memory_bytes':2e9},"
					    "{'name':'x','host':'a','memory_bytes':4e9},"
					    "{'name':'z','host':'b','memory_bytes':1e9}]}");

	move(0, 3, 2, 0);
	move(1, 0, 3, 1);
	move(2, 1, 3, 0);
	CHECK(!simulate(f, 3, 9, 0, NULL));
	CHECK(close_to(moves[0].end_s, 3.01) && close_to(moves[1].start_s, 3.01));
	CHECK(close_to(moves[2].start_s, 0));
	moves[1].after = 2; /* there is one only */
	CHECK(simulate(f, 3, 9, 0, NULL) == -EDEADLK);
	km_fleet_free(f);
}

/* Twelve hosts in three racks, and guests that may be anywhere. */
#define QUEUE 80
static struct km_fleet *racks(void)
{
	char text[32768];
	int n = snprintf(text, sizeof(text), "{'kmigrate_inventory':1,'hosts':[");

	for (unsigned int h = 0; h < 12; h++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "%s{'name':'h%u','memory_bytes':1e13,'up_bit_per_s':%s,"
			      "'max_moves_out':%u,'max_moves_in':%u}",
			      h ? "," : "", h, h % 5 < 3 ? "25e9" : "10e9", 1 + h % 4, 1 + h % 3);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "],'links':[");
	for (unsigned int r = 0; r < 3; r++)
		n += snprintf(
			text + n, sizeof(text) - (size_t)n,
			"%s{'name':'r%u','up_bit_per_s':4e10,'hosts':['h%u','h%u','h%u','h%u']}",
			r ? "," : "", r, 4 * r, 4 * r + 1, 4 * r + 2, 4 * r + 3);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "],'drain':['h0'],'vms':[");
	for (unsigned int i = 0; i < QUEUE; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "%s{'name':'v%u','host':'h0','memory_bytes':%u000003,"
			      "'dirty':{'bytes_per_s':%u}}",
			      i ? "," : "", i, 500 + (unsigned int)rand() % 9500,
			      1000000 + (unsigned int)rand() % 100000000);
	snprintf(text + n, sizeof(text) - (size_t)n, "]}");
	return fleet_of("%s", text);
}

/* Whether a limit that there was just after that time, worked out from the starts and ends alone,
 * keeps a move from beginning. */
static bool has_to_wait(const struct km_fleet *f, const struct km_fleet_move *all, uint32_t n,
			const struct km_sim_rules *rules, const struct km_fleet_move *m, double t)
{
	double booked[64] = { 0 };
	unsigned int out = 0, in = 0;
	struct km_path p;

	for (uint32_t k = 0; k < n; k++) {
		if (all[k].start_s > t || all[k].end_s <= t)
			continue;
		out += all[k].from == m->from;
		in += all[k].to == m->to;
		km_fleet_path(f, all[k].from, all[k].to, &p);
		for (unsigned int i = 0;
		     all[k].end_s - km_move_model_simple.settle_s > t && i < p.n; i++)
			booked[p.r[i]] += p.bound;
	}
	if (out >= rules->most || out >= f->host[m->from].max_out || in >= f->host[m->to].max_in)
		return true;
	km_fleet_path(f, m->from, m->to, &p);
	for (unsigned int i = 0; i < p.n; i++)
		if (booked[p.r[i]] > 0 &&
		    (booked[p.r[i]] + p.bound) * rules->share > km_fleet_rate(f, p.r[i]))
			return true;
	return false;
}

/* At each moment at which a slot or a link comes free. */
static bool nobody_waits_for_nothing(const struct km_fleet *f, const struct km_fleet_move *all,
				     uint32_t n, const struct km_sim_rules *rules)
{
	for (uint32_t k = 0; k < 2 * n; k++) {
		double t = all[k / 2].end_s + 1e-7 - (k % 2) * km_move_model_simple.settle_s;

		for (uint32_t i = 0; i < n; i++)
			if (all[i].start_s > t && !has_to_wait(f, all, n, rules, &all[i], t)) {
				printf("# %u, most %u, share %.1f: waits at %.9f for nothing\n", i,
				       rules->most, rules->share, t);
				return false;
			}
	}
	return true;
}

static void shuffle(uint32_t *rank, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = (uint32_t)rand() % (i + 1);

		rank[i] = rank[k];
		rank[k] = i;
	}
}

/* The simulation asks again only who was held back by what has come free; here all are asked. */
static void no_idling(bool *ok)
{
	static const double shares[] = { 0, 0.4, 0.6, 0.8, 1 };
	static struct km_fleet_move all[QUEUE];
	struct km_sim_result first, again;
	struct km_fleet *f;
	struct km_sim *s;
	uint32_t rank[QUEUE];

	srand(5);
	f = racks();
	s = km_sim_new(f, &km_move_model_simple, QUEUE);
	for (int round = 0; *ok && round < 200; round++) {
		struct km_sim_rules rules = { .most = 1 + (unsigned int)rand() % 4,
					      .share = shares[rand() % 5],
					      .rank = rand() % 2 ? rank : NULL };

		for (uint32_t i = 0; i < QUEUE; i++) {
			uint32_t from = (uint32_t)rand() % 12;

			all[i] = (struct km_fleet_move){
				.vm = i, .from = from, .to = (from + 1 + (uint32_t)rand() % 11) % 12
			};
		}
		shuffle(rank, QUEUE);
		CHECK(!km_sim_run(s, all, QUEUE, &rules, &first));
		CHECK(first.over == QUEUE && nobody_waits_for_nothing(f, all, QUEUE, &rules));
		/* A hair less time than it takes, and just so much. */
		rules.give_up_s = first.makespan_s + KM_SIM_LATE_S * first.late - 1e-3;
		CHECK(km_sim_run(s, all, QUEUE, &rules, &again) == 1 && again.over < QUEUE);
		rules.give_up_s += 2e-3;
		CHECK(!km_sim_run(s, all, QUEUE, &rules, &again));
		CHECK(close_to(again.makespan_s, first.makespan_s) && again.late == first.late);
	}
	km_sim_free(s);
	km_fleet_free(f);
}

static const struct ktap_case cases[] = {
	{ "a move alone", alone },
	{ "rounds, and a guest that never fits into its pause", rounds },
	{ "two moves share a link, or don't", shared },
	{ "limits of hosts and of the fleet", limits },
	{ "a move waits for room", waits },
	{ "who waits has to, and what is given up is worse", no_idling },
};

KTAP_MAIN(cases)
