// SPDX-License-Identifier: GPL-2.0
/* QEMU's main channel.  Fed whole and in pieces it must say the same; the first two
 * bytes are the size of the pieces, and the operation that refuses (0: none). */
#include <errno.h>
#include "fuzz.h"
#include "xfer/bytes.h"
#include "xfer/mainchan.h"

static uint8_t *at;

static void put(const void *p, size_t n)
{
	memcpy(at, p, n);
	at += n;
}

static void p8(uint8_t v)
{
	put(&v, 1);
}

static void p32(uint32_t v)
{
	km_put_be32(at, v);
	at += 4;
}

static void p64(uint64_t v)
{
	km_put_be64(at, v);
	at += 8;
}

static void name(const char *t)
{
	p8((uint8_t)strlen(t));
	put(t, strlen(t));
}

static void footer(void)
{
	p8(0x7e);
	p32(2);
}

/* migration/savevm.c: the header, the configuration with its subsections, two commands. */
static void put_head(unsigned int i)
{
	p32(0x5145564d);
	p32(3);
	p8(7);
	p32(6);
	put("pc-7.2", 6);
	if (i & 1) {
		p8(5);
		name("configuration/capabilities");
		p32(0);
		p32(8);
		for (int k = 0; k < 7; k++)
			name("multifd");
		name("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"); /* x: a length, too */
		p8(5);
		name("configuration/uuid");
		p32(0);
		put("0123456789abcdef", 16);
	}
	p8(8);
	put("\0\1\0\0", 4);
	p8(8);
	put("\0\2\0\4\0\0\0\1", 8);
}

/* migration/ram.c: START with the blocks, PART with records, END. */
static void put_ram(unsigned int i)
{
	static const uint8_t page[KM_PAGE_SIZE] = { 1 };

	p8(1);
	p32(2);
	name("ram");
	p32(0);
	p32(4);
	p64(0x6000 | 4);
	name("pc.ram");
	p64(0x4000);
	name("vga");
	p64(0x2000);
	p64(0x10);
	footer();
	p8(2);
	p32(2);
	p64(0x1000 | 2);
	name("pc.ram");
	p8(0);
	p64(0x2000 | 2 | 0x20);
	p8(0);
	if (i & 2) {
		p64(0x1000 | 8);
		name("vga");
		put(page, sizeof(page));
	}
	p64(0x10);
	footer();
	p8(3);
	p32(2);
	p64(0x10);
	footer();
	put("\4device state", 13);
}

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	if (i >= 4)
		return 0;
	at = buf;
	p8((uint8_t)(7 * i));
	p8(0);
	put_head(i);
	put_ram(i);
	return (size_t)(at - buf);
}

struct seen {
	uint64_t hash; /* of every call, but for how emitted bytes are cut up */
	size_t emitted;
	unsigned int calls, refuse;
	bool refused;
};

static void mix(struct seen *s, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->hash = (s->hash ^ ((const uint8_t *)p)[i]) * 0x100000001b3ull;
}

static int answer(struct seen *s)
{
	must(!s->refused); /* an error ends the parse */
	s->refused = s->refuse && ++s->calls == s->refuse;
	return s->refused ? -EIO : 0;
}

static int emit(void *ctx, const uint8_t *buf, size_t len)
{
	struct seen *s = ctx;

	s->emitted += len;
	mix(s, buf, len);
	return answer(s);
}

static int block(void *ctx, const char *n, uint64_t used)
{
	must(n[0] && strlen(n) < 256 && used && used % KM_PAGE_SIZE == 0);
	mix(ctx, n, strlen(n));
	return answer(ctx);
}

static int page(void *ctx, const char *n, uint64_t offset, const uint8_t *data)
{
	must(n[0] && strlen(n) < 256 && offset % KM_PAGE_SIZE == 0);
	mix(ctx, n, strlen(n));
	mix(ctx, &offset, sizeof(offset));
	if (data)
		mix(ctx, data, KM_PAGE_SIZE);
	return answer(ctx);
}

static int eos(void *ctx, bool last)
{
	mix(ctx, &last, sizeof(last));
	return answer(ctx);
}

static int parse(const uint8_t *data, size_t len, size_t piece, struct seen *s, bool *verbatim)
{
	static const struct km_mainchan_ops ops = { emit, block, page, eos };
	struct km_mainchan *m = km_mainchan_new(&ops, s);
	struct km_err err = { 0 };
	int rc = 0;

	for (size_t i = 0; !rc && i < len; i += piece) {
		size_t n = len - i < piece ? len - i : piece;
		uint8_t *copy = malloc(n);

		memcpy(copy, data + i, n);
		rc = km_mainchan_feed(m, copy, n, &err);
		free(copy);
	}
	must(!rc || err.text[0]);
	must(s->emitted <= len);
	must(!s->refused || rc == -EIO);
	*verbatim = km_mainchan_verbatim(m);
	km_mainchan_free(m);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct seen whole = { 0 }, pieces = { 0 };
	bool v1, v2;
	int rc;

	if (len < 3)
		return 0;
	/* Refusals are counted by calls, and pieces make more of them. */
	whole.refuse = pieces.refuse = data[1] % 16;
	rc = parse(data + 2, len - 2, len, &whole, &v1);
	if (whole.refuse) {
		parse(data + 2, len - 2, data[0] + 1u, &pieces, &v2);
		return 0;
	}
	must(rc == parse(data + 2, len - 2, data[0] + 1u, &pieces, &v2));
	must(v1 == v2 && whole.hash == pieces.hash && whole.emitted == pieces.emitted);
	fuzz_accepted += !rc && v1;
	return 0;
}
