/* SPDX-License-Identifier: GPL-2.0 */
/* Which part of a guest's RAM decides about its move: what has most to be sent again.  Pure. */
#ifndef KM_HOT_H
#define KM_HOT_H

#include "rehearsal.h"

/* Pages of one block. */
struct km_hot_part {
	uint32_t block;
	uint64_t first, pages;
};

struct km_hot {
	bool any;		    /* else nothing is written that was seen */
	struct km_hot_part where;   /* neighbours that have nearly as much together */
	double writes_per_s;	    /* of these pages */
	double changed_bytes_per_s; /* by them */
};

/* The parts are those that the regions were fitted to (km_fit()), in their order. */
void km_hot_find(const struct km_reh_guest *guest, const struct km_hot_part *parts, unsigned int n,
		 struct km_hot *hot);

#endif
