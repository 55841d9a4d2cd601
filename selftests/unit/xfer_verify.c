// SPDX-License-Identifier: GPL-2.0
/* What --verify takes for a wrong page, and what for one that QEMU or KVM has rewritten. */
#include "ktap.h"
#include "redialends.h"
#include "xfer/verify.h"

#define LAST (MOVE_PAGES - 1)

/* Two guests that stand still, with the same memory. */
struct both {
	struct memory here, there;
	struct km_ledger *blocks;
	struct km_guestmem *source, *destination;
	struct km_verifier v;
	uint8_t msg[KM_VERIFY_BYTES];
	size_t len;
};

static struct both *begin(void)
{
	struct both *b = calloc(1, sizeof(*b));
	struct km_err err = { 0 };

	memory_open(&b->here);
	memory_open(&b->there);
	for (unsigned int i = 0; i < MOVE_PAGES; i++)
		memset(b->here.bytes + i * 4096, (int)(i % 251), 4096);
	memcpy(b->there.bytes, b->here.bytes, MOVE_PAGES * 4096);
	b->blocks = km_ledger_new(1);
	km_ledger_add_block(b->blocks, "ram", MOVE_PAGES * 4096);
	if (km_guestmem_open(&b->source, getpid(), &b->here.where, b->blocks, KM_GUESTMEM_SOURCE,
			     &err) ||
	    km_guestmem_open(&b->destination, getpid(), &b->there.where, b->blocks,
			     KM_GUESTMEM_DESTINATION, &err))
		_exit(1);
	km_verifier_init(&b->v, b->blocks, b->destination);
	return b;
}

static void end(struct both *b)
{
	km_verifier_free(&b->v);
	km_guestmem_close(b->source);
	km_guestmem_close(b->destination);
	km_ledger_free(b->blocks);
	memory_close(&b->here);
	memory_close(&b->there);
	free(b);
}

static bool look(struct both *b)
{
	struct km_err err = { 0 };

	return !km_verifier_look(&b->v, &err);
}

/* The source's hashes, compared. */
static bool compare(struct both *b)
{
	struct km_err err = { 0 };
	uint64_t n;

	b->len = (size_t)km_verifier_build(b->source, b->blocks, 0, 0, b->msg, &n);
	return n == MOVE_PAGES && !km_verifier_check(&b->v, b->msg, b->len, &err) &&
	       b->v.pages == MOVE_PAGES;
}

static bool found(const struct both *b, uint64_t differing, uint64_t allowed, const char *first)
{
	return b->v.differing == differing && b->v.allowed == allowed && !strcmp(b->v.first, first);
}

static void same(bool *ok)
{
	struct both *b = begin();

	CHECK(look(b) && compare(b) && found(b, 0, 0, ""));
	end(b);
}

/* KVM's wall clock, at the destination; the vAPIC's page, in which another one is wrong. */
static void rewritten(bool *ok)
{
	struct both *b = begin();

	CHECK(look(b));
	b->there.bytes[7 * 4096 + 12]++;
	b->there.bytes[LAST * 4096 + 4095]++;
	CHECK(compare(b) && found(b, 2, 2, "ram+0x7000"));
	end(b);
}

/* A page that was not moved; nor does it help that the load rewrites others, before it or after. */
static void lost(bool *ok)
{
	struct both *b = begin();

	b->there.bytes[9 * 4096]++;
	b->there.bytes[11 * 4096]++;
	CHECK(look(b));
	b->there.bytes[8 * 4096]++;
	b->there.bytes[10 * 4096]++;
	CHECK(compare(b) && found(b, 4, 2, "ram+0x9000"));
	end(b);
	b = begin();
	memset(b->there.bytes + LAST * 4096, 0, 4096);
	CHECK(look(b));
	b->there.bytes[LAST * 4096]++; /* and it is no better than it was */
	CHECK(compare(b) && found(b, 1, 0, "ram+0x1ff000"));
	end(b);
}

/* The source's page after its hash was taken for the first time: the guest did not stand still. */
static void source_goes_on(bool *ok)
{
	struct both *b = begin();

	CHECK(look(b));
	b->here.bytes[5 * 4096]++;
	CHECK(compare(b) && found(b, 1, 0, "ram+0x5000"));
	end(b);
}

/* A source that does not say that it will verify, and does. */
static void not_looked(bool *ok)
{
	struct both *b = begin();

	b->there.bytes[3 * 4096]++;
	CHECK(compare(b) && found(b, 1, 0, "ram+0x3000"));
	end(b);
}

static void hostile(bool *ok)
{
	struct both *b = begin();
	struct km_err err = { 0 };

	CHECK(look(b) && compare(b));
	CHECK(km_verifier_check(&b->v, b->msg, b->len - 1, &err) == -EPROTO);
	CHECK(km_verifier_check(&b->v, b->msg, 15, &err) == -EPROTO);
	km_put_le64(b->msg + 8, 1); /* one page too far */
	CHECK(km_verifier_check(&b->v, b->msg, b->len, &err) == -EPROTO);
	km_put_le64(b->msg + 8, UINT64_MAX);
	CHECK(km_verifier_check(&b->v, b->msg, b->len, &err) == -EPROTO);
	km_put_le64(b->msg + 8, 0);
	km_put_le32(b->msg, 1);
	CHECK(km_verifier_check(&b->v, b->msg, b->len, &err) == -EPROTO);
	end(b);
}

/* The source, whose destination has compared so many pages. */
static int verdict(uint64_t pages)
{
	struct km_run run = { 0 };
	struct source s = { .run = &run, .verified = true, .verify = { .pages = pages } };
	struct km_err err = { 0 };
	int p[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, p))
		_exit(1);
	km_conn_init(&s.m.control, p[0], 5000);
	s.m.ledger = km_ledger_new(1);
	rc = km_source_verify(&s, &err);
	km_conn_close(&s.m.control);
	close(p[1]);
	km_ledger_free(s.m.ledger);
	return rc;
}

static void nothing_compared(bool *ok)
{
	CHECK(!verdict(1));
	CHECK(verdict(0) == -EOPNOTSUPP);
}

static const struct ktap_case cases[] = {
	{ "verify: the same at both ends", same },
	{ "verify: what the load rewrites was right before", rewritten },
	{ "verify: what was wrong before is wrong", lost },
	{ "verify: a source whose page changes", source_goes_on },
	{ "verify: without a look before there is nothing to excuse", not_looked },
	{ "verify: hostile messages", hostile },
	{ "verify: a guest of which nothing was compared is not passed", nothing_compared },
};
KTAP_MAIN(cases)
