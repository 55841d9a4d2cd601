// SPDX-License-Identifier: GPL-2.0
/* The pure parsers of foreign bytes: multifd packets, the main channel, the
 * wire.  The streams here are built by hand from QEMU's savevm.c and ram.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "xfer/bytes.h"
#include "xfer/mainchan.h"
#include "xfer/multifd.h"
#include "xfer/wire.h"

/* ---- multifd ---- */

static void packet(uint8_t *buf)
{
	struct km_multifd_packet p = { .sync = true, .npages = 2, .packet_num = 7 };

	strcpy(p.block, "pc.ram");
	p.offset[0] = 0x1000;
	p.offset[1] = 0x5000;
	km_multifd_packet_build(buf, &p);
}

static void multifd_round_trip(bool *ok)
{
	uint8_t buf[KM_MULTIFD_PACKET_BYTES];
	struct km_multifd_packet p;
	struct km_err err = { 0 };

	packet(buf);
	/* MultiFDPacket_t's layout, big-endian. */
	CHECK(!memcmp(buf, "\x11\x22\x33\x44\0\0\0\1\0\0\0\1\0\0\0\x80\0\0\0\2\0\0\x20\0", 24));
	CHECK(!strcmp((char *)buf + 64, "pc.ram"));
	CHECK(!km_multifd_packet_parse(buf, &p, &err));
	CHECK(p.sync && p.npages == 2 && p.packet_num == 7 && p.offset[1] == 0x5000);
}

static void multifd_refuses(bool *ok)
{
	static const struct {
		size_t at;
		uint32_t value;
		int want;
	} bad[] = {
		{ 0, 0x11223345, -EPROTO },  { 4, 2, -EPROTO },	   { 8, 2, -ENOTSUP },
		{ 8, 64, -ENOTSUP },	     { 12, 129, -EPROTO }, { 16, 129, -EPROTO },
		{ 20, 4096, -ENOTSUP },	     { 32, 1, -ENOTSUP },  { 64, 0, -EPROTO },
		{ 324, 0x1001, -EPROTO },
	};
	uint8_t buf[KM_MULTIFD_PACKET_BYTES];
	struct km_multifd_packet p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct km_err err = { 0 };

		packet(buf);
		km_put_be32(buf + bad[i].at, bad[i].value);
		CHECK(km_multifd_packet_parse(buf, &p, &err) == bad[i].want && err.text[0]);
	}
	packet(buf);
	memset(buf + 64, 'x', 256);
	CHECK(km_multifd_packet_parse(buf, &p, NULL) == -EPROTO);
}

static void multifd_stale_size(bool *ok)
{
	uint8_t buf[KM_MULTIFD_PACKET_BYTES];
	struct km_multifd_packet p = { .sync = true };

	/* An empty packet before QEMU 8.2 keeps the last packet's size. */
	km_multifd_packet_build(buf, &p);
	km_put_be32(buf + 20, 128 * 4096);
	CHECK(!km_multifd_packet_parse(buf, &p, NULL) && !p.npages && p.sync);
}

/* ---- the main channel ---- */

struct stream {
	uint8_t b[65536];
	size_t n;
};

static void put(struct stream *s, const void *p, size_t n)
{
	memcpy(s->b + s->n, p, n);
	s->n += n;
}
static void p8(struct stream *s, uint8_t v) { put(s, &v, 1); }
static void p32(struct stream *s, uint32_t v) { km_put_be32(s->b + s->n, v); s->n += 4; }
static void p64(struct stream *s, uint64_t v) { km_put_be64(s->b + s->n, v); s->n += 8; }
static void name(struct stream *s, const char *t) { p8(s, (uint8_t)strlen(t)); put(s, t, strlen(t)); }
static void footer(struct stream *s) { p8(s, 0x7e); p32(s, 2); }

static void head(struct stream *s)
{
	p32(s, 0x5145564d);
	p32(s, 3);
	p8(s, 7);
	p32(s, 6);
	put(s, "pc-7.2", 6);
	p8(s, 8);
	put(s, "\0\1\0\0", 4); /* open return path */
	p8(s, 8);
	put(s, "\0\2\0\4\0\0\0\1", 8); /* ping */
	p8(s, 1);
	p32(s, 2);
	name(s, "ram");
	p32(s, 0);
	p32(s, 4);
	p64(s, 0x6000 | 4);
	name(s, "pc.ram");
	p64(s, 0x4000);
	name(s, "vga");
	p64(s, 0x2000);
	p64(s, 0x10);
	footer(s);
}

struct seen {
	struct stream out;
	unsigned int blocks, zero, pages, eos, last;
	uint64_t offsets;
};

static int emit(void *ctx, const uint8_t *b, size_t n) { put(&((struct seen *)ctx)->out, b, n); return 0; }
static int block(void *ctx, const char *n, uint64_t used)
{
	struct seen *s = ctx;

	s->blocks += (!strcmp(n, "pc.ram") && used == 0x4000) || (!strcmp(n, "vga") && used == 0x2000);
	return 0;
}
static int page(void *ctx, const char *n, uint64_t offset, const uint8_t *data)
{
	struct seen *s = ctx;

	s->offsets += offset + (strcmp(n, "vga") ? 0 : 1);
	*(data ? &s->pages : &s->zero) += 1;
	return 0;
}
static int eos(void *ctx, bool last)
{
	struct seen *s = ctx;

	s->eos++;
	s->last += last;
	return 0;
}
static const struct km_mainchan_ops ops = { emit, block, page, eos };

static int feed(const struct stream *s, size_t chunk, struct seen *seen, struct km_err *err)
{
	struct km_mainchan *m = km_mainchan_new(&ops, seen);
	int rc = 0;

	for (size_t at = 0; !rc && at < s->n; at += chunk)
		rc = km_mainchan_feed(m, s->b + at, s->n - at < chunk ? s->n - at : chunk, err);
	km_mainchan_free(m);
	return rc;
}

static void mainchan_strips_records(bool *ok)
{
	static const uint8_t filled[4096] = { 1 };
	struct stream in = { .n = 0 }, want = { .n = 0 };

	head(&in);
	put(&want, in.b, in.n);
	p8(&in, 2); /* RAM PART: vanishes */
	p32(&in, 2);
	p64(&in, 0x1000 | 2);
	name(&in, "pc.ram");
	p8(&in, 0);
	p64(&in, 0x2000 | 2 | 0x20);
	p8(&in, 0);
	p64(&in, 0x1000 | 8);
	name(&in, "vga");
	put(&in, filled, 4096);
	p64(&in, 0x10);
	footer(&in);
	p8(&in, 3); /* RAM END: its frame stays */
	p32(&in, 2);
	p8(&want, 3);
	p32(&want, 2);
	p64(&in, 0x3000 | 2);
	name(&in, "pc.ram");
	p8(&in, 0);
	p64(&in, 0x10);
	footer(&in);
	p64(&want, 0x10);
	footer(&want);
	put(&in, "\4device state \1\2\3 of any form", 28);
	put(&want, "\4device state \1\2\3 of any form", 28);

	for (size_t chunk = 1; chunk < 6000; chunk = chunk * 2 + 1) {
		struct seen *s = calloc(1, sizeof(*s));

		CHECK(!feed(&in, chunk, s, NULL));
		CHECK(s->out.n == want.n && !memcmp(s->out.b, want.b, want.n));
		CHECK(s->blocks == 2 && s->zero == 3 && s->pages == 1 && s->eos == 3 && s->last == 1);
		CHECK(s->offsets == 0x1000 + 0x2000 + 0x1001 + 0x3000);
		free(s);
	}
}

static void mainchan_refuses(bool *ok)
{
	struct stream in;
	struct seen *s = calloc(1, sizeof(*s));
	struct km_err err;

	for (int i = 0; i < 6; i++) {
		memset(&in, 0, sizeof(in));
		memset(&err, 0, sizeof(err));
		if (i == 5)
			p32(&in, 0x11223344);
		head(&in);
		switch (i) {
		case 0: p8(&in, 1); p32(&in, 9); name(&in, "dirty-bitmap"); p64(&in, 1); break;
		case 1: p8(&in, 2); p32(&in, 3); break;	/* PART of another section */
		case 2: p8(&in, 2); p32(&in, 2); p64(&in, 0x1000 | 0x40); break; /* xbzrle */
		case 3: p8(&in, 8); put(&in, "\0\7\0\4", 4); break; /* packaged */
		case 4: p8(&in, 2); p32(&in, 2); p64(&in, 0x10); p8(&in, 0x7e); p32(&in, 9); break;
		}
		CHECK(feed(&in, 65536, s, &err) < 0 && err.text[0]);
		s->out.n = 0;
	}
	free(s);
}

/* A configuration that lists capabilities, then a command that ends the list. */
static int feed_caps(uint32_t count, const char *first, const char *rest, struct seen *s, size_t *all)
{
	struct stream in = { .n = 0 };
	struct km_err err = { 0 };
	int rc;

	p32(&in, 0x5145564d);
	p32(&in, 3);
	p8(&in, 7);
	p32(&in, 6);
	put(&in, "pc-7.2", 6);
	p8(&in, 5);
	name(&in, "configuration/capabilities");
	p32(&in, 0);
	p32(&in, count);
	for (uint32_t i = 0; i < count && in.n < sizeof(in.b) / 2; i++)
		name(&in, i ? rest : first);
	p8(&in, 8);
	put(&in, "\0\1\0\0", 4);
	*all = in.n;
	s->out.n = 0;
	rc = feed(&in, 7, s, &err);
	return rc && !err.text[0] ? 1 : rc;
}

/* The list is kept whole until it can be passed on: its length is bounded by its count and
 * by its bytes (36 before it, and 2048 up to the last name's length are what there is). */
static void mainchan_caps_limit(bool *ok)
{
	struct seen *s = calloc(1, sizeof(*s));
	char long255[256] = "", x30[31] = "", x31[32] = "";
	size_t all;

	memset(long255, 'x', 255);
	memset(x30, 'x', 30);
	memset(x31, 'x', 31);
	/* Taken, and every byte of it goes on. */
	CHECK(!feed_caps(0, "", "", s, &all) && s->out.n == all);
	CHECK(!feed_caps(1, long255, "", s, &all) && s->out.n == all);
	CHECK(!feed_caps(8, long255, long255, s, &all) && s->out.n == all);
	CHECK(!feed_caps(64, x30, x30, s, &all) && s->out.n == all);
	/* Refused, and nothing of it has gone: 19 bytes are header and machine. */
	CHECK(feed_caps(65, "x", "x", s, &all) == -EPROTO && s->out.n == 19);
	CHECK(feed_caps(0xffffffff, "x", "x", s, &all) == -EPROTO && s->out.n == 19);
	CHECK(feed_caps(64, x31, x31, s, &all) == -EPROTO && s->out.n == 19);
	CHECK(feed_caps(9, long255, long255, s, &all) == -EPROTO && s->out.n == 19);
	CHECK(feed_caps(2, "", "x", s, &all) == -EPROTO && s->out.n == 19);
	CHECK(feed_caps(2, "x", "", s, &all) == -EPROTO && s->out.n == 19);
	free(s);
}

/* Random bytes, and a good stream with random damage: errors are fine, a crash
 * or a read past the end (ASan) is not. */
static void mainchan_damage(bool *ok)
{
	struct stream good = { .n = 0 }, bad;
	struct seen *s = calloc(1, sizeof(*s));

	srandom(1);
	head(&good);
	for (int i = 0; i < 20000; i++) {
		bad = good;
		for (int k = 0; k < 3; k++)
			bad.b[(size_t)random() % bad.n] = (uint8_t)random();
		s->out.n = 0;
		feed(&bad, 1 + (size_t)random() % 64, s, NULL);
		CHECK(s->out.n <= bad.n);
	}
	free(s);
}

/* ---- the wire ---- */

static void wire_seals(bool *ok)
{
	uint8_t h[KM_WIRE_HEADER_BYTES], payload[100] = "hello";
	struct km_msg m;

	km_wire_seal(h, KM_OP_MAIN, 42, payload, sizeof(payload));
	CHECK(!km_wire_open(h, &m, NULL) && m.op == KM_OP_MAIN && m.seq == 42 && m.len == 100);
	CHECK(!km_wire_check(h, &m, payload, NULL));
	/* Every single flipped bit is noticed, in the header or in the payload. */
	for (unsigned int bit = 0; bit < 8 * (sizeof(h) + sizeof(payload)); bit++) {
		uint8_t *at = bit / 8 < sizeof(h) ? h + bit / 8 : payload + (bit / 8 - sizeof(h));

		*at ^= (uint8_t)(1 << bit % 8);
		CHECK(km_wire_open(h, &m, NULL) || m.len != 100 || km_wire_check(h, &m, payload, NULL));
		*at ^= (uint8_t)(1 << bit % 8);
	}
}

static const struct ktap_case cases[] = {
	{ "multifd: a packet has QEMU's layout and comes back", multifd_round_trip },
	{ "multifd: each bad field is refused", multifd_refuses },
	{ "multifd: a stale size in an empty packet is fine", multifd_stale_size },
	{ "main channel: records go, frames stay, at any chunking", mainchan_strips_records },
	{ "main channel: what can't be served is refused", mainchan_refuses },
	{ "main channel: the list of capabilities is bounded", mainchan_caps_limit },
	{ "main channel: 20000 damaged streams", mainchan_damage },
	{ "wire: every flipped bit is noticed", wire_seals },
};
KTAP_MAIN(cases)
