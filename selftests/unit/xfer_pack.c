// SPDX-License-Identifier: GPL-2.0
/* PAGES messages: every mixture of kinds comes back, and nothing else is taken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include "ktap.h"
#include "xfer/bytes.h"
#include "xfer/delta.h"
#include "xfer/pack.h"

#define BLOCK_PAGES 1000
#define N	    KM_WIRE_PAGES_MAX

struct bench {
	struct km_packer *packer;
	struct km_unpacker *unpacker;
	struct km_ledger *blocks;
	struct km_pages in, out;
	uint8_t content[N][KM_PAGE_SIZE]; /* of a delta, the delta */
	uint8_t msg[KM_PACK_BYTES_MAX + KM_PAGE_SIZE];
};

static struct bench *set_up(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->packer = km_packer_new();
	b->unpacker = km_unpacker_new();
	b->blocks = km_ledger_new(1);
	km_ledger_add_block(b->blocks, "small", KM_PAGE_SIZE);
	km_ledger_add_block(b->blocks, "ram", BLOCK_PAGES * KM_PAGE_SIZE);
	srandom(1);
	return b;
}

static void tear_down(struct bench *b)
{
	km_packer_free(b->packer);
	km_unpacker_free(b->unpacker);
	km_ledger_free(b->blocks);
	free(b);
}

/* Bytes of so many values. */
static void fill(uint8_t *page, unsigned int values)
{
	for (unsigned int i = 0; i < KM_PAGE_SIZE; i++)
		page[i] = (uint8_t)((unsigned int)random() % values);
}

/* 0 to 299 bytes at the page's begin. */
static void make_delta(struct bench *b, unsigned int i)
{
	uint8_t was[KM_PAGE_SIZE], now[KM_PAGE_SIZE];
	size_t len;

	memset(was, 0, sizeof(was));
	memcpy(now, was, sizeof(now));
	memset(now, 1, i % 300);
	len = km_delta_build(was, now, b->content[i], KM_PAGE_SIZE);
	b->in.delta_bytes[i] = (uint16_t)len;
	b->in.base[i] = 0xfffffff0 + i;
}

/* Pages of these kinds by turns; packed ones shrink. */
static void lay_out(struct bench *b, unsigned int n, const uint8_t *kinds, unsigned int nkinds)
{
	b->in.block = 1;
	b->in.n = n;
	for (unsigned int i = 0; i < n; i++) {
		b->in.kind[i] = kinds[i % nkinds];
		b->in.index[i] = BLOCK_PAGES - 1 - i * 7 % BLOCK_PAGES;
		b->in.content[i] = b->content[i];
		if (b->in.kind[i] == KM_KIND_ZERO)
			memset(b->content[i], 0, KM_PAGE_SIZE);
		else
			fill(b->content[i], b->in.kind[i] == KM_KIND_PACKED ? 4 : 256);
		if (b->in.kind[i] == KM_KIND_DELTA)
			make_delta(b, i);
	}
}

/* The message, in b->msg. */
static size_t build(struct bench *b, size_t *frame)
{
	const uint8_t *msg;
	size_t len;

	*frame = km_packer_pack(b->packer, &b->in, 1);
	len = km_packer_build(b->packer, &b->in, &msg);
	memcpy(b->msg, msg, len);
	return len;
}

static size_t bytes(const struct bench *b, unsigned int i)
{
	return b->out.kind[i] == KM_KIND_DELTA ? b->out.delta_bytes[i] : KM_PAGE_SIZE;
}

static int parse(struct bench *b, size_t len)
{
	/* In a block of its own, so that ASan sees a byte too far. */
	uint8_t *copy = malloc(len ? len : 1);
	struct km_err err = { 0 };
	int rc;

	memcpy(copy, b->msg, len);
	rc = km_unpacker_parse(b->unpacker, copy, len, b->blocks, &b->out, &err);
	if (!rc)
		for (unsigned int i = 0; i < b->out.n; i++)
			if (b->out.content[i] &&
			    memcmp(b->out.content[i], b->content[i], bytes(b, i)))
				rc = 1;
	free(copy);
	return rc < 0 && !err.text[0] ? 2 : rc;
}

static bool same(const struct km_pages *a, const struct km_pages *b)
{
	for (unsigned int i = 0; i < a->n; i++)
		if (a->kind[i] == KM_KIND_DELTA &&
		    (a->base[i] != b->base[i] || a->delta_bytes[i] != b->delta_bytes[i]))
			return false;
	return a->block == b->block && a->n == b->n &&
	       !memcmp(a->count, b->count, sizeof(a->count)) &&
	       !memcmp(a->index, b->index, a->n * sizeof(*a->index)) &&
	       !memcmp(a->kind, b->kind, a->n);
}

static void round_trip(bool *ok)
{
	static const uint8_t mixtures[][4] = {
		{ KM_KIND_ZERO, KM_KIND_ZERO, KM_KIND_ZERO, KM_KIND_ZERO },
		{ KM_KIND_RAW, KM_KIND_RAW, KM_KIND_RAW, KM_KIND_RAW },
		{ KM_KIND_PACKED, KM_KIND_PACKED, KM_KIND_PACKED, KM_KIND_PACKED },
		{ KM_KIND_PACKED, KM_KIND_RAW, KM_KIND_ZERO, KM_KIND_PACKED },
		{ KM_KIND_ZERO, KM_KIND_RAW, KM_KIND_PACKED, KM_KIND_RAW },
		{ KM_KIND_DELTA, KM_KIND_DELTA, KM_KIND_DELTA, KM_KIND_DELTA },
		{ KM_KIND_DELTA, KM_KIND_PACKED, KM_KIND_ZERO, KM_KIND_RAW },
		{ KM_KIND_RAW, KM_KIND_DELTA, KM_KIND_PACKED, KM_KIND_DELTA },
	};
	static const unsigned int sizes[] = { 1, 2, 5, 127, N };
	struct bench *b = set_up();

	for (unsigned int m = 0; m < sizeof(mixtures) / sizeof(mixtures[0]); m++) {
		for (unsigned int s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			size_t frame, len, deltas = 0;

			lay_out(b, sizes[s], mixtures[m], 4);
			len = build(b, &frame);
			CHECK(!parse(b, len) && same(&b->in, &b->out));
			for (unsigned int i = 0; i < b->in.n; i++)
				if (b->in.kind[i] == KM_KIND_DELTA)
					deltas += 6u + b->in.delta_bytes[i];
			CHECK(len == 8 + 8 * (size_t)sizes[s] + b->in.count[KM_KIND_RAW] * 4096ul +
					     deltas + frame);
			/* Four values: two bits each. */
			CHECK(frame < b->in.count[KM_KIND_PACKED] * 4096ul / 3 + 1);
			for (unsigned int i = 0; i < b->out.n; i++)
				CHECK(!b->out.content[i] == (b->out.kind[i] == KM_KIND_ZERO));
		}
	}
	tear_down(b);
}

static void stays_raw(bool *ok)
{
	static const uint8_t kinds[] = { KM_KIND_PACKED, KM_KIND_ZERO, KM_KIND_RAW };
	struct bench *b = set_up();
	size_t frame, len;

	lay_out(b, N, kinds, 3);
	for (unsigned int i = 0; i < N; i++)
		if (b->in.kind[i] == KM_KIND_PACKED)
			fill(b->content[i], 256); /* random: it can't shrink */
	len = build(b, &frame);
	CHECK(!frame && !b->in.count[KM_KIND_PACKED] && b->in.count[KM_KIND_RAW] == 85 &&
	      b->in.count[KM_KIND_ZERO] == 43);
	CHECK(!parse(b, len) && same(&b->in, &b->out));
	tear_down(b);
}

/* A message of two packed pages with this instead of its frame. */
static int parse_frame(struct bench *b, const void *frame, size_t len)
{
	static const uint8_t kind = KM_KIND_PACKED;
	size_t was, all;

	lay_out(b, 2, &kind, 1);
	all = build(b, &was);
	memcpy(b->msg + all - was, frame, len);
	return parse(b, all - was + len);
}

static size_t compress(ZSTD_CCtx *c, uint8_t *to, size_t max, const void *from, size_t n)
{
	size_t got = ZSTD_compress2(c, to, max, from, n);

	return ZSTD_isError(got) ? 0 : got;
}

static void bad_frames(bool *ok)
{
	static uint8_t pages[3 * KM_PAGE_SIZE], frame[20000], skip[12] = "\x50\x2a\x4d\x18\4";
	struct bench *b = set_up();
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t n;

	memset(pages, 'x', sizeof(pages));
	n = compress(c, frame, sizeof(frame), pages, sizeof(pages));
	CHECK(n && parse_frame(b, frame, n) == -EPROTO); /* a page too many */
	n = compress(c, frame, sizeof(frame), pages, KM_PAGE_SIZE);
	CHECK(n && parse_frame(b, frame, n) == -EPROTO); /* too few */
	n += compress(c, frame + n, sizeof(frame) - n, pages, KM_PAGE_SIZE);
	CHECK(parse_frame(b, frame, n) == -EPROTO); /* the right size, in two frames */
	n = compress(c, frame, sizeof(frame), pages, 2 * KM_PAGE_SIZE);
	CHECK(parse_frame(b, frame, n) == 1); /* well formed: content differs from what it was */
	CHECK(parse_frame(b, frame, n - 1) == -EPROTO && parse_frame(b, frame, 5) == -EPROTO);
	CHECK(parse_frame(b, frame, 3) == -EPROTO && parse_frame(b, frame, 0) == -EPROTO);
	frame[n] = 0;
	CHECK(parse_frame(b, frame, n + 1) == -EPROTO); /* bytes behind it */
	memcpy(frame + n, skip, sizeof(skip));
	CHECK(parse_frame(b, frame, n + sizeof(skip)) == -EPROTO);
	memmove(frame + sizeof(skip), frame, n);
	memcpy(frame, skip, sizeof(skip));
	CHECK(parse_frame(b, frame, n + sizeof(skip)) == -EPROTO); /* a skippable one before it */
	/* A frame that doesn't say its size. */
	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
	n = compress(c, frame, sizeof(frame), pages, 2 * KM_PAGE_SIZE);
	CHECK(n && parse_frame(b, frame, n) == -EPROTO);
	/* zstd 0.7's magic number, whose decoder is another one. */
	km_put_le32(frame, 0xfd2fb527);
	CHECK(parse_frame(b, frame, n) == -EPROTO);
	ZSTD_freeCCtx(c);
	tear_down(b);
}

/* Puts each in turn into a message that was good. */
struct damage {
	size_t at;
	uint32_t value;
	int want;
};

static void refused(struct bench *b, size_t len, const struct damage *bad, unsigned int n, bool *ok)
{
	CHECK(!parse(b, len));
	for (unsigned int i = 0; i < n; i++) {
		uint32_t was = km_get_le32(b->msg + bad[i].at);

		km_put_le32(b->msg + bad[i].at, bad[i].value);
		if (parse(b, len) != bad[i].want)
			printf("# damage %u\n", i);
		CHECK(parse(b, len) == bad[i].want);
		km_put_le32(b->msg + bad[i].at, was);
	}
	for (size_t cut = 0; cut < len; cut += cut < 100 || len - cut < 100 ? 1 : 61)
		CHECK(parse(b, cut) == -EPROTO);
	CHECK(parse(b, len + 1) == -EPROTO);
}

static void bad_messages(bool *ok)
{
	static const uint8_t kinds[] = { KM_KIND_RAW, KM_KIND_PACKED, KM_KIND_ZERO };
	static const struct damage bad[] = {
		{ 0, 2, -EPROTO }, /* no such block */
		{ 0, 0, -ERANGE }, /* a block of one page */
		{ 4, 0, -EPROTO }, /* no pages */
		{ 4, N + 1, -EPROTO },
		{ 4, 0xffffffff, -EPROTO },
		{ 8, BLOCK_PAGES << 2 | KM_KIND_RAW, -ERANGE },
		{ 12, 0x80000000, -ERANGE },	       /* the index's upper half */
		{ 8, 5 << 2 | KM_KIND_ZERO, -EPROTO }, /* a raw page that nobody claims */
		{ 8, 5 << 2 | KM_KIND_PACKED, -EPROTO },
		{ 16, 5 << 2 | KM_KIND_RAW, -EPROTO }, /* the frame is shorter than a page */
		{ 16, 5 << 2 | KM_KIND_ZERO, -EPROTO },
		{ 24, 5 << 2 | KM_KIND_RAW, -EPROTO },
		{ 24, 5 << 2 | KM_KIND_PACKED, -EPROTO },
		{ 24, 5 << 2 | KM_KIND_DELTA, -EPROTO }, /* the frame's begin is none */
	};
	struct bench *b = set_up();
	size_t frame, len;

	lay_out(b, 3, kinds, 3);
	len = build(b, &frame);
	refused(b, len, bad, sizeof(bad) / sizeof(bad[0]), ok);
	tear_down(b);
}

/* Records of 6 + 0, 6 + 3 and 6 + 4 bytes from 32 on: le32 sum, le16 length, the delta. */
static void bad_deltas(bool *ok)
{
	static const uint8_t kinds[] = { KM_KIND_DELTA };
	static const struct damage bad[] = {
		{ 36, 1, -EPROTO },			/* takes a byte of the next one's sum */
		{ 36, 0xffff, -EPROTO },		/* over the end */
		{ 42, 0x01000002, -EPROTO },		/* of 2 bytes: nothing follows the length */
		{ 42, 0x02000003, -EPROTO },		/* two bytes follow, and there is one */
		{ 42, 0x00000003, -EPROTO },		/* none */
		{ 24, 5 << 2 | KM_KIND_ZERO, -EPROTO }, /* a record that nobody claims */
		{ 24, 5 << 2 | KM_KIND_PACKED, -EPROTO },
		{ 24, 5 << 2 | KM_KIND_RAW, -EPROTO },
	};
	struct bench *b = set_up();
	size_t frame, len;

	lay_out(b, 3, kinds, 1);
	len = build(b, &frame);
	CHECK(len == 32 + 6 + 6 + 3 + 6 + 4);
	refused(b, len, bad, sizeof(bad) / sizeof(bad[0]), ok);
	tear_down(b);
}

/* A checksum guards messages; a peer with a right one may still send anything. */
static void damaged(bool *ok)
{
	static const uint8_t kinds[] = { KM_KIND_PACKED, KM_KIND_RAW, KM_KIND_PACKED,
					 KM_KIND_ZERO };
	struct bench *b = set_up();
	unsigned int refused = 0;
	size_t frame, len;

	lay_out(b, 8, kinds, 4);
	len = build(b, &frame);
	for (unsigned int i = 0; i < 3000; i++) {
		size_t at = len - 1 - (size_t)random() % frame;
		uint8_t was = b->msg[at];

		b->msg[at] = (uint8_t)random();
		refused += parse(b, len) < 0;
		b->msg[at] = was;
	}
	CHECK(refused > 300);
	CHECK(!parse(b, len) && same(&b->in, &b->out)); /* no damage is left behind */
	tear_down(b);
}

static const struct ktap_case cases[] = {
	{ "every mixture of kinds comes back", round_trip },
	{ "what doesn't shrink goes raw", stays_raw },
	{ "frames: size, number and format are checked", bad_frames },
	{ "messages: each bad field is refused", bad_messages },
	{ "deltas: each bad record is refused", bad_deltas },
	{ "3000 damaged frames", damaged },
};
KTAP_MAIN(cases)
