// SPDX-License-Identifier: GPL-2.0
/* Shares of links, and the small structures under the simulation, against the plain way. */
#include "ktap.h"
#include "fleet/flows.h"
#include "fleet/heap.h"
#include "fleet/pairs.h"
#include "fleets.h"

static struct km_fleet *hosts_and_links(void)
{
	return fleet_of("{'kmigrate_inventory':1,'hosts':["
			"{'name':'a','memory_bytes':1,'up_bit_per_s':8e9},"
			"{'name':'b','memory_bytes':1,'up_bit_per_s':16e9},"
			"{'name':'c','memory_bytes':1,'up_bit_per_s':40e9,'down_bit_per_s':24e9},"
			"{'name':'d','memory_bytes':1,'up_bit_per_s':80e9}],"
			"'links':[{'name':'l','up_bit_per_s':20e9,'hosts':['a','b']},"
			"{'name':'m','up_bit_per_s':32e9,'hosts':['a','b','c']}],"
			"'drain':['a']}");
}

static void add(struct km_flows *fl, const struct km_fleet *f, uint32_t flow, uint32_t from,
		uint32_t to)
{
	static struct km_path path[4]; /* by flow: kept for as long as it is there */

	km_fleet_path(f, from, to, &path[flow]);
	if (km_flows_add(fl, flow, &path[flow]))
		abort();
}

static void ways(bool *ok)
{
	struct km_fleet *f = hosts_and_links();
	struct km_path p;

	km_fleet_path(f, 0, 1, &p); /* within both groups */
	CHECK(p.n == 2 && close_to(p.bound, 1e9));
	km_fleet_path(f, 1, 2, &p); /* out of the first */
	CHECK(p.n == 3 && close_to(p.bound, 2e9) && close_to(km_fleet_rate(f, p.r[2]), 2.5e9));
	km_fleet_path(f, 3, 1, &p); /* into both */
	CHECK(p.n == 4 && p.r[0] == km_resource_up(3) && p.r[1] == km_resource_down(1));
	km_fleet_free(f);
}

static void by_hand(bool *ok)
{
	struct km_fleet *f = hosts_and_links();
	struct km_flows *fl = km_flows_new(f, 4);

	add(fl, f, 0, 0, 3); /* a to d: a's NIC */
	CHECK(close_to(km_flows_rate(fl, 0), 1e9));
	add(fl, f, 1, 1, 3); /* b to d: 3 GB/s wanted of l's 2.5; a has 1, b the rest */
	CHECK(close_to(km_flows_rate(fl, 0), 1e9) && close_to(km_flows_rate(fl, 1), 1.5e9));
	add(fl, f, 2, 1, 3); /* two of b's: thirds of l, below a's 1 GB/s */
	CHECK(close_to(km_flows_rate(fl, 0), 2.5e9 / 3) &&
	      close_to(km_flows_rate(fl, 2), 2.5e9 / 3));
	add(fl, f, 3, 2, 3); /* c to d: what m leaves of 4 */
	CHECK(close_to(km_flows_rate(fl, 3), 1.5e9));
	km_flows_remove(fl, 1);
	CHECK(close_to(km_flows_rate(fl, 0), 1e9) && close_to(km_flows_rate(fl, 2), 1.5e9) &&
	      close_to(km_flows_rate(fl, 3), 1.5e9));
	km_flows_remove(fl, 0);
	CHECK(close_to(km_flows_rate(fl, 2), 2e9) && close_to(km_flows_rate(fl, 3), 2e9));
	km_flows_free(fl);
	km_fleet_free(f);
}

/* What makes it max-min fair: each flow has a full link on its way on which none has more. */
static bool fair(const struct km_fleet *f, struct km_flows *fl, const struct km_path *path,
		 const bool *there, uint32_t n)
{
	double used[64] = { 0 }, most[64] = { 0 };

	for (uint32_t i = 0; i < n; i++)
		for (unsigned int k = 0; there[i] && k < path[i].n; k++) {
			double rate = km_flows_rate(fl, i);

			used[path[i].r[k]] += rate;
			if (rate > most[path[i].r[k]])
				most[path[i].r[k]] = rate;
		}
	for (uint32_t i = 0; i < n; i++) {
		bool held = !there[i];

		for (unsigned int k = 0; there[i] && k < path[i].n; k++) {
			uint32_t r = path[i].r[k];

			if (used[r] > km_fleet_rate(f, r) * (1 + 1e-6))
				return false;
			held |= used[r] > km_fleet_rate(f, r) * (1 - 1e-6) &&
				km_flows_rate(fl, i) > most[r] * (1 - 1e-6);
		}
		if (!held)
			return false;
	}
	return true;
}

#define FLOWS 40
static void at_random(bool *ok)
{
	struct km_fleet *f = hosts_and_links();
	struct km_flows *fl = km_flows_new(f, FLOWS);
	struct km_path path[FLOWS];
	bool there[FLOWS] = { false };

	srand(1);
	for (int step = 0; *ok && step < 4000; step++) {
		uint32_t i = (uint32_t)rand() % FLOWS, from = (uint32_t)rand() % 4;

		if (there[i]) {
			km_flows_remove(fl, i);
		} else {
			km_fleet_path(f, from, (from + 1 + (uint32_t)rand() % 3) % 4, &path[i]);
			if (km_flows_add(fl, i, &path[i]))
				abort();
		}
		there[i] = !there[i];
		CHECK(fair(f, fl, path, there, FLOWS));
	}
	km_flows_free(fl);
	km_fleet_free(f);
}

/* Racks of four hosts, two of which share a floor's uplink as well; NICs of three speeds. */
#define RACKS 6
static struct km_fleet *racks(void)
{
	static const char *const speeds[] = { "8e9", "20e9", "80e9" };
	char text[8192];
	int n = snprintf(text, sizeof(text), "{'kmigrate_inventory':1,'hosts':[");

	for (unsigned int h = 0; h < 4 * RACKS; h++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "%s{'name':'h%u','memory_bytes':1,'up_bit_per_s':%s}", h ? "," : "",
			      h, speeds[h * 7 % 11 % 3]);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "],'links':[");
	for (unsigned int r = 0; r < RACKS; r++)
		n += snprintf(
			text + n, sizeof(text) - (size_t)n,
			"{'name':'r%u','up_bit_per_s':%ue3,'hosts':['h%u','h%u','h%u','h%u']},", r,
			10000000 * (r + 1), 4 * r, 4 * r + 1, 4 * r + 2, 4 * r + 3);
	snprintf(
		text + n, sizeof(text) - (size_t)n,
		"{'name':'f','up_bit_per_s':3e10,'hosts':['h0','h1','h2','h3','h4','h5','h6','h7']}"
		"],'drain':['h0']}");
	return fleet_of("%s", text);
}

/* Of all flows anew, by the definition: all rise together, until a link is full and its flows stop. */
static void fill_all(const struct km_fleet *f, const struct km_path *path, const bool *there,
		     uint32_t n, double *rate)
{
	double left[64], share;
	uint32_t users[64], full;

	for (uint32_t r = 0; r < km_fleet_resources(f); r++)
		left[r] = km_fleet_rate(f, r);
	for (uint32_t i = 0; i < n; i++)
		rate[i] = there[i] ? -1 : 0;
	do {
		memset(users, 0, sizeof(users));
		for (uint32_t i = 0; i < n; i++)
			for (unsigned int k = 0; rate[i] < 0 && k < path[i].n; k++)
				users[path[i].r[k]]++;
		share = 1e300;
		full = 64;
		for (uint32_t r = 0; r < km_fleet_resources(f); r++)
			if (users[r] && left[r] / users[r] < share)
				share = left[full = r] / users[r];
		for (uint32_t i = 0; full < 64 && i < n; i++) {
			bool stops = false;

			for (unsigned int k = 0; rate[i] < 0 && k < path[i].n; k++)
				stops |= path[i].r[k] == full;
			for (unsigned int k = 0; stops && k < path[i].n; k++)
				left[path[i].r[k]] -= share;
			rate[i] = stops ? share : rate[i];
		}
	} while (full < 64);
}

static bool told(const struct km_flows *fl, uint32_t flow)
{
	uint32_t n;
	const uint32_t *changed = km_flows_changed(fl, &n);

	for (uint32_t i = 0; i < n; i++)
		if (changed[i] == flow)
			return true;
	return false;
}

/* Found anew where it matters only, rates are those that all flows together come to; and who has
 * another one is told. */
#define MANY 120
static void as_all_anew(bool *ok)
{
	struct km_fleet *f = racks();
	struct km_flows *fl = km_flows_new(f, MANY);
	double rate[MANY], was[MANY] = { 0 };
	struct km_path path[MANY];
	bool there[MANY] = { false };
	uint64_t looked_at = 0, all = 0;
	uint32_t n;

	srand(4);
	CHECK(km_fleet_resources(f) <= 64);
	for (int step = 0; *ok && step < 6000; step++) {
		uint32_t i = (uint32_t)rand() % (step % 2000 < 500 ? 10 : MANY);
		uint32_t from = (uint32_t)rand() % f->nhosts;

		if (there[i]) {
			km_flows_remove(fl, i);
		} else {
			km_fleet_path(f, from,
				      (from + 1 + (uint32_t)rand() % (f->nhosts - 1)) % f->nhosts,
				      &path[i]);
			if (km_flows_add(fl, i, &path[i]))
				abort();
		}
		there[i] = !there[i];
		fill_all(f, path, there, MANY, rate);
		for (uint32_t k = 0; k < MANY; k++) {
			double now = there[k] ? km_flows_rate(fl, k) : 0;

			CHECK(now <= rate[k] * (1 + 1e-7) && now >= rate[k] * (1 - 1e-7));
			CHECK(close_to(now, was[k]) || told(fl, k) || !there[k]);
			was[k] = now;
			all += there[k];
		}
		km_flows_changed(fl, &n);
		looked_at += n;
	}
	printf("# %.1f %% of the flows looked at\n", 100 * (double)looked_at / (double)all);
	CHECK(looked_at < all / 2);
	km_flows_free(fl);
	km_fleet_free(f);
}

#define ITEMS 50
static void heap(bool *ok)
{
	struct km_heap *h = km_heap_new(ITEMS);
	double time[ITEMS], t;
	uint32_t i;

	srand(2);
	for (int step = 0; step < 5000; step++) {
		uint32_t first = ITEMS;

		if (step == 0)
			for (i = 0; i < ITEMS; i++)
				time[i] = -1;
		i = (uint32_t)rand() % ITEMS;
		if (rand() % 3) {
			time[i] = rand() % 20; /* many are equal */
			km_heap_set(h, i, time[i]);
			continue;
		}
		for (i = 0; i < ITEMS; i++)
			if (time[i] >= 0 && (first == ITEMS || time[i] < time[first]))
				first = i;
		CHECK(km_heap_pop(h, &i, &t) == (first != ITEMS));
		if (first == ITEMS)
			continue;
		CHECK(i == first && close_to(t, time[first]));
		time[first] = -1;
	}
	km_heap_free(h);
}

#define NAMES 40
static void pairs(bool *ok)
{
	static unsigned int count[NAMES][NAMES];
	struct km_pairs *p = km_pairs_new();
	uint32_t name[NAMES];

	srand(3);
	for (int i = 0; i < NAMES; i++) /* any numbers, so that many begin at the same place */
		name[i] = (uint32_t)rand() * 2654435761u;
	for (int step = 0; step < 60000; step++) {
		uint32_t a = (uint32_t)rand() % NAMES, b = (uint32_t)rand() % NAMES;
		bool more = step < 20000 || rand() % 2;

		if (more && km_pairs_add(p, name[a], name[b]))
			abort();
		if (!more && count[a][b])
			km_pairs_remove(p, name[a], name[b]);
		count[a][b] += more ? 1 : count[a][b] ? -1u : 0;
		a = (uint32_t)rand() % NAMES;
		b = (uint32_t)rand() % NAMES;
		CHECK(km_pairs_count(p, name[a], name[b]) == count[a][b]);
	}
	CHECK(km_pairs_count(p, 1, 0) == 0);
	km_pairs_free(p);
}

static const struct ktap_case cases[] = {
	{ "ways: what a move passes", ways },
	{ "flows: shares worked out by hand", by_hand },
	{ "flows: fair after each of 4,000 comings and goings", at_random },
	{ "flows: as if all were found anew each time", as_all_anew },
	{ "heap: as by looking through all", heap },
	{ "pairs: as by counting", pairs },
};

KTAP_MAIN(cases)
