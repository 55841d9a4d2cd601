// SPDX-License-Identifier: GPL-2.0
#include "bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int km_bits_init(struct km_bits *b, uint64_t n)
{
	uint64_t words = n;

	memset(b, 0, sizeof(*b));
	if (!n)
		return -EINVAL;
	b->n = n;
	do {
		words = (words + 63) / 64;
		if (b->levels == KM_BITS_LEVELS) {
			km_bits_free(b);
			return -EINVAL;
		}
		/* A word more, always 0: a search that has passed the last one ends there. */
		b->level[b->levels] = calloc(words + 1, sizeof(uint64_t));
		if (!b->level[b->levels]) {
			km_bits_free(b);
			return -ENOMEM;
		}
		b->levels++;
	} while (words > 1);
	return 0;
}

void km_bits_free(struct km_bits *b)
{
	for (unsigned int k = 0; k < b->levels; k++)
		free(b->level[k]);
	memset(b, 0, sizeof(*b));
}

bool km_bits_has(const struct km_bits *b, uint64_t i)
{
	return b->level[0][i / 64] >> (i % 64) & 1;
}

bool km_bits_add(struct km_bits *b, uint64_t i)
{
	if (km_bits_has(b, i))
		return false;
	b->members++;
	for (unsigned int k = 0; k < b->levels; k++, i /= 64) {
		uint64_t before = b->level[k][i / 64];

		b->level[k][i / 64] = before | 1ull << (i % 64);
		if (before) /* the levels above know of this word */
			break;
	}
	return true;
}

bool km_bits_del(struct km_bits *b, uint64_t i)
{
	if (!km_bits_has(b, i))
		return false;
	b->members--;
	for (unsigned int k = 0; k < b->levels; k++, i /= 64) {
		b->level[k][i / 64] &= ~(1ull << (i % 64));
		if (b->level[k][i / 64])
			break;
	}
	return true;
}

uint64_t km_bits_next(const struct km_bits *b, uint64_t from)
{
	unsigned int k = 0;
	uint64_t i = from; /* at level k: the first bit that may count */

	if (from >= b->n)
		return KM_BITS_NONE;
	/* Up, until a word has a bit at or behind i ... */
	for (;;) {
		uint64_t word = b->level[k][i / 64] >> (i % 64);

		if (word) {
			i += (unsigned int)__builtin_ctzll(word);
			break;
		}
		i = i / 64 + 1;
		if (++k == b->levels)
			return KM_BITS_NONE;
	}
	/* ... and down to its first. */
	while (k--)
		i = i * 64 + (unsigned int)__builtin_ctzll(b->level[k][i]);
	return i;
}
