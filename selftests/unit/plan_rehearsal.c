// SPDX-License-Identifier: GPL-2.0
/* Simulated moves against what can be said about them without simulating. */
#include <math.h>
#include <string.h>
#include "ktap.h"
#include "plan/rehearsal.h"

#define LINK  25e6
#define PAGES 50000

static const struct km_reh_hosts hosts = { .link_bytes_per_s = LINK,
					   .rtt_ms = 0.5,
					   .qemu_bytes_per_s = 1e9,
					   .page_ns = 3000,
					   .setup_ms = 400,
					   .other_ms = 20,
					   .streams = 2,
					   .delta_bytes = 90u << 20 };
static const struct km_reh_goal goal = { .max_pause_ms = 100, .deadline_ms = 120000 };

static bool near(double a, double b, double part)
{
	return fabs(a - b) <= part * b;
}

/* A guest of which one part works. */
static struct km_reh_guest guest_of(struct km_reh_region works)
{
	return (struct km_reh_guest){
		.regions = 2, .region = { { .pages = PAGES, .zero = 0.5, .ratio = 1 }, works }
	};
}

static struct km_reh_result move(struct km_reh_guest guest)
{
	struct km_reh_result r;

	if (km_rehearse(&guest, &hosts, &goal, 1, &r))
		memset(&r, 0, sizeof(r));
	return r;
}

static void idle(bool *ok)
{
	struct km_reh_result r = move(guest_of((struct km_reh_region){ 0 }));
	double bytes = PAGES / 2 * 4096.0;

	CHECK(r.moved && r.rounds == 1 && r.listed_pages == PAGES);
	CHECK(near((double)r.zero_pages, PAGES / 2, 0.02));
	CHECK(r.zero_pages + r.raw_pages + r.packed_pages == PAGES);
	CHECK(near((double)r.wire_bytes, bytes, 0.03));
	CHECK(near(r.total_ms, 400 + bytes / LINK * 1e3, 0.03));
	CHECK(r.pause_ms <= 100);
}

static void text(bool *ok)
{
	struct km_reh_guest g = { .regions = 1, .region = { { .pages = PAGES, .ratio = 0.3 } } };
	struct km_reh_result r = move(g);

	CHECK(r.moved && r.packed_pages > PAGES * 9 / 10);
	CHECK((double)r.wire_bytes < PAGES * 4096.0 * 0.4);
}

/* What can't be moved is not moved, and what just can be is. */
static void limits(bool *ok)
{
	double pages_per_s = LINK / 4096;
	struct km_reh_region works = { .pages = 20000, .ratio = 1, .write_bytes = 4096 };
	struct km_reh_result r;

	works.writes_per_s = 2 * pages_per_s;
	r = move(guest_of(works));
	CHECK(!r.moved && !(r.pause_ms > 0) && r.rounds > 3);
	works.writes_per_s = 0.5 * pages_per_s;
	r = move(guest_of(works));
	CHECK(r.moved && r.pause_ms < 150);
	/* A working set that the pause has room for, however fast it is written. */
	works.pages = 200;
	works.writes_per_s = 10 * pages_per_s;
	r = move(guest_of(works));
	CHECK(r.moved && r.pause_ms < 150);
}

/* As fast as what can't be moved, but the destination has it, or nearly. */
static void cheap(bool *ok)
{
	struct km_reh_region works = {
		.pages = 20000, .ratio = 1, .writes_per_s = 2 * LINK / 4096, .write_bytes = 4096
	};
	struct km_reh_result r;

	works.silent = true;
	r = move(guest_of(works));
	CHECK(r.moved && r.same_pages > 10000 && !r.later_pages);
	CHECK(near((double)r.wire_bytes, (PAGES / 2 + 20000) * 4096.0, 0.03));
	works.silent = false;
	works.write_bytes = 40;
	r = move(guest_of(works));
	CHECK(r.moved && r.delta_pages > 10000);
	/* Whole once or twice, not more. */
	CHECK((double)r.wire_bytes < (PAGES / 2 + 2 * 20000) * 4096.0);
}

static void again(bool *ok)
{
	struct km_reh_guest g = guest_of((struct km_reh_region){
		.pages = 20000, .ratio = 1, .writes_per_s = 3000, .write_bytes = 4096 });
	struct km_reh_result a = move(g), b = move(g);

	CHECK(a.moved && !memcmp(&a, &b, sizeof(a)));
}

static void nonsense(bool *ok)
{
	struct km_reh_guest none = { 0 }, some = guest_of((struct km_reh_region){ 0 });
	struct km_reh_hosts bad = hosts;
	struct km_reh_result r;

	CHECK(km_rehearse(&none, &hosts, &goal, 1, &r) < 0);
	bad.link_bytes_per_s = 0;
	CHECK(km_rehearse(&some, &bad, &goal, 1, &r) < 0);
	bad = hosts;
	bad.streams = 0;
	CHECK(km_rehearse(&some, &bad, &goal, 1, &r) < 0);
	bad.streams = 1000;
	CHECK(km_rehearse(&some, &bad, &goal, 1, &r) < 0);
}

static const struct ktap_case cases[] = {
	{ "idle: once over the link, zeroes for nothing", idle },
	{ "text is packed", text },
	{ "twice the link can't be moved, half of it can", limits },
	{ "equal contents and small writes can", cheap },
	{ "the same numbers give the same move", again },
	{ "no pages, no link, no stream", nonsense },
};
KTAP_MAIN(cases)
