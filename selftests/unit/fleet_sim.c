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

static const struct ktap_case cases[] = {
	{ "a move alone", alone },
	{ "rounds, and a guest that never fits into its pause", rounds },
	{ "two moves share a link, or don't", shared },
	{ "limits of hosts and of the fleet", limits },
	{ "a move waits for room", waits },
};

KTAP_MAIN(cases)
