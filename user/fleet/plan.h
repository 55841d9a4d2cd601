/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How hosts of a fleet are emptied: `kmigrate plan --drain`.  Which guest goes
 * where, in which order, and what comes of it.  Pure: a fleet in, a plan out.
 *
 *  1. Each guest gets a host that stays and has room, where the links are done
 *     soonest; if not all fit, the guests are packed more tightly instead
 *     (assign.h), then others make room (makeroom.h), then, in a small fleet,
 *     every way is tried (exhaust.h).  Who fits nowhere stays, with the reason;
 *     as few as was found possible.
 *  2. The moves are simulated in several orders, and the best is improved
 *     (improve.h, sim.h).
 *  3. What no plan could beat is told beside it (bound.h).
 */
#ifndef KM_FLEET_PLAN_H
#define KM_FLEET_PLAN_H

#include "../model.h"
#include "bound.h"
#include "improve.h"

/* A guest that stays on a host that was to be emptied. */
struct km_left {
	uint32_t vm;
	bool movable;		 /* else that is why */
	uint32_t hosts[KM_FITS]; /* that stay, by what is in the way there when all else is done */
	uint32_t example[KM_FITS]; /* one of them; of those without memory the one with most */
};

struct km_fleet_plan {
	const struct km_fleet *f;
	struct km_fleet_move *move; /* in an order in which one after the other could be made */
	uint32_t *order;	    /* their numbers, as they begin */
	uint32_t nmoves;
	uint32_t nchain; /* of them: to make room, from hosts that stay */
	struct km_left *left;
	uint32_t nleft;
	bool fewest; /* it was proved that no plan leaves fewer */
	double makespan_s;
	uint32_t late; /* guests that stand longer than they allow */
	struct km_bound bound;
	struct km_improved improved;
};

/* tries: of local search. The fleet stays the caller's and has to live as long. -ENOMEM */
int km_fleet_plan(const struct km_fleet *f, const struct km_move_model *m, uint32_t tries,
		  struct km_fleet_plan *p, struct km_err *err);
void km_fleet_plan_free(struct km_fleet_plan *p);

#endif
