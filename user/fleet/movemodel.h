/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a guest moves: pre-copy in rounds.  The first sends all of its memory, each
 * later one what was dirtied during the one before; when the rest would fit into
 * the pause that the guest allows, even at the part `margin` of the rate that it
 * has (others may begin to send meanwhile), or after rounds_max rounds, the guest
 * is stopped, the rest is sent, and it runs at the destination settle_s later.
 *
 * What the bounds (bound.h) and the plan rely on, for whoever puts a better
 * predictor here: first() and dirtied() depend on the guest and the time alone,
 * and dirtied() does not fall with time.  Then a guest that is never faster needs
 * at least as many rounds, each of at least as many bytes.
 */
#ifndef KM_MOVEMODEL_H
#define KM_MOVEMODEL_H

#include "fleet.h"

struct km_move_model {
	double setup_s;	 /* from its begin to the first byte; takes a slot and room, no link */
	double settle_s; /* of the pause, beside the time that its bytes take */
	double margin;
	unsigned int rounds_max;
	double (*first)(const struct km_fleet_vm *vm);			 /* bytes */
	double (*dirtied)(const struct km_fleet_vm *vm, double seconds); /* bytes */
};

/*
 * Every byte of memory is sent once, and what is dirtied is on the inventory's
 * curve: no compression, no pages left out.  setup_s and settle_s are assumptions
 * (1 s to start a QEMU and to connect; 10 ms as in kmigrate's own reports).
 */
extern const struct km_move_model km_move_model_simple;

/* Whether it is stopped after so many rounds. */
bool km_move_stops(const struct km_move_model *m, const struct km_fleet_vm *vm, unsigned int rounds,
		   double rest_bytes, double rate);

struct km_alone {
	double seconds, bytes, pause_s;
};
/* One move, with that rate from begin to end. */
struct km_alone km_move_alone(const struct km_move_model *m, const struct km_fleet_vm *vm,
			      double rate);

#endif
