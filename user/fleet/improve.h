/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The best of several ways to order the moves, then better by local search: a
 * guest goes elsewhere, two change turns, or there are more or fewer moves at a
 * time; mostly those that the last move to end competes with.
 *
 * Better is: fewer guests that stand longer than they allow; then a shorter
 * makespan.  The effort is counted by what is simulated and not in time, so the same
 * inventory always has the same plan.
 */
#ifndef KM_IMPROVE_H
#define KM_IMPROVE_H

#include "layout.h"

struct km_improve {
	uint32_t tries; /* of local search, at most */
	uint64_t cost;	/* of all simulations, as km_sim_result has it; at most */
	double good_s;	/* a makespan that nothing can beat */
};

struct km_improved {
	uint32_t tries, better;	   /* of local search */
	struct km_sim_rules rules; /* rank is NULL */
	struct km_sim_result result;
};

/* On return the layout's moves have the times of the best. -ENOMEM, -EINVAL: a broken layout */
int km_improve(struct km_layout *l, const struct km_move_model *m, const struct km_improve *how,
	       struct km_improved *out);

#endif
