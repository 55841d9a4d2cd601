/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where guests go.  Only to hosts that stay, and that have room now: makeroom.h is
 * for when none has.
 */
#ifndef KM_ASSIGN_H
#define KM_ASSIGN_H

#include "layout.h"

enum km_pick {
	KM_PICK_BALANCED, /* where the links on the way are done soonest */
	KM_PICK_TIGHT,	  /* where the least memory is left over: large holes stay */
};

/* A host for one guest, none of those in `avoid`, by host (NULL: any). false: there is none. */
bool km_assign_pick(const struct km_layout *l, uint32_t vm, enum km_pick how, const bool *avoid,
		    uint32_t *host, struct km_split *split);

enum km_turn {
	KM_LARGEST_FIRST,  /* most memory is placed */
	KM_SMALLEST_FIRST, /* most guests are, where there isn't room for all */
};

/* Every guest that has to go and has no place yet; those that fit nowhere are left out.
 * -ENOMEM */
int km_assign_all(struct km_layout *l, enum km_pick how, enum km_turn turn);

/* On a host that is to be emptied, and still there at the end. */
bool km_assign_left(const struct km_layout *l, uint32_t vm);
uint32_t km_assign_nleft(const struct km_layout *l);

#endif
