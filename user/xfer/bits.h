/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A set of small numbers, for sets of pages: a bit a number, and above each 64 words a word that
 * says which of them have any, up to one word.  The next member is found in as many steps as
 * there are levels (5 for a TiB of pages), however sparse the set is.  Pure; locks are the
 * caller's.
 */
#ifndef KM_BITS_H
#define KM_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define KM_BITS_LEVELS 6
#define KM_BITS_NONE   UINT64_MAX

struct km_bits {
	uint64_t n; /* numbers are below it */
	uint64_t members;
	unsigned int levels;
	uint64_t *level[KM_BITS_LEVELS]; /* [0]: the bits themselves */
};

/* 0, -ENOMEM, or -EINVAL for an n of 0 or too large for the levels. */
int km_bits_init(struct km_bits *b, uint64_t n);
void km_bits_free(struct km_bits *b); /* zeroes are fine */

bool km_bits_has(const struct km_bits *b, uint64_t i);
/* Each says whether it changed anything. */
bool km_bits_add(struct km_bits *b, uint64_t i);
bool km_bits_del(struct km_bits *b, uint64_t i);
/* The smallest member from `from` on, or KM_BITS_NONE. */
uint64_t km_bits_next(const struct km_bits *b, uint64_t from);

#endif
