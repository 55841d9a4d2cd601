// SPDX-License-Identifier: GPL-2.0
#include "share.h"

/* A product may not fit into 64 bits; and of a long double's 64 valgrind keeps 53. */
__extension__ typedef unsigned __int128 km_u128;

uint64_t km_share(uint64_t all, unsigned int n, const uint64_t *taken, uint64_t *part)
{
	uint64_t half = all / 2, least = n ? all / 16 / n : 0, given = 0;
	km_u128 sum = 0;

	for (unsigned int i = 0; i < n; i++) {
		part[i] = taken[i] > half / 2 ? half : 2 * taken[i];
		if (part[i] < least)
			part[i] = least;
		sum += part[i];
	}
	for (unsigned int i = 0; i < n; i++) {
		if (sum > half)
			part[i] = (uint64_t)((km_u128)part[i] * half / sum);
		given += part[i];
	}
	return all - given;
}
