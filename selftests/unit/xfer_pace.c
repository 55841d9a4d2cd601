// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include "ktap.h"
#include "xfer/pace.h"
#include "xfer/wire.h"

static bool near(double a, double b)
{
	return fabs(a - b) <= b * 0.02;
}

/* A link of `rate` bytes a second that is full, looked at every 20 ms. */
static void full(struct km_pace *p, double *now, uint64_t *carried, double rate, double ms)
{
	for (double end = *now + ms; *now < end; *now += 20) {
		km_pace_see(p, *now, *carried, true);
		*carried += (uint64_t)(rate * 0.02);
	}
}

static void link(bool *ok)
{
	struct km_pace p = { 0 };
	uint64_t carried = 0;
	double now = 1000;

	full(&p, &now, &carried, 25e6, 2000);
	CHECK(near(p.bytes_per_s, 25e6));
	/* Nothing to send for a while says nothing about the link. */
	for (int i = 0; i < 100; i++, now += 20)
		km_pace_see(&p, now, carried, false);
	CHECK(near(p.bytes_per_s, 25e6));
	/* A little to send neither. */
	for (int i = 0; i < 100; i++, now += 20)
		km_pace_see(&p, now, carried += 1000, i % 2);
	CHECK(near(p.bytes_per_s, 25e6));
	full(&p, &now, &carried, 5e6, 3000); /* it got slower */
	CHECK(near(p.bytes_per_s, 5e6));
	full(&p, &now, &carried, 100e6, 3000); /* and faster */
	CHECK(near(p.bytes_per_s, 100e6));
	/* What got through is what it can carry, however short it was. */
	km_pace_see(&p, now + 20, carried, false);
	km_pace_see(&p, now + 40, carried + 8000000, false);
	CHECK(p.bytes_per_s > 101e6);
}

static void nothing_known(bool *ok)
{
	struct km_pace p = { 0 };

	CHECK(km_pace_downtime_ms(&p, 0, 100) == 1);
	CHECK(km_pace_backlog_pages(&p, 100) == 512);
	CHECK(km_pace_ahead_pages(&p, 1 << 20, 100, 100) == 0);
	CHECK(km_pace_most_pages(&p, 1000, 0, 100, 100) == UINT64_MAX);
	km_pace_see(&p, 1000, 12345678, true); /* what was before isn't this link's rate */
	CHECK(!(p.bytes_per_s > 0));
}

static void threshold(bool *ok)
{
	struct km_pace p = { .bytes_per_s = 100e6 };

	km_pace_see_qemu(&p, 1e9, 0, 100);
	/* 100 MB/s and 80 of 105 ms carry 8 MB; QEMU is drained at 1 GB/s: 8 ms. */
	CHECK(km_pace_downtime_ms(&p, 0, 105) == 8);
	/* What the relay still holds comes off first. */
	CHECK(km_pace_downtime_ms(&p, 4000000 / 4096, 105) == 4);
	CHECK(km_pace_downtime_ms(&p, 5000, 105) == 1);
	/* Half of a short pause is for all else. */
	CHECK(km_pace_downtime_ms(&p, 0, 20) == 1);
	CHECK(km_pace_downtime_ms(&p, 0, 40) == 2);
	/* QEMU multiplies by what it sees next: one slow look must not raise its limit. */
	km_pace_see_qemu(&p, 60e6, 0, 100);
	CHECK(km_pace_downtime_ms(&p, 0, 105) == 8);
	/* In the long run it is what the link carries, not less. */
	for (int i = 0; i < 100; i++)
		km_pace_see_qemu(&p, 60e6, 0, 100);
	CHECK(km_pace_downtime_ms(&p, 0, 105) == 80);
	/* Its view is of another 100 ms than the relay's. */
	km_pace_see_qemu(&p, 60e6, 250000000 / 4096, 250);
	CHECK(km_pace_downtime_ms(&p, 0, 105) == 8);
}

/* QEMU looks through its bitmap for 2 s and goes on then; the guest has dirtied more meanwhile than
 * a pause has room for. Whatever it sees next, up to all that has room at once, its limit must be
 * below that. */
static void standing(bool *ok)
{
	struct km_pace p = { .bytes_per_s = 25e6 };
	double burst, pages;

	km_pace_see_qemu(&p, 25e6, 0, 100);
	CHECK(km_pace_downtime_ms(&p, 0, 125) == 100);
	for (int i = 0; i < 20; i++)
		km_pace_see_qemu(&p, 0.1e6, 0, 100);
	burst = (double)(km_pace_backlog_pages(&p, 125) + 2 * 128) * 4096 + 2 * 212992;
	pages = (25e6 + burst / 0.1) * km_pace_downtime_ms(&p, 0, 125) / 1e3 / 4096;
	CHECK(pages <= 25e6 * 0.1 / 4096 && pages > 25e6 * 0.09 / 4096);
	km_pace_see_qemu(&p, 25e6, 0, 100);
	CHECK(km_pace_downtime_ms(&p, 0, 125) == 100);
}

/* QEMU sleeps while the link has plenty to do, for as long as it may not read ahead; and must not
 * when it is soon done. */
static void limit(bool *ok)
{
	struct km_pace p = { 0 }, slow = { .bytes_per_s = 25e6 };
	uint64_t plenty =
		(uint64_t)(4 * 25e5 / 4096) + 152 + 1; /* four looks' worth, and the cap */

	CHECK(km_pace_qemu_limit(&p, 1 << 20, 1000, 100, 100) == 0); /* nothing is known */
	CHECK(km_pace_qemu_limit(&slow, 0, 1220, 100, 100) == 0);
	CHECK(km_pace_qemu_limit(&slow, plenty - 2, 1220, 100, 100) == 0);
	for (int i = 0; i < 4; i++) /* a link looks slow at first */
		CHECK(km_pace_qemu_limit(&slow, plenty, 1220, 100, 100) == 0);
	CHECK(km_pace_qemu_limit(&slow, plenty, 1220, 100, 100) == 1220 * 4096 * 10);
	/* Not even one packet: not one byte more than the head of a section, in 100 ms. */
	CHECK(km_pace_qemu_limit(&slow, plenty, 127, 100, 100) == 10);
	CHECK(km_pace_qemu_limit(&slow, plenty, 0, 100, 100) == 10);
	CHECK(km_pace_qemu_limit(&slow, plenty - 2, 0, 100, 100) == 0);
	CHECK(km_pace_qemu_limit(&slow, plenty, 0, 100, 100) == 0);
}

static void room(bool *ok)
{
	struct km_pace p = { .bytes_per_s = 1.25e9 }, slow = { .bytes_per_s = 25e6 };

	CHECK(km_pace_backlog_pages(&p, 100) == (uint64_t)(1.25e9 / 10 / 4 / 4096));
	CHECK(km_pace_backlog_pages(&slow, 100) == (uint64_t)(25e6 / 10 / 4 / 4096));
	CHECK(km_pace_backlog_pages(&slow, 10) == 64);
	p.bytes_per_s = 1e15;
	CHECK(km_pace_backlog_pages(&p, 100) == 65536);
	/* Four times what the link carries ... */
	CHECK(km_pace_ahead_pages(&slow, 1 << 20, 100, 100) == (uint64_t)(4 * 25e6 / 10 / 4096));
	CHECK(km_pace_middle_pages(&slow, 1 << 20, 100) == (1 << 20) - 4096 - 27306);
	/* ... but not the round's last 16 MiB, or four pauses' worth; nor may it end with zero
	 * pages behind the relay's back, which every first one may, and others if there were some. */
	CHECK(km_pace_ahead_pages(&slow, 4096 + 27306 + 100, 100, 100) == 100);
	slow.socket_zeros = 50;
	CHECK(km_pace_ahead_pages(&slow, 4096 + 50 + 100, 100, 100) == 100);
	slow.socket_zeros = 0;
	km_pace_see_zeros(&slow, 30000);
	km_pace_rounds(&slow, 2, 100);
	CHECK(km_pace_ahead_pages(&slow, 4096 + 27306 + 100, 100, 100) == 100);
	km_pace_see_zeros(&slow, 30007);
	km_pace_rounds(&slow, 3, 100);
	CHECK(km_pace_ahead_pages(&slow, 4096 + 7 + 100, 100, 100) == 100);
	km_pace_see_zeros(&slow, 30016);
	CHECK(km_pace_ahead_pages(&slow, 4096 + 9 + 100, 100, 100) == 100);
	km_pace_rounds(&slow, 4, 100);
	km_pace_rounds(&slow, 5, 100);
	CHECK(km_pace_ahead_pages(&slow, 4096 + 100, 100, 100) == 100);
	CHECK(km_pace_ahead_pages(&slow, 4096, 100, 100) == 0);
	CHECK(km_pace_ahead_pages(&slow, 0, 100, 100) == 0);
	/* A hundred ms of the link's, twice, and what has room; or twice as much as before. */
	CHECK(km_pace_most_pages(&slow, 0, 0, 100, 100) == (uint64_t)(2 * 25e5 / 4096 + 152));
	CHECK(km_pace_most_pages(&slow, 600, 50, 100, 100) == (uint64_t)(2 * 25e5 / 4096 + 202));
	CHECK(km_pace_most_pages(&slow, 5000, 50, 100, 100) == 10000);
	p.bytes_per_s = 1.25e9;
	p.rounds = 2;
	CHECK(km_pace_ahead_pages(&p, 1 << 20, 100, 100) == (uint64_t)(2 * 1.25e8 / 4096 + 1638.4));
	CHECK(km_pace_ahead_pages(&p, 122070, 100, 100) == 0);
	CHECK(km_pace_ahead_pages(&p, 122080, 100, 100) == 9);
}

static void costs(bool *ok)
{
	struct km_pace p = { .bytes_per_s = 4096e4 };

	CHECK(near(km_pace_pages_per_s(&p), 1e4)); /* not known: whole */
	km_pace_see_pages(&p, 0, 0);
	CHECK(near(km_pace_pages_per_s(&p), 1e4));
	km_pace_see_pages(&p, 100, 100 * 1024); /* the first say what there is to know */
	CHECK(near(km_pace_pages_per_s(&p), 4e4));
	km_pace_see_pages(&p, 100, 100 * 4096); /* and a hundred others not much */
	CHECK(km_pace_pages_per_s(&p) < 3.5e4 && km_pace_pages_per_s(&p) > 3e4);
	for (int i = 0; i < 100; i++)
		km_pace_see_pages(&p, 1000, 1000 * 4096);
	CHECK(near(km_pace_pages_per_s(&p), 1e4));
	for (int i = 0; i < 100; i++)
		km_pace_see_pages(&p, 1000, 1000);
	CHECK(near(km_pace_pages_per_s(&p), 16e4)); /* no page is believed to cost nothing */
	/* A pause has room for as many pages as it costs, whole in QEMU's eyes. */
	km_pace_see_qemu(&p, 8 * 16 * 4096e4, 0, 100);
	CHECK(km_pace_downtime_ms(&p, 0, 105) == 10);
	CHECK(km_pace_downtime_ms(&p, 6400, 105) == 5);
	CHECK(km_pace_backlog_pages(&p, 100) == 4000);
}

/* Deltas of late, whole pages a round ago: those are what the end may be made of, too. */
static void rounds(bool *ok)
{
	struct km_pace p = { .bytes_per_s = 4096e4 };

	km_pace_see_pages(&p, 10000, 10000 * 4096);
	km_pace_rounds(&p, 2, 100);
	for (int i = 0; i < 10; i++)
		km_pace_see_pages(&p, 1000, 1000 * 512);
	CHECK(near(p.page_bytes, 512));
	CHECK(near(km_pace_pages_per_s(&p), 1e4));
	km_pace_rounds(&p, 3, 100);
	CHECK(near(km_pace_pages_per_s(&p), 8e4));
	/* Dearer ones count at once; a round of few pages is none. */
	km_pace_see_pages(&p, 100, 100 * 4096);
	km_pace_rounds(&p, 4, 100);
	CHECK(km_pace_pages_per_s(&p) < 6e4 && near(p.round_page_bytes, 512));
	km_pace_see_pages(&p, 200, 200 * 4096);
	km_pace_rounds(&p, 5, 100);
	CHECK(near(p.round_page_bytes, 4096));
}

/* Half of what is allowed, until three short rounds were no shorter. */
static void aim(bool *ok)
{
	struct km_pace p = { .bytes_per_s = 4096e4 }, hot = p;

	CHECK(km_pace_aim_ms(&p, 100) == 50 && km_pace_aim_ms(&p, 1) == 1);
	km_pace_rounds(&p, 1, 100); /* the first begins: none has ended */
	CHECK(!p.short_rounds);
	for (unsigned int i = 0; i < 20; i++) {
		km_pace_see_pages(&p, 11000, 11000 * 4096ull);
		km_pace_rounds(&p, 2 + i, 100);
		km_pace_rounds(&p, 2 + i, 100);
	}
	CHECK(km_pace_aim_ms(&p, 100) == 50);
	for (unsigned int i = 0; i < 2; i++) {
		km_pace_see_pages(&p, 9000, 9000 * 4096ull);
		km_pace_rounds(&p, 22 + i, 100);
	}
	CHECK(km_pace_aim_ms(&p, 100) == 50);
	km_pace_see_pages(&p, 9000, 9000 * 4096ull);
	km_pace_rounds(&p, 24, 100);
	CHECK(km_pace_aim_ms(&p, 100) == 100);
	/* Several between two looks. */
	km_pace_see_pages(&hot, 600, 600 * 4096ull);
	km_pace_rounds(&hot, 4, 100);
	CHECK(km_pace_aim_ms(&hot, 100) == 100);
}

/* A pause of seconds may be what is allowed, and rounds as long what it takes. */
static void long_pause(bool *ok)
{
	struct km_pace p = { .bytes_per_s = 4096e4 };

	for (unsigned int i = 0; i < 3; i++) {
		CHECK(km_pace_aim_ms(&p, 5000) == 2500);
		km_pace_see_pages(&p, 40000, 40000 * 4096ull);
		km_pace_rounds(&p, 2 + i, 5000);
	}
	CHECK(km_pace_aim_ms(&p, 5000) == 5000);
}

static void let_go(bool *ok)
{
	const uint64_t page = 4096, all = 128 * page, s = 52 * page;
	struct km_pace p = { 0 };

	CHECK(km_pace_ease_pages(&p, 50) == UINT64_MAX);
	p.bytes_per_s = 4096e4; /* 10 pages a ms: 125 may wait */
	CHECK(km_pace_ease_pages(&p, 50) == 125 / 4);
	p.rtt_ms = 1;
	CHECK(km_pace_ease_pages(&p, 50) == 125 / 4);
	p.rtt_ms = 100;
	CHECK(km_pace_ease_pages(&p, 50) == 1500);

	CHECK(km_pace_let_go(all, all - s, s, 20, 20) == all);
	CHECK(km_pace_let_go(all, all - s, s, 45, 20) == 0);
	CHECK(km_pace_let_go(all, all - s, s, 44, 20) == s);
	CHECK(km_pace_let_go(all - s, all - 2 * s, s, 21, 20) == 0);
	CHECK(km_pace_let_go(all - s, all - 2 * s, s, 20, 20) == all - s);
	/* Half of it was read, and more is coming. */
	CHECK(km_pace_let_go(all / 2, all / 2 - page, s, 33, 20) == 0);
	CHECK(km_pace_let_go(all / 2, all / 2 - page, s, 31, 20) == page);
	/* All of it is written. */
	CHECK(km_pace_let_go(s, 0, s, 1000, 0) == s);
	/* Nothing is there yet. */
	CHECK(km_pace_let_go(all, all, s, 1000, 20) == 0);
}

static void take(bool *ok)
{
	struct km_pace p = { 0 };

	CHECK(km_pace_take_pages(&p, 0, 2) == KM_WIRE_PAGES_MAX);
	p.bytes_per_s = 4096e4;
	CHECK(km_pace_take_pages(&p, 1, 2) == KM_WIRE_PAGES_MAX);
	CHECK(km_pace_take_pages(&p, 0, 2) == 32);
	p.bytes_per_s = 5 * 4096e4;
	CHECK(km_pace_take_pages(&p, 0, 2) == 75);
	p.bytes_per_s = 4096e6;
	CHECK(km_pace_take_pages(&p, 0, 2) == KM_WIRE_PAGES_MAX);
}

static const struct ktap_case cases[] = {
	{ "the link's rate is seen while it is full", link },
	{ "nothing is known at first", nothing_known },
	{ "QEMU's threshold is what the link carries", threshold },
	{ "also after it has stood still", standing },
	{ "QEMU sleeps while there is plenty to send", limit },
	{ "compressed pages are cheaper", costs },
	{ "nor does the end of a round say all of the next", rounds },
	{ "how far QEMU may list ahead", room },
	{ "the pause that is aimed at", aim },
	{ "and when seconds are allowed", long_pause },
	{ "when QEMU is rid of a packet", let_go },
	{ "how many pages a stream takes at once", take },
};
KTAP_MAIN(cases)
