/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What becomes of a list of moves: when each begins and ends, with the links
 * shared and as many at a time as the hosts allow.  From event to event: a move
 * begins, sends its first byte, ends a round, stops its guest, ends.
 *
 * Room needs no looking after here.  The list is in an order in which the moves
 * could be made one after the other (layout.h), and move i waits for the first
 * `after` of the moves away from its destination, by that order, to be over.
 * What is enough is worked out in layout.h, which proves it.  A move without
 * anything to wait for can begin at any time, so the first in the list that has
 * not begun always can when nothing else is under way: there is no deadlock.
 */
#ifndef KM_SIM_H
#define KM_SIM_H

#include "movemodel.h"
#include "room.h"

struct km_fleet_move {
	uint32_t vm, from, to;
	uint32_t after;
	struct km_split split; /* its memory there */
	/* What the simulation finds. */
	double start_s, end_s;
	double pause_s;
	double bytes;
	unsigned int rounds; /* that it ran through before it was stopped */
};

/* Who begins when more than one could. */
struct km_sim_rules {
	unsigned int most; /* moves away from a host at a time; the host's own limit counts, too */
	double share;	   /* none begins that would leave moves less than this share of what
				 each could have alone, unless it is the first on that link */
	const uint32_t *rank; /* by place in the list, 0 to n-1: the lowest begins; NULL: by what
				 is left */
	double give_up_s;     /* when it is sure that it comes to more, with KM_SIM_LATE_S for each
				 guest that is late; 0: never */
};

/* Longer than any makespan. */
#define KM_SIM_LATE_S 1e12

struct km_sim_result {
	double makespan_s;
	uint32_t late; /* guests that stand longer than they allow */
	uint32_t over; /* moves that were simulated to their end */
	uint64_t cost; /* in looks at a flow whose rate is found, see km_flows_looks() */
};

struct km_sim;
/* For lists of up to nmoves. NULL: no memory. */
struct km_sim *km_sim_new(const struct km_fleet *f, const struct km_move_model *m, uint32_t nmoves);
void km_sim_free(struct km_sim *s);
/* 1: given up. -ENOMEM; -EDEADLK: the list was not in such an order. */
int km_sim_run(struct km_sim *s, struct km_fleet_move *moves, uint32_t n,
	       const struct km_sim_rules *rules, struct km_sim_result *result);

#endif
