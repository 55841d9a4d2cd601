// SPDX-License-Identifier: GPL-2.0
/* Simulated moves against what can be said about them without simulating. */
#include <math.h>
#include <string.h>
#include "ktap.h"
#include "plan/rehearsal.h"

#define LINK  25e6
#define PAGES 50000

static const struct km_reh_hosts hosts = {
	.link_bytes_per_s = LINK,
	.rtt_ms = 0.5,
	.costs = { .read_first = 3000, .read_again = 3000, .pack = { 9500, 11500, 18000 } },
	.cpus = 1000,
	.qemu_page_ns = 4000,
	.setup_ms = 400,
	.other_ms = 20,
	.streams = 2,
	.delta_bytes = 90u << 20
};
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

/* QEMU can't stop the guest before the link has carried all but a little of what it has named, so
 * of a guest that does not work a pause is short at every moment. */
static void last_packets(bool *ok)
{
	struct km_reh_hosts h = hosts;
	double packet_ms, most = 0;

	h.link_bytes_per_s = 6e6;
	h.other_ms = h.rtt_ms = 0;
	packet_ms = 128 * 4096 / h.link_bytes_per_s * 1e3;
	for (unsigned int i = 1; i <= 8; i++) {
		struct km_reh_guest g = {
			.regions = 1,
			.region = { { .pages = 20000 + 77 * i, .zero = 0.5, .ratio = 1 } }
		};
		struct km_reh_result r;

		CHECK(!km_rehearse(&g, &h, &goal, i, &r) && r.moved);
		most = fmax(most, r.pause_ms);
	}
	printf("# at most %.0f ms; a packet %.0f\n", most, packet_ms);
	CHECK(most < packet_ms / 4);
}

/* Zero pages go by the main channel, which holds QEMU up least: through a round's end of these it
 * must not come while the rest, which was read ahead, waits for the link. */
static void empty_end(bool *ok)
{
	struct km_reh_hosts h = hosts;
	double most = 0;

	h.qemu_page_ns = 400;
	for (unsigned int i = 1; i <= 8; i++) {
		struct km_reh_guest g = { .regions = 2,
					  .region = { { .pages = 20000 + 1000 * i, .ratio = 1 },
						      { .pages = 200000, .zero = 1 } } };
		struct km_reh_result r;

		CHECK(!km_rehearse(&g, &h, &goal, i, &r) && r.moved);
		most = fmax(most, r.pause_ms);
	}
	printf("# at most %.0f ms\n", most);
	CHECK(most < 50);
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

/* What works is found out while it waits (scout.h), so it goes last wherever it is. */
static void works_first(bool *ok)
{
	const uint64_t hot = 16384, others = 100000;
	struct km_reh_guest g = { .regions = 2,
				  .region = { { .pages = hot,
						.ratio = 1,
						.writes_per_s = 1465,
						.write_bytes = 4096,
						.in_turn = true },
					      { .pages = others, .ratio = 1 } } };
	struct km_reh_result r = move(g);
	double twice = ((double)r.raw_pages - (double)(hot + others)) / (double)hot;

	printf("# %.2f of what works was sent twice\n", twice);
	CHECK(r.moved && twice < 0.7);
}

static void again(bool *ok)
{
	struct km_reh_guest g = guest_of((struct km_reh_region){
		.pages = 20000, .ratio = 1, .writes_per_s = 3000, .write_bytes = 4096 });
	struct km_reh_result a = move(g), b = move(g);

	CHECK(a.moved && !memcmp(&a, &b, sizeof(a)));
}

/* A link that is never waited for, and pages that all have content; costs are what a case says. */
static struct km_reh_result by_cpu(struct km_reh_hosts h)
{
	struct km_reh_guest g = { .regions = 1, .region = { { .pages = PAGES, .ratio = 1 } } };
	struct km_reh_result r;

	h.link_bytes_per_s = 100e9;
	h.streams = 2;
	h.setup_ms = h.other_ms = h.rtt_ms = 0;
	if (km_rehearse(&g, &h, &goal, 1, &r))
		memset(&r, 0, sizeof(r));
	return r;
}

/* Each is what the move waits for: a thread, one host's CPUs, both hosts' that are one. */
static void cpus(bool *ok)
{
	struct km_reh_hosts h = { .costs = { .read_first = 20000 }, .cpus = 1000 };
	double each_ms = PAGES * 20000 / 1e6;
	struct km_reh_result r = by_cpu(h);

	/* Two senders, which one has a CPU each. */
	CHECK(r.moved && near(r.total_ms, each_ms / 2, 0.03));
	CHECK(near(r.cpu_ms[KM_REH_SOURCE], each_ms, 0.001) && r.cpus_busy < 0.01);
	h.cpus = 1;
	r = by_cpu(h);
	CHECK(r.moved && near(r.total_ms, each_ms, 0.03) && r.cpus_busy > 0.95);
	/* As much again at the other end, which has a CPU of its own. */
	h.costs.write_first = 20000;
	r = by_cpu(h);
	CHECK(near(r.total_ms, each_ms, 0.03));
	CHECK(near(r.cpu_ms[KM_REH_DESTINATION], each_ms, 0.001));
	h.same_host = true;
	r = by_cpu(h);
	CHECK(near(r.total_ms, 2 * each_ms, 0.03));
	/* The receivers alone. */
	h.same_host = false;
	h.costs.read_first = 0;
	r = by_cpu(h);
	CHECK(near(r.total_ms, each_ms, 0.03) && !(r.cpu_ms[KM_REH_SOURCE] > 0));
	/* QEMU's thread is one, and its time is not kmigrate's. */
	h = (struct km_reh_hosts){ .cpus = 1000, .qemu_page_ns = 20000 };
	r = by_cpu(h);
	CHECK(near(r.total_ms, each_ms, 0.03) && !(r.cpu_ms[KM_REH_SOURCE] > 0));
}

/* What is packed, encrypted or sent as a name costs what that does. */
static void costs(bool *ok)
{
	struct km_reh_guest g = { .regions = 1, .region = { { .pages = PAGES, .zero = 1 } } };
	struct km_reh_hosts h = hosts;
	struct km_reh_result r;

	h.costs = (struct km_costs){ .tls = { .send_name = 1000, .recv_name = 500, .send_byte = 1 },
				     .plain = { .send_byte = 2 } };
	h.tls = true;
	h.setup_cpu_ms = 7;
	CHECK(!km_rehearse(&g, &h, &goal, 1, &r));
	/* A byte of the name takes a ns. */
	CHECK(near(r.cpu_ms[KM_REH_SOURCE], 7 + PAGES * 1008 / 1e6, 0.01));
	CHECK(near(r.cpu_ms[KM_REH_DESTINATION], 7 + PAGES * 500 / 1e6, 0.01));
	g.region[0].zero = 0;
	g.region[0].ratio = 1;
	h.tls = false;
	h.idle_cpu_ms = 100; /* of a second */
	CHECK(!km_rehearse(&g, &h, &goal, 1, &r));
	CHECK(near(r.cpu_ms[KM_REH_SOURCE], 7 + PAGES * 2 * 4104 / 1e6 + (r.total_ms - 420) / 10,
		   0.02));
	/* What the link waits for is not packed at any cost. */
	g.region[0].ratio = 0.3;
	h.costs.pack[0] = h.costs.pack[1] = h.costs.pack[2] = 10000;
	CHECK(!km_rehearse(&g, &h, &goal, 1, &r) && r.packed_pages > PAGES * 9 / 10);
	h.costs.pack[0] = h.costs.pack[1] = h.costs.pack[2] = 1e6;
	CHECK(!km_rehearse(&g, &h, &goal, 1, &r) && r.packed_pages < PAGES / 10);
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
	bad.cpus = 0;
	CHECK(km_rehearse(&some, &bad, &goal, 1, &r) < 0);
	bad = hosts;
	bad.streams = 0;
	CHECK(km_rehearse(&some, &bad, &goal, 1, &r) < 0);
	bad.streams = 1000;
	CHECK(km_rehearse(&some, &bad, &goal, 1, &r) < 0);
}

static const struct ktap_case cases[] = {
	{ "idle: once over the link, zeroes for nothing", idle },
	{ "idle: the pause has next to no pages", last_packets },
	{ "idle: nor has that of a guest that ends with zero pages", empty_end },
	{ "text is packed", text },
	{ "twice the link can't be moved, half of it can", limits },
	{ "equal contents and small writes can", cheap },
	{ "what works goes last", works_first },
	{ "the same numbers give the same move", again },
	{ "who has too little CPU time sets the pace", cpus },
	{ "what each kind of page costs", costs },
	{ "no pages, no link, no CPU, no stream", nonsense },
};
KTAP_MAIN(cases)
