/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From samples of a guest's pages to what a rehearsal takes a guest for.  Pure.
 *
 * A page is looked at 4 times, at 0, T / 9, T / 3 and T.  Of a part of RAM in which a share h of
 * the pages is written, each l times a second, at random,
 *
 *	f(t) = h (1 - exp(-l t))
 *
 * of the samples differ from their first look after t.  f(T) / f(T / 3) = 1 + q + q^2 with
 * q = exp(-l T / 3) tells l, and f(T) then h.  Pages that are all written now and then and few
 * that are written all the time look alike at one moment; by two they can be told apart.  Where
 * all that is written has changed by T / 3, the same is done with T / 9 and T / 3.
 */
#ifndef KM_FIT_H
#define KM_FIT_H

#include "rehearsal.h"

#define KM_FIT_LOOKS 3 /* after the first */

/* What was seen of the samples of one part of RAM. */
struct km_fit_part {
	uint64_t pages; /* of which are the samples */
	unsigned int samples, zero;
	unsigned int changed[KM_FIT_LOOKS]; /* since the first look */
	double ratio;			    /* of those that aren't zero, packed; 1: dense */
	/* Of those that had changed at the first look at which any had: */
	unsigned int deltas;
	double delta_bytes; /* mean, of what changed */
	double delta_s;	    /* since the first look */
};

/* When the looks are, in seconds after the first, of T. */
double km_fit_look_s(unsigned int look, double total_s);

/* Adds the part's regions to the guest's: one that is written and one that isn't, or one of
 * both. false: there is no room for two. */
bool km_fit_add(const struct km_fit_part *part, double total_s, struct km_reh_guest *guest);

#endif
