// SPDX-License-Identifier: GPL-2.0
/* Plans of which the best is known, and guests that can't go. */
#include "ktap.h"
#include "fleets.h"

#define FLEET  "{'kmigrate_inventory':1,'drain':['a'],'hosts':["
#define GUESTS "],'vms':["
#define END    "]}"

static struct km_fleet_plan plan_of(const struct km_fleet *f)
{
	struct km_fleet_plan p;
	struct km_err err;

	if (km_fleet_plan(f, &km_move_model_simple, 200, &p, &err)) {
		printf("# %s\n", err.text);
		abort();
	}
	return p;
}

static void done(struct km_fleet *f, struct km_fleet_plan *p)
{
	km_fleet_plan_free(p);
	km_fleet_free(f);
}

/* 10 GB out of one NIC of 1 GB/s, and 1 s and 10 ms in which nothing is sent: nothing is shorter,
 * and with two at a time, not beginning together, that can be had. */
static void source_is_full(bool *ok)
{
	struct km_fleet *f = fleet_of(FLEET
				      "{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9},"
				      "{'name':'b','up_bit_per_s':8e9,'memory_bytes':100e9},"
				      "{'name':'c','up_bit_per_s':8e9,'memory_bytes':100e9}" GUESTS
				      "{'name':'v','host':'a','memory_bytes':4e9},"
				      "{'name':'w','host':'a','memory_bytes':4e9},"
				      "{'name':'x','host':'a','memory_bytes':2e9}" END);
	struct km_fleet_plan p = plan_of(f);

	CHECK(p.nmoves == 3 && !p.nleft && p.fewest && !p.late && !p.nchain);
	CHECK(p.bound.kind == KM_BOUND_OUT && close_to(p.bound.seconds, 11.01));
	CHECK(close_to(p.makespan_s, 11.01));
	done(f, &p);
}

/* One at a time: three set-ups and three ends. */
static void one_at_a_time(bool *ok)
{
	struct km_fleet *f = fleet_of(
		FLEET "{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9,'max_moves_out':1},"
		      "{'name':'b','up_bit_per_s':8e9,'memory_bytes':100e9}" GUESTS
		      "{'name':'v','host':'a','memory_bytes':4e9},"
		      "{'name':'w','host':'a','memory_bytes':4e9},"
		      "{'name':'x','host':'a','memory_bytes':2e9}" END);
	struct km_fleet_plan p = plan_of(f);

	CHECK(p.bound.kind == KM_BOUND_SLOTS_OUT && close_to(p.bound.seconds, 13.03));
	CHECK(close_to(p.makespan_s, 13.03));
	done(f, &p);
}

/* a sends four times as fast as each of four others receives: one guest to each. */
static void spread(bool *ok)
{
	struct km_fleet *f = fleet_of(
		FLEET "{'name':'a','up_bit_per_s':32e9,'memory_bytes':100e9,'max_moves_out':4},"
		      "{'name':'b','up_bit_per_s':8e9,'memory_bytes':100e9},"
		      "{'name':'c','up_bit_per_s':8e9,'memory_bytes':100e9},"
		      "{'name':'d','up_bit_per_s':8e9,'memory_bytes':100e9},"
		      "{'name':'e','up_bit_per_s':8e9,'memory_bytes':100e9}" GUESTS
		      "{'name':'v','host':'a','memory_bytes':8e9},"
		      "{'name':'w','host':'a','memory_bytes':8e9},"
		      "{'name':'x','host':'a','memory_bytes':8e9},"
		      "{'name':'y','host':'a','memory_bytes':8e9}" END);
	struct km_fleet_plan p = plan_of(f);

	CHECK(close_to(p.bound.seconds, 9.01) && close_to(p.makespan_s, 9.01));
	for (uint32_t i = 0; i < p.nmoves; i++)
		for (uint32_t k = 0; k < i; k++)
			CHECK(p.move[i].to != p.move[k].to);
	done(f, &p);
}

/* b in the same rack has room for one, the other has to leave by the uplink of 0.5 GB/s. */
static void uplink(bool *ok)
{
	struct km_fleet *f = fleet_of(FLEET
				      "{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9},"
				      "{'name':'b','up_bit_per_s':8e9,'memory_bytes':5e9},"
				      "{'name':'c','up_bit_per_s':8e9,'memory_bytes':100e9}" GUESTS
				      "{'name':'v','host':'a','memory_bytes':4e9},"
				      "{'name':'w','host':'a','memory_bytes':3e9}],'links':["
				      "{'name':'up','up_bit_per_s':4e9,'hosts':['a','b']}" END);
	struct km_fleet_plan p = plan_of(f);

	/* 7 GB through 1 GB/s; or 2 GB that b can't hold through 0.5. */
	CHECK(p.bound.kind == KM_BOUND_OUT && close_to(p.bound.seconds, 8.01));
	CHECK(goes_to(&p, "v", "b") && goes_to(&p, "w", "c"));
	CHECK(close_to(p.makespan_s, 8.01)); /* 0.5 GB/s each, then v alone */
	done(f, &p);
}

/* A fleet of which one bound is the highest, and is reached. */
static bool reaches(const struct km_fleet_plan *p, enum km_bound_kind kind, double seconds)
{
	if (p->bound.kind == kind && close_to(p->bound.seconds, seconds) &&
	    close_to(p->makespan_s, seconds))
		return true;
	printf("# bound %d: %.15g s, makespan %.15g s\n", (int)p->bound.kind, p->bound.seconds,
	       p->makespan_s);
	return false;
}

static const char *four_guests(const char *more)
{
	static char text[512];
	size_t n = 0;

	for (int i = 0; i < 4; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s{'name':'v%d','host':'a','memory_bytes':2e9%s}",
				      i ? "," : "", i, more);
	return text;
}

static void other_bounds(bool *ok)
{
	struct km_fleet_plan p;
	struct km_fleet *f;

	/* b would take two thirds, but has room for one guest: c takes 6 GB at 1 GB/s. */
	f = fleet_of("%s{'name':'a','up_bit_per_s':32e9,'memory_bytes':100e9,'max_moves_out':4},"
		     "{'name':'b','up_bit_per_s':16e9,'memory_bytes':2e9},"
		     "{'name':'c','up_bit_per_s':8e9,'memory_bytes':100e9,'max_moves_in':3}],"
		     "'vms':[%s]}",
		     FLEET, four_guests(""));
	p = plan_of(f);
	CHECK(reaches(&p, KM_BOUND_MEMORY, 7.01));
	done(f, &p);
	/* All need what b and c alone have, behind 0.5 GB/s. */
	f = fleet_of("%s{'name':'a','up_bit_per_s':32e9,'memory_bytes':100e9,'max_moves_out':4},"
		     "{'name':'b','up_bit_per_s':8e9,'memory_bytes':100e9,'labels':['l']},"
		     "{'name':'c','up_bit_per_s':8e9,'memory_bytes':100e9,'labels':['l']},"
		     "{'name':'d','up_bit_per_s':8e9,'memory_bytes':100e9}],'links':[{'name':'k',"
		     "'up_bit_per_s':80e9,'down_bit_per_s':4e9,'hosts':['b','c']}],'vms':[%s]}",
		     FLEET, four_guests(",'labels':['l']"));
	p = plan_of(f);
	CHECK(reaches(&p, KM_BOUND_LINK_IN, 17.01));
	done(f, &p);
	/* c in the same rack has 3 GB free, the others leave by 0.5 GB/s. */
	f = fleet_of("%s{'name':'a','up_bit_per_s':32e9,'memory_bytes':100e9,'max_moves_out':4},"
		     "{'name':'b','up_bit_per_s':16e9,'memory_bytes':100e9},"
		     "{'name':'c','up_bit_per_s':16e9,'memory_bytes':3e9}],'links':[{'name':'k',"
		     "'up_bit_per_s':4e9,'hosts':['a','c']}],'vms':[%s]}",
		     FLEET, four_guests(""));
	p = plan_of(f); /* 8 GB less 3 of c's; guests are whole, so 6 pass it */
	CHECK(p.bound.kind == KM_BOUND_LINK_OUT && close_to(p.bound.seconds, 11.01) &&
	      close_to(p.makespan_s, 13.01));
	done(f, &p);
}

/* One at a time into b; one at a time in the whole fleet. */
static void slots(bool *ok)
{
	struct km_fleet_plan p;
	struct km_fleet *f;

	f = fleet_of("%s{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9,'max_moves_out':4},"
		     "{'name':'b','up_bit_per_s':8e9,'memory_bytes':100e9,'max_moves_in':1}],"
		     "'vms':[%s]}",
		     FLEET, four_guests(""));
	p = plan_of(f);
	CHECK(reaches(&p, KM_BOUND_SLOTS_IN, 4 * 3.01));
	done(f, &p);
	f = fleet_of("%s{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9,'max_moves_out':4},"
		     "{'name':'b','up_bit_per_s':8e9,'memory_bytes':100e9}],'max_moves':1,"
		     "'vms':[%s]}",
		     FLEET, four_guests(""));
	p = plan_of(f);
	CHECK(reaches(&p, KM_BOUND_SLOTS, 4 * 3.01));
	done(f, &p);
}

/* Of one guest and one host that stays: what is in the way; KM_FITS: it isn't as it should be. */
static enum km_fit in_the_way(const char *host, const char *guest, const char *more)
{
	struct km_fleet *f = fleet_of("{'kmigrate_inventory':1,'drain':['a'],'hosts':["
				      "{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9},"
				      "{'name':'b','up_bit_per_s':8e9%s}],'vms':["
				      "{'name':'v','host':'a','memory_bytes':4e9%s}%s]}",
				      host, guest, more);
	struct km_fleet_plan p = plan_of(f);
	enum km_fit fit = KM_FITS;

	if (p.nleft == 1 && p.fewest && !p.nmoves)
		for (int i = 0; i < KM_FITS; i++)
			if (p.left[0].hosts[i])
				fit = (enum km_fit)i;
	if (p.nmoves == 1 && !p.nleft)
		fit = KM_FIT_YES;
	done(f, &p);
	return fit;
}

/* What host b has, what v needs, who is on b. */
struct way {
	const char *host, *guest, *more;
	enum km_fit fit;
};

#define THERE                                                                  \
	",{'name':'u','host':'b','memory_bytes':4e9,'vcpus':4,'movable':false" \
	",'anti_affinity':['g']}"
#define MEMORY(bytes) ",'memory_bytes':" #bytes
#define ROOM	      MEMORY(9e9)
#define NODES(a, b)   ",'nodes':[{'free_bytes':" #a "},{'free_bytes':" #b "}]"

static const struct way ways[] = {
	{ ROOM, "", "", KM_FIT_YES },
	{ MEMORY(4000000000), "", "", KM_FIT_YES },
	{ MEMORY(3999999999), "", "", KM_FIT_SIZE },
	{ MEMORY(8000000000), "", THERE, KM_FIT_YES },
	{ MEMORY(7999999999), "", THERE, KM_FIT_SIZE },

	{ NODES(2e9, 2e9), "", "", KM_FIT_YES },
	{ NODES(2e9, 1999999999), "", "", KM_FIT_SIZE },
	{ NODES(2e9, 2e9), ",'numa_nodes':2", "", KM_FIT_YES },
	{ NODES(9e9, 1999999999), ",'numa_nodes':2", "", KM_FIT_NODE },
	{ NODES(3e9, 4e9), ",'numa_nodes':1", "", KM_FIT_YES },
	{ NODES(3e9, 3999999999), ",'numa_nodes':1", "", KM_FIT_NODE },
	{ ROOM, ",'numa_nodes':2", "", KM_FIT_NODE },

	{ ROOM ",'cpu':{'level':'x86-64-v3'}", ",'cpu':{'level':'x86-64-v2'}", "", KM_FIT_YES },
	{ ROOM ",'cpu':{'level':'x86-64-v3'}", ",'cpu':{'features':['avx2']}", "", KM_FIT_YES },
	{ ROOM ",'cpu':{'level':'x86-64-v3'}", ",'cpu':{'level':'x86-64-v4'}", "", KM_FIT_CPU },
	{ ROOM ",'cpu':{'vendor':'amd'}", ",'cpu':{'vendor':'amd'}", "", KM_FIT_YES },
	{ ROOM ",'cpu':{'vendor':'amd'}", ",'cpu':{'vendor':'intel'}", "", KM_FIT_CPU },
	{ ROOM ",'labels':['x','ssd']", ",'labels':['ssd']", "", KM_FIT_YES },
	{ ROOM ",'cpu':{'features':['ssd']}", ",'labels':['ssd']", "", KM_FIT_CPU },

	{ ROOM ",'vcpus_max':8", ",'vcpus':4", THERE, KM_FIT_YES },
	{ ROOM ",'vcpus_max':7", ",'vcpus':4", THERE, KM_FIT_VCPUS },
	{ ROOM ",'vcpus_max':7", ",'vcpus':8", "", KM_FIT_SIZE },
	{ ROOM, ",'anti_affinity':['g']", THERE, KM_FIT_GROUP },
	{ ROOM, ",'anti_affinity':['h']", THERE, KM_FIT_YES },
};

static void constraints(bool *ok)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		enum km_fit fit = in_the_way(ways[i].host, ways[i].guest, ways[i].more);

		if (fit != ways[i].fit)
			printf("# way %zu: %d\n", i, (int)fit);
		CHECK(fit == ways[i].fit);
	}
}

static bool lies(const struct km_room *r, uint32_t vm, uint64_t a, uint64_t b, uint64_t c)
{
	struct km_split s;

	return km_room_fit(r, vm, 1, &s) == KM_FIT_YES && s.bytes[0] == a && s.bytes[1] == b &&
	       s.bytes[2] == c;
}

/* On nodes with 6, 3 and 4 GB free. */
static void where_memory_goes(bool *ok)
{
	struct km_fleet *f =
		fleet_of(FLEET "{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9},{'name':'b',"
			       "'up_bit_per_s':8e9,'nodes':[{'free_bytes':6e9},{'free_bytes':3e9},"
			       "{'free_bytes':4e9}]}" GUESTS
			       "{'name':'t','host':'a','memory_bytes':3e9,'numa_nodes':1},"
			       "{'name':'u','host':'a','memory_bytes':4000000001,'numa_nodes':1},"
			       "{'name':'v','host':'a','memory_bytes':7e9,'numa_nodes':2},"
			       "{'name':'w','host':'a','memory_bytes':2e9},"
			       "{'name':'x','host':'a','memory_bytes':8e9}" END);
	struct km_room *r = km_room_new(f);
	uint64_t gb = 1000000000;

	CHECK(lies(r, 0, 0, 3 * gb, 0)); /* the one with the least room that is enough */
	CHECK(lies(r, 1, 4 * gb + 1, 0, 0));
	CHECK(lies(r, 2, 7 * gb / 2, 0, 7 * gb / 2));
	CHECK(lies(r, 3, 0, 2 * gb, 0)); /* fills up the least first */
	CHECK(lies(r, 4, gb, 3 * gb, 4 * gb));
	km_room_free(r);
	km_fleet_free(f);
}

/* Room for 2 GB and guests of 2, 0.8 and 0.9: two can go. */
static void many_rather_than_large(bool *ok)
{
	static char text[8192];
	size_t n = 0;
	struct km_fleet *f;
	struct km_fleet_plan p;

	for (int i = 0; i < 80; i++) /* too many to try everything */
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      ",{'name':'h%d','up_bit_per_s':8e9,'memory_bytes':%d}", i,
				      i ? 1 : 2000000000);
	f = fleet_of("%s{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9}%s],'vms':["
		     "{'name':'v','host':'a','memory_bytes':2e9},"
		     "{'name':'w','host':'a','memory_bytes':8e8},"
		     "{'name':'x','host':'a','memory_bytes':9e8}]}",
		     FLEET, text);
	p = plan_of(f);
	CHECK(p.nleft == 1 && goes_to(&p, "w", "h0") && goes_to(&p, "x", "h0"));
	done(f, &p);
}

/* Of two guests of a group one goes, if one host stays. */
static void fewest(bool *ok)
{
	struct km_fleet *f =
		fleet_of(FLEET "{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9},"
			       "{'name':'b','up_bit_per_s':8e9,'memory_bytes':100e9}" GUESTS
			       "{'name':'v','host':'a','memory_bytes':4e9,'anti_affinity':['g']},"
			       "{'name':'w','host':'a','memory_bytes':4e9,'anti_affinity':['g']},"
			       "{'name':'x','host':'a','memory_bytes':4e9,'movable':false}" END);
	struct km_fleet_plan p = plan_of(f);

	CHECK(p.nmoves == 1 && p.nleft == 2 && p.fewest);
	CHECK(!p.left[1].movable && p.left[0].movable && p.left[0].hosts[KM_FIT_GROUP] == 1);
	done(f, &p);
}

/* b has 6 GB free, c 5: u leaves b for c, so that v has 10 there. */
static void makes_room(bool *ok)
{
	struct km_fleet *f = fleet_of(FLEET
				      "{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9},"
				      "{'name':'b','up_bit_per_s':8e9,'memory_bytes':10e9},"
				      "{'name':'c','up_bit_per_s':8e9,'memory_bytes':5e9}" GUESTS
				      "{'name':'v','host':'a','memory_bytes':9e9},"
				      "{'name':'u','host':'b','memory_bytes':4e9}" END);
	struct km_fleet_plan p = plan_of(f);

	CHECK(p.nmoves == 2 && !p.nleft && p.nchain == 1);
	CHECK(goes_to(&p, "u", "c") && goes_to(&p, "v", "b"));
	CHECK(move_of(&p, "v")->after == 1 && move_of(&p, "u")->after == 0);
	CHECK(move_of(&p, "v")->start_s >= move_of(&p, "u")->end_s);
	CHECK(close_to(p.makespan_s, 5.01 + 10.01));
	done(f, &p);
}

/* In a fleet too large to try everything room is made the same way: all are full but for 2 GB,
 * and of the guests of 4 GB one alone, on h38, has a neighbour that can take it: h39. */
static void makes_room_in_many(bool *ok)
{
	static char text[16384];
	size_t n = 0;
	struct km_fleet_plan p;
	struct km_fleet *f;

	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      ",{'name':'h%d','up_bit_per_s':8e9,'memory_bytes':6e9"
				      ",'labels':['%s']}",
				      i, i >= 38 ? "last" : "other");
	n += (size_t)snprintf(text + n, sizeof(text) - n,
			      "],'vms':[{'name':'v','host':'a','memory_bytes':5e9}");
	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      ",{'name':'g%d','host':'h%d','memory_bytes':%de9"
				      ",'labels':['%s']}",
				      i, i, i == 39 ? 2 : 4, i >= 38 ? "last" : "other");
	f = fleet_of("%s{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9}%s]}", FLEET, text);
	p = plan_of(f);
	CHECK(!p.nleft && p.nchain == 1 && goes_to(&p, "g38", "h39") && goes_to(&p, "v", "h38"));
	done(f, &p);
}

static void nothing_to_do(bool *ok)
{
	struct km_fleet *f = fleet_of(FLEET
				      "{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9},"
				      "{'name':'b','up_bit_per_s':8e9,'memory_bytes':100e9}" GUESTS
				      "{'name':'v','host':'b','memory_bytes':4e9}" END);
	struct km_fleet_plan p = plan_of(f);

	CHECK(!p.nmoves && !p.nleft && p.fewest && p.makespan_s <= 0 && p.bound.seconds <= 0);
	done(f, &p);
	f = fleet_of(FLEET "{'name':'a','up_bit_per_s':8e9,'memory_bytes':100e9}" GUESTS
			   "{'name':'v','host':'a','memory_bytes':4e9}" END); /* no host stays */
	p = plan_of(f);
	CHECK(!p.nmoves && p.nleft == 1 && p.fewest);
	done(f, &p);
}

static const struct ktap_case cases[] = {
	{ "as soon as a full NIC allows", source_is_full },
	{ "one at a time", one_at_a_time },
	{ "one to each of those that receive slowly", spread },
	{ "what need not leave the rack doesn't", uplink },
	{ "as soon as memory and links allow", other_bounds },
	{ "as soon as slots allow", slots },
	{ "each constraint, just met and just not", constraints },
	{ "where memory goes", where_memory_goes },
	{ "the fewest stay", fewest },
	{ "many small ones go rather than a large one", many_rather_than_large },
	{ "a guest makes room for another", makes_room },
	{ "so it does among many hosts", makes_room_in_many },
	{ "nothing to do, and nowhere to go", nothing_to_do },
};

KTAP_MAIN(cases)
