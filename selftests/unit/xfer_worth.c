// SPDX-License-Identifier: GPL-2.0
/*
 * When packing pays, tried on simulated links: a sender that reads, packs and writes one message
 * after the other into a socket with a buffer, which the link drains at its speed.
 */
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "xfer/dense.h"
#include "xfer/worth.h"

#define PAGE	 4096.0
#define BATCH	 128
#define BUFFER	 4e6   /* bytes: tcp_wmem's default maximum */
#define PAGE_NS	 1000. /* to read, copy and write a page's worth of bytes */
#define MB_PER_S 1e-3  /* bytes a ns */

/* What zstd makes of a page at each level. */
struct content {
	bool dense;
	double ratio[KM_WORTH_LEVELS], ns[KM_WORTH_LEVELS];
};
static const struct content text = { false, { 0.35, 0.25, 0.23 }, { 9000, 11000, 20000 } };
static const struct content noise = { true, { 1, 1, 1 }, { 1000, 1100, 1200 } };
/* What only looks as if it would compress, and the opposite. */
static const struct content sham = { false, { 1, 1, 1 }, { 4000, 5000, 6000 } };
static const struct content hidden = { true, { 0.2, 0.2, 0.2 }, { 5000, 5000, 6000 } };

struct sim {
	struct km_worth w;
	double link;  /* bytes a ns */
	double pause; /* ns that the sender waits for pages before each message */
	double load;  /* times as long as on an idle host */
	double now, idle, written, queued;
	/* counted since the last reset */
	double pages, packed, wire, codec_ns, from;
	unsigned int level[KM_WORTH_LEVELS];
};

static void pass(struct sim *s, double ns)
{
	double drained = ns * s->link;

	s->now += ns;
	s->queued = s->queued > drained ? s->queued - drained : 0;
}

/* few: so many pages of it look light, and are not. */
static void send_one(struct sim *s, const struct content *c, unsigned int few)
{
	unsigned int light = c->dense ? few : BATCH, dense = BATCH - light;
	struct km_worth_plan plan = { .level = KM_WORTH_RAW };
	double bytes = BATCH * PAGE;

	pass(s, s->pause);
	s->idle += s->pause;
	if (km_worth_possible(&s->w))
		plan = km_worth_choose(&s->w, light, dense);
	if (plan.level != KM_WORTH_RAW && (light || plan.dense)) {
		unsigned int n = light + (plan.dense ? dense : 0);
		double ns = c->ns[plan.level] * n;

		if (c->ratio[plan.level] < 0.95)
			bytes *= c->ratio[plan.level];
		pass(s, ns * s->load);
		s->codec_ns += ns;
		s->packed += n;
		s->level[plan.level]++;
		km_worth_packed(
			&s->w, plan,
			&(struct km_worth_result){ light, n - light, (uint64_t)(bytes * n / BATCH),
						   (uint64_t)ns, (uint64_t)(ns * s->load) });
	}
	pass(s, PAGE_NS * s->load * bytes / PAGE);
	km_worth_see(&s->w,
		     &(struct km_worth_look){ .now_ns = (uint64_t)s->now + 1,
					      .idle_ns = (uint64_t)s->idle,
					      .carried_bytes = (uint64_t)(s->written - s->queued),
					      .queued = s->queued > 0 });
	s->written += bytes;
	s->queued += bytes;
	if (s->queued > BUFFER)
		pass(s, (s->queued - BUFFER) / s->link);
	s->wire += bytes;
	s->pages += BATCH;
}

static void reset(struct sim *s)
{
	s->pages = s->packed = s->wire = s->codec_ns = 0;
	s->from = s->now;
	memset(s->level, 0, sizeof(s->level));
}

/* Sends so many pages; the counts are theirs. */
static void send(struct sim *s, const struct content *c, unsigned int pages)
{
	reset(s);
	for (unsigned int i = 0; i < pages / BATCH; i++)
		send_one(s, c, 0);
}

static double took(const struct sim *s)
{
	return s->now - s->from;
}

/* How long it takes without packing. */
static double raw_ns(double link, double pages)
{
	return pages * (PAGE / link > PAGE_NS ? PAGE / link : PAGE_NS);
}

static struct sim start(double mb_per_s)
{
	return (struct sim){ .link = mb_per_s * MB_PER_S, .load = 1 };
}

static void slow_text(bool *ok)
{
	struct sim s = start(25);

	send(&s, &text, 8192); /* the buffer fills: 1000 pages */
	CHECK(s.packed > 0.7 * s.pages);
	send(&s, &text, 65536);
	CHECK(s.packed >= s.pages && s.wire < 0.27 * PAGE * s.pages);
	CHECK(took(&s) < 0.28 * raw_ns(s.link, s.pages));
	/* The third level would take 9 us a page for 3 us of the link's time. */
	CHECK(s.level[1] > 0.9 * s.pages / BATCH);
	s = start(3);
	send(&s, &text, 65536);
	send(&s, &text, 65536);
	CHECK(s.level[2] > 0.9 * s.pages / BATCH);
}

static void slow_noise(bool *ok)
{
	struct sim s = start(25);

	send(&s, &noise, 65536);
	CHECK(s.codec_ns < 0.05 * s.pages * noise.ns[0] && s.packed > 0);
	CHECK(took(&s) < 1.001 * raw_ns(s.link, s.pages));
	s = start(25);
	send(&s, &sham, 65536);
	CHECK(s.codec_ns < 0.05 * s.pages * sham.ns[0] && s.packed > 0);
}

/* Never slower than raw, whatever the content and however fast the link. */
static void never_slower(bool *ok)
{
	static const struct content *const all[] = { &text, &noise, &sham, &hidden };

	for (unsigned int c = 0; c < 4; c++) {
		for (double mb = 10; mb < 20000; mb *= 1.3) {
			struct sim s = start(mb);
			double ns;

			send(&s, all[c], 1u << 20);
			/* What is still in the buffer counts. */
			ns = took(&s) + s.queued / s.link;
			if (ns >= 1.01 * raw_ns(s.link, s.pages))
				printf("# content %u, %.0f MB/s: %.3f\n", c, mb,
				       ns / raw_ns(s.link, s.pages));
			CHECK(ns < 1.01 * raw_ns(s.link, s.pages));
		}
	}
}

static void fast_text(bool *ok)
{
	struct sim s = start(5000);

	send(&s, &text, 1u << 20);
	CHECK(s.packed <= 0 && !s.w.on);
	/* Where the link could carry twice what zstd can make of it. */
	s = start(600);
	send(&s, &text, 1u << 20);
	CHECK(s.packed < 0.02 * s.pages);
}

static void content_changes(bool *ok)
{
	struct sim s = start(25);

	send(&s, &noise, 65536);
	send(&s, &text, 65536);
	CHECK(s.packed > 0.95 * s.pages);
	send(&s, &sham, 2048); /* it is found out within that */
	send(&s, &sham, 65536);
	CHECK(s.packed < 0.05 * s.pages);
	/* One message in 128 tells, each once with the weight of a quarter. */
	send(&s, &text, 128 * BATCH * 4);
	CHECK(s.packed > 0.2 * s.pages);
	send(&s, &text, 65536);
	CHECK(s.packed >= s.pages);
	send(&s, &hidden, 128 * BATCH + BATCH);
	CHECK(s.packed > 0);
	send(&s, &hidden, 65536);
	CHECK(s.packed >= s.pages);
	/* And what was found is found out again. */
	send(&s, &noise, 128 * BATCH + BATCH);
	send(&s, &noise, 65536);
	CHECK(s.packed < 0.05 * s.pages);
}

static void link_changes(bool *ok)
{
	struct sim s = start(25);

	send(&s, &text, 32768);
	CHECK(s.w.on);
	s.link = 5000 * MB_PER_S;
	send(&s, &text, 65536);
	CHECK(!s.w.on);
	send(&s, &text, 65536);
	CHECK(s.packed <= 0);
	s.link = 25 * MB_PER_S;
	send(&s, &text, 4096);
	send(&s, &text, 4096);
	CHECK(s.packed >= s.pages);
	/* With an empty buffer there is nothing to see it by but that it is never waited for. */
	pass(&s, 1e9);
	s.idle += 1e9;
	s.link = 5000 * MB_PER_S;
	send(&s, &text, 65536);
	CHECK(!s.w.on);
}

/* A link that has room since the guest dirties little is not taken for a fast one. */
static void idle_sender(bool *ok)
{
	struct sim s = start(25);

	send(&s, &text, 32768);
	s.pause = 20e6; /* 26 MB/s unpacked, 6 packed */
	send(&s, &text, 65536);
	CHECK(s.packed >= s.pages);
}

/* Threads wait for a CPU: CPU time is what it was, by the clock all takes longer. */
static void busy_host(bool *ok)
{
	struct sim s = start(25);

	s.load = 8;
	send(&s, &text, 8192);
	send(&s, &text, 65536);
	/* Some goes raw, since packing is what is waited for: to see what the link carries. */
	CHECK(s.packed > 0.7 * s.pages && took(&s) < 0.6 * raw_ns(s.link, s.pages));
	/* 41 us a page: packing would take 72, and 9 of a CPU. */
	s = start(100);
	s.load = 8;
	send(&s, &text, 1u << 20);
	CHECK(s.packed < 0.02 * s.pages);
	/* One that waits once is no busy host. */
	s = start(25);
	send_one(&s, &text, 0);
	s.load = 50;
	while (!(s.packed > 0))
		send_one(&s, &text, 0);
	s.load = 1;
	send(&s, &text, 65536);
	CHECK(s.packed > 0.99 * s.pages);
}

static void cut_link(bool *ok)
{
	struct sim s = start(5000);

	send(&s, &text, 65536);
	s.link = 1e-9;
	send(&s, &text, BATCH);
	pass(&s, 2e9);
	s.link = 5000 * MB_PER_S;
	send(&s, &text, 65536);
	send(&s, &text, 65536);
	CHECK(s.packed <= 0);
}

/* Text that comes after noise of which a few pages look as if they would compress. */
static void few_light(bool *ok)
{
	struct sim s = start(25);

	send(&s, &text, 8192);
	for (unsigned int i = 0; i < 4000; i++)
		send_one(&s, &noise, i % 4);
	send(&s, &text, 8192);
	CHECK(s.packed >= s.pages);
}

static void dense_pages(bool *ok)
{
	static const char words[] = "the guest's memory, as text ";
	uint8_t page[4096];
	unsigned int wrong = 0;

	srandom(1);
	for (unsigned int n = 0; n < 1000; n++) {
		for (unsigned int i = 0; i < sizeof(page); i++)
			page[i] = (uint8_t)(random() >> 7);
		wrong += !km_page_dense(page);
		for (unsigned int i = 0; i < sizeof(page); i++)
			page[i] = (uint8_t)words[random() % 28];
		wrong += km_page_dense(page);
		/* Random numbers below 2^24, in words of four bytes. */
		for (unsigned int i = 0; i < sizeof(page); i++)
			page[i] = i % 4 == 3 ? 0 : (uint8_t)(random() >> 7);
		wrong += km_page_dense(page);
		/* Seven random bits in each byte: an eighth can be saved. */
		for (unsigned int i = 0; i < sizeof(page); i++)
			page[i] = random() >> 7 & 0x7f;
		wrong += km_page_dense(page);
		/* The first quarter of a page of noise. */
		memset(page, 0, sizeof(page));
		for (unsigned int i = 0; i < sizeof(page) / 4; i++)
			page[i] = (uint8_t)(random() >> 7);
		wrong += km_page_dense(page);
	}
	CHECK(!wrong);
	memset(page, 7, sizeof(page));
	CHECK(!km_page_dense(page));
}

static const struct ktap_case cases[] = {
	{ "a slow link, text: on, at the level that is best", slow_text },
	{ "a slow link, noise: off, for a twentieth of the CPU time", slow_noise },
	{ "never slower than raw, at 10 MB/s to 20 GB/s", never_slower },
	{ "a fast link, text: off", fast_text },
	{ "the content changes", content_changes },
	{ "the link's speed changes", link_changes },
	{ "a sender that waits for pages goes on", idle_sender },
	{ "a busy host", busy_host },
	{ "a link that was cut is a fast one again", cut_link },
	{ "noise, of which a few pages look light, changes nothing", few_light },
	{ "pages that look dense", dense_pages },
};
KTAP_MAIN(cases)
