// SPDX-License-Identifier: GPL-2.0
/* Deltas: what is built comes back, small changes are small, and nothing else is taken. */
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "xfer/delta.h"

#define WORDS (KM_PAGE_SIZE / 64)

static uint8_t was[KM_PAGE_SIZE], now[KM_PAGE_SIZE], page[KM_PAGE_SIZE];

static void fill(void)
{
	for (unsigned int i = 0; i < KM_PAGE_SIZE; i++)
		was[i] = (uint8_t)(random() >> 7);
	memcpy(now, was, sizeof(now));
}

/* Changes n bytes from at on, each for certain. */
static void change(unsigned int at, unsigned int n)
{
	for (unsigned int i = at; i < at + n && i < KM_PAGE_SIZE; i++)
		now[i] = (uint8_t)(now[i] + 1 + (unsigned int)random() % 255);
}

/* Builds, in memory of exactly max bytes, checks and applies it; its length. */
static size_t through(size_t max, bool *ok)
{
	uint8_t *delta = malloc(max ? max : 1);
	size_t len = km_delta_build(was, now, delta, max);

	if (len != KM_DELTA_FULL) {
		CHECK(len <= max && km_delta_valid(delta, len));
		memcpy(page, was, sizeof(page));
		km_delta_apply(page, delta, len);
		CHECK(!memcmp(page, now, sizeof(page)));
	}
	free(delta);
	return len;
}

static void small_changes(bool *ok)
{
	srandom(1);
	fill();
	CHECK(through(100, ok) == 0);
	for (unsigned int n = 8; n <= 64; n += 8) {
		for (unsigned int at = 0; at + n <= KM_PAGE_SIZE; at += 37) {
			fill();
			change(at, n);
			CHECK(through(200, ok) <= n + 3);
		}
	}
	/* Single bytes, the first and the last too: a byte to leave or two, one of length. */
	fill();
	change(0, 1);
	change(100, 1);
	change(KM_PAGE_SIZE - 1, 1);
	CHECK(through(200, ok) == 3 + 3 + 4);
	/* Two equal bytes between two changes go with them, three do not. */
	fill();
	change(10, 1);
	change(13, 1);
	CHECK(through(200, ok) == 2 + 4);
	fill();
	change(10, 1);
	change(14, 1);
	CHECK(through(200, ok) == 3 + 3);
}

static void any_change(bool *ok)
{
	srandom(2);
	for (unsigned int i = 0; i < 2000; i++) {
		unsigned int runs = (unsigned int)random() % 40;

		fill();
		for (unsigned int r = 0; r < runs; r++)
			change((unsigned int)random() % KM_PAGE_SIZE,
			       (unsigned int)random() % (i % 2 ? 4 : 200));
		through(i % 3 ? 5000 : (size_t)random() % 3000, ok);
	}
	fill();
	change(0, KM_PAGE_SIZE);
	CHECK(through(KM_PAGE_SIZE + 4, ok) == KM_PAGE_SIZE + 3);
	CHECK(through(KM_PAGE_SIZE + 3, ok) == KM_DELTA_FULL);
	CHECK(through(0, ok) == KM_DELTA_FULL);
	/* Every fourth byte: the most runs that there can be. */
	fill();
	for (unsigned int i = 0; i < KM_PAGE_SIZE; i += 4)
		change(i, 1);
	CHECK(through(6000, ok) == KM_PAGE_SIZE / 4 * 3);
}

static void masks_agree(bool *ok)
{
	uint64_t fast[WORDS], portable[WORDS];

	srandom(3);
	for (unsigned int i = 0; i < 2000; i++) {
		fill();
		for (unsigned int r = 0; r < i % 300; r++) {
			unsigned int at = (unsigned int)random() % KM_PAGE_SIZE;

			now[at] = (uint8_t)(was[at] ^ 1u << random() % 8);
		}
		km_delta_mask(was, now, fast);
		km_delta_mask_portable(was, now, portable);
		CHECK(!memcmp(fast, portable, sizeof(fast)));
		for (unsigned int at = 0; at < KM_PAGE_SIZE; at++)
			if ((portable[at / 64] >> at % 64 & 1) != (was[at] != now[at]))
				*ok = false;
	}
}

static void refused(bool *ok)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool valid;
	} d[] = {
		{ "", 0, true },
		{ "\0\1x", 3, true },
		{ "\0\1x\0\1y", 6, true },
		{ "\377\37\1x", 4, true },   /* the last byte */
		{ "\200\40\1x", 4, false },  /* behind it */
		{ "\377\37\2xy", 5, false }, /* over the end */
		{ "\377\177\1x", 4, false },
		{ "\0\0", 2, false }, /* nothing follows */
		{ "\0\1", 2, false }, /* cut off, anywhere */
		{ "\0", 1, false },
		{ "\0\2x", 3, false },
		{ "\200", 1, false },
		{ "\0\200", 2, false },
		{ "\200\200\0\1x", 5, false }, /* a length of three bytes */
		{ "\377\37\1x\0\1y", 7, false },
	};

	for (unsigned int i = 0; i < sizeof(d) / sizeof(d[0]); i++) {
		uint8_t *copy = malloc(d[i].len ? d[i].len : 1);

		memcpy(copy, d[i].bytes, d[i].len);
		if (km_delta_valid(copy, d[i].len) != d[i].valid)
			printf("# delta %u\n", i);
		CHECK(km_delta_valid(copy, d[i].len) == d[i].valid);
		free(copy);
	}
}

/* What is valid can be applied: ASan sees to it that it stays within the page. */
static void random_bytes(bool *ok)
{
	unsigned int valid = 0;

	srandom(4);
	for (unsigned int i = 0; i < 50000; i++) {
		size_t len = (size_t)random() % 24;
		uint8_t *delta = malloc(len ? len : 1), *to = malloc(KM_PAGE_SIZE);

		for (size_t k = 0; k < len; k++)
			delta[k] = (uint8_t)(random() >> 7 & (random() % 2 ? 7 : 0xff));
		if (km_delta_valid(delta, len)) {
			valid++;
			km_delta_apply(to, delta, len);
		}
		free(delta);
		free(to);
	}
	CHECK(valid > 2500 && valid < 47500);
}

static const struct ktap_case cases[] = {
	{ "small changes are small", small_changes },
	{ "2000 changes of any size come back", any_change },
	{ "SSE2's mask and the portable one agree", masks_agree },
	{ "what isn't a delta is refused", refused },
	{ "50000 times random bytes", random_bytes },
};
KTAP_MAIN(cases)
