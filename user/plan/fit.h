/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From samples of a guest's pages to what a rehearsal takes a guest for.  Pure.
 *
 * A page is looked at 4 times, at 0, T / 9, T / 3 and T, and so is known to have changed or not in
 * three intervals, of T / 9, 2 T / 9 and 2 T / 3.  Of each part of RAM
 *
 *   often	most that changed did so in two intervals or more.  The share that ever did is
 *		the part's working set; how often, the first interval tells.
 *   in a sweep	nearly all of it changed, and hardly any twice: somebody goes through RAM, and
 *		comes back after T at the earliest.
 *   rarely	else: at random.  With f(t) the share that has changed by t,
 *		f(t) = h (1 - exp(-l t)), and f(T) / f(T / 3) = 1 + q + q^2 with q = exp(-l T / 3)
 *		tells l, and f(T) then the share h.
 *
 * Whether the working set is written in turn or at random the second interval tells, which is
 * twice as long as the first: by chance, 1 - (1 - x)^2 of it change then if x did before.
 */
#ifndef KM_FIT_H
#define KM_FIT_H

#include "rehearsal.h"

#define KM_FIT_LOOKS 3 /* after the first */

/* What was seen of the samples of one part of RAM. */
struct km_fit_part {
	uint64_t pages; /* of which are the samples */
	unsigned int samples, zero;
	unsigned int changed[KM_FIT_LOOKS]; /* in each interval */
	unsigned int by_third;		    /* in one of the first two */
	unsigned int ever, twice;	    /* in any; in two or more */
	double ratio;			    /* of those that aren't zero, packed; 1: dense */
	/* Of those that changed in the first interval in which any did: */
	unsigned int deltas;
	double delta_bytes; /* mean, of what changed */
	double delta_s;	    /* the interval */
};

/* When the looks are, in seconds after the first, of T. */
double km_fit_look_s(unsigned int look, double total_s);

/* Two regions a part at most: one that is written and one that isn't. The parts are at most
 * KM_REH_REGIONS_MAX / 2. */
void km_fit(const struct km_fit_part *parts, unsigned int n, double total_s,
	    struct km_reh_guest *guest);

#endif
