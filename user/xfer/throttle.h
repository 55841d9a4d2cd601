/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much of its time is taken from which vCPU, so that a guest that dirties pages faster
 * than the link carries them can be moved at all. Pure; quota.h does it.
 *
 * A last resort: nothing is taken before the guest has dirtied about as much as the link
 * carried in several looks in a row, with more left than the pause has room for. Then just so
 * much that what is dirtied is a part of what the link carries, and from the vCPUs that dirty
 * most: all of them are cut to one level, below which a vCPU is left alone. What the guest
 * would write unhindered can't be seen, since a page counts once a round however often it is
 * written: so the level is sought step by step, and given back step by step.
 */
#ifndef KM_THROTTLE_H
#define KM_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#define KM_THROTTLE_VCPUS 256
#define KM_THROTTLE_MAX	  99 /* percent: a vCPU that never runs would hang its guest */

/* Between two looks, at least a round of QEMU's apart. */
struct km_throttle_look {
	double seconds;
	unsigned int vcpus;
	uint64_t dirtied[KM_THROTTLE_VCPUS]; /* pages, by each vCPU */
	uint64_t others;		     /* by none of them */
	double link;			     /* pages a second that were applied */
	double left;			     /* pages that are dirty, or listed and not applied */
	double pause_s;			     /* the pause that is aimed at */
};

struct km_throttle {
	double link;	    /* the best of late: one that idles carries more than it does */
	unsigned int stuck; /* looks in a row that showed no convergence */
	double speed[KM_THROTTLE_VCPUS]; /* of 1, 0 = not set yet, which is 1, too */
};

/* Makes up its mind anew. */
void km_throttle_step(struct km_throttle *t, const struct km_throttle_look *look);
/* Percent of its time, 0 to KM_THROTTLE_MAX. */
unsigned int km_throttle_taken(const struct km_throttle *t, unsigned int vcpu);

#endif
