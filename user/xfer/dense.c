// SPDX-License-Identifier: GPL-2.0
#include "dense.h"

#define RUNS 8
#define RUN  32
#define STEP 512

/*
 * How many pairs of 256 bytes are equal: 127.5 on average if all values are equally likely, with a
 * standard deviation of 11. At this many, as if 188 were, an entropy coder makes 0.94 of it.
 */
#define PAIRS_MIN 174

bool km_page_dense(const uint8_t *page)
{
	uint8_t count[256] = { 0 }; /* of those before: 255 at most */
	unsigned int pairs = 0;

	/* Each run at another place of its 512 bytes: structures have columns. */
	for (unsigned int r = 0; r < RUNS; r++) {
		const uint8_t *run = page + r * STEP + r * RUN;

		for (unsigned int i = 0; i < RUN; i++)
			pairs += count[run[i]]++;
	}
	return pairs < PAIRS_MIN;
}
