/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A plan in the making: which guests move where, in an order in which the moves
 * could be made one after the other, each ending before the next begins.  Every
 * guest moves at most once.
 *
 * A move that is taken back leaves that true: without it there is only more room
 * where it went, and nobody has been put where it was, as hosts that are to be
 * emptied take nobody.  The exception is a guest that made room on a host that
 * stays: its move is taken back only together with all that came after it.
 */
#ifndef KM_LAYOUT_H
#define KM_LAYOUT_H

#include "sim.h"

#define KM_NO_MOVE UINT32_MAX

struct km_layout {
	const struct km_fleet *f;
	struct km_room *room; /* when all is done */
	struct km_fleet_move *move;
	uint32_t n, space;
	uint32_t *move_of;   /* by guest, KM_NO_MOVE = it stays */
	const double *bytes; /* by guest: what it sends at least */
	double *load;	     /* by resource: bytes that pass it */
};

/* bytes stays the caller's. NULL: no memory. */
struct km_layout *km_layout_new(const struct km_fleet *f, const double *bytes);
void km_layout_free(struct km_layout *l);

/* Behind all others. -ENOMEM */
int km_layout_put(struct km_layout *l, uint32_t vm, uint32_t host, const struct km_split *split);
int km_layout_take_back(struct km_layout *l, uint32_t vm); /* -ENOMEM */

/*
 * What each move has to wait for: the first so many of the moves away from its
 * destination.  With the moves to it that come before, this one, and only those
 * gone, nothing of what this one takes is overdrawn.
 *
 * That is enough whatever begins when: of the moves to a host that have begun and
 * take something of one kind (the memory of a node, vCPUs, the place in a group),
 * let p be the last one in order.  All that have begun and take of it are among
 * those up to p, and what p has waited for is gone, so less is taken of it than
 * was counted for p.
 *
 * -EINVAL: the order is none in which they could be made.
 */
int km_layout_waits(struct km_layout *l);

#endif
