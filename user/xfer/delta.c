// SPDX-License-Identifier: GPL-2.0
#include "delta.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "bytes.h"

#define WORDS (KM_PAGE_SIZE / 64)
/* Equal bytes between two changes that are cheaper to send than to leave. */
#define GAP   2

/* A bit for each of the 8 bytes that differs. */
static uint64_t differing8(const uint8_t *was, const uint8_t *now)
{
	const uint64_t low7 = 0x7f7f7f7f7f7f7f7f;
	uint64_t x = km_get_le64(was) ^ km_get_le64(now);

	x = ((((x & low7) + low7) | x) & ~low7) >> 7; /* 1 in each byte that isn't 0 */
	return (x * 0x0102040810204080) >> 56;
}

void km_delta_mask_portable(const uint8_t *was, const uint8_t *now, uint64_t mask[WORDS])
{
	for (unsigned int w = 0; w < WORDS; w++) {
		mask[w] = 0;
		for (unsigned int i = 0; i < 8; i++)
			mask[w] |= differing8(was + w * 64 + i * 8, now + w * 64 + i * 8) << i * 8;
	}
}

#ifdef __SSE2__
static uint64_t equal16(const uint8_t *was, const uint8_t *now)
{
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)was);
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)now);

	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
}

void km_delta_mask(const uint8_t *was, const uint8_t *now, uint64_t mask[WORDS])
{
	for (unsigned int w = 0; w < WORDS; w++, was += 64, now += 64)
		mask[w] = ~(equal16(was, now) | equal16(was + 16, now + 16) << 16 |
			    equal16(was + 32, now + 32) << 32 | equal16(was + 48, now + 48) << 48);
}
#else
void km_delta_mask(const uint8_t *was, const uint8_t *now, uint64_t mask[WORDS])
{
	km_delta_mask_portable(was, now, mask);
}
#endif

/* The first byte from `at` on that differs, or with `same` set doesn't; KM_PAGE_SIZE: none. */
static unsigned int next(const uint64_t mask[WORDS], unsigned int at, bool same)
{
	uint64_t flip = same ? UINT64_MAX : 0, bits;

	for (unsigned int w = at / 64; w < WORDS; w++, at = w * 64) {
		bits = (mask[w] ^ flip) & UINT64_MAX << at % 64;
		if (bits)
			return w * 64 + (unsigned int)__builtin_ctzll(bits);
	}
	return KM_PAGE_SIZE;
}

/* Lengths are below 2^14. */
static uint8_t *put_length(uint8_t *to, unsigned int n)
{
	if (n >= 0x80) {
		*to++ = (uint8_t)(n | 0x80);
		n >>= 7;
	}
	*to++ = (uint8_t)n;
	return to;
}

/* Where the change that begins at `from` ends, with what is so close behind it that it goes with
 * it; *after: where the next one begins. */
static unsigned int end_of(const uint64_t mask[WORDS], unsigned int from, unsigned int *after)
{
	unsigned int end;

	*after = from;
	do {
		end = next(mask, *after, true);
		*after = next(mask, end, false);
	} while (*after < KM_PAGE_SIZE && *after - end <= GAP);
	return end;
}

size_t km_delta_build(const uint8_t *was, const uint8_t *now, uint8_t *to, size_t max)
{
	unsigned int done = 0, from, end, after;
	uint64_t mask[WORDS];
	uint8_t *at = to;

	km_delta_mask(was, now, mask);
	for (from = next(mask, 0, false); from < KM_PAGE_SIZE; from = after) {
		end = end_of(mask, from, &after);
		if ((size_t)(at - to) + 4 + end - from > max)
			return KM_DELTA_FULL;
		at = put_length(at, from - done);
		at = put_length(at, end - from);
		memcpy(at, now + from, end - from);
		at += end - from;
		done = end;
	}
	return (size_t)(at - to);
}

/* Moves *delta behind it; more than a page: it has no end, or none that is needed. */
static unsigned int get_length(const uint8_t **delta, const uint8_t *end)
{
	unsigned int n;

	if (*delta == end)
		return UINT16_MAX;
	n = *(*delta)++;
	if (n < 0x80)
		return n;
	if (*delta == end || **delta >= 0x80)
		return UINT16_MAX;
	return (n & 0x7f) | (unsigned int)*(*delta)++ << 7;
}

bool km_delta_valid(const uint8_t *delta, size_t len)
{
	const uint8_t *end = delta + len;
	unsigned int at = 0, n;

	while (delta < end) {
		at += get_length(&delta, end);
		if (at >= KM_PAGE_SIZE)
			return false;
		n = get_length(&delta, end);
		if (!n || n > KM_PAGE_SIZE - at || n > (size_t)(end - delta))
			return false;
		at += n;
		delta += n;
	}
	return true;
}

void km_delta_apply(uint8_t *page, const uint8_t *delta, size_t len)
{
	const uint8_t *end = delta + len;
	unsigned int n;

	while (delta < end) {
		page += get_length(&delta, end);
		n = get_length(&delta, end);
		memcpy(page, delta, n);
		page += n;
		delta += n;
	}
}
