/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which parts of a block get dirty again and again, by groups of 64 pages. Pure; locks are the
 * caller's, who may have one for each group.
 */
#ifndef KM_HEAT_H
#define KM_HEAT_H

#include <stdbool.h>
#include <stdint.h>

#define KM_GROUP_SHIFT 6
#define KM_GROUP_PAGES (1u << KM_GROUP_SHIFT)

struct km_heat {
	uint64_t groups;
	uint8_t *of; /* each group */
};

int km_heat_init(struct km_heat *h, uint64_t pages); /* 0 or -ENOMEM */
void km_heat_free(struct km_heat *h);		     /* zeroes are fine */

/* A page was dirty again. */
void km_heat_warm(struct km_heat *h, uint64_t page);
bool km_heat_is_hot(const struct km_heat *h, uint64_t page);
/* Its group isn't far from a hot one, and may be next.  True: that was not known yet. */
bool km_heat_suspect(struct km_heat *h, uint64_t page);
bool km_heat_is_suspect(const struct km_heat *h, uint64_t page);
/* Half of the heat of each step-th group from first on is gone, and so is suspicion. */
void km_heat_cool(struct km_heat *h, uint64_t first, uint64_t step);
/* The longest run of hot groups: how many, and which is its first. */
uint64_t km_heat_longest(const struct km_heat *h, uint64_t *first);

#endif
