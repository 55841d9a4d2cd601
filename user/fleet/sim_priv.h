/* SPDX-License-Identifier: GPL-2.0 */
/* Between sim.c, where moves go on, and sim_start.c, where they begin. */
#ifndef KM_SIM_PRIV_H
#define KM_SIM_PRIV_H

#include "flows.h"
#include "heap.h"
#include "held.h"
#include "sim.h"

enum km_sim_phase {
	KM_SIM_WAITS,
	KM_SIM_SETUP,
	KM_SIM_ROUND, /* the guest runs, bytes flow */
	KM_SIM_LAST,  /* it stands, the rest flows */
	KM_SIM_SETTLE,
	KM_SIM_OVER,
};

struct km_sim_state {
	enum km_sim_phase phase;
	double left, rate; /* of its round, as of since */
	double since;
	double began; /* the round, or the pause */
	double work;  /* seconds alone: what is left to do is counted in it */
	struct km_path path;
};

/* Moves from or to a host, by rank, else in the order of the list. */
struct km_sim_queue {
	uint32_t *move; /* in s->queued */
	uint32_t n;	/* those that have begun drop out when it is looked through */
	double work;	/* of those that have not begun */
	unsigned int running;
};

struct km_sim {
	const struct km_fleet *f;
	const struct km_move_model *model;
	uint32_t nmoves;
	struct km_sim_state *state;
	struct km_sim_queue *out, *in; /* by host */
	struct km_path *common; /* by host: what all its moves away pass; bound: least of any */
	uint32_t *queued, *order;
	uint32_t *from, *from_at; /* all moves by source, in the order of the list */
	uint32_t *over;		  /* by host: so many of the first moves away are over */
	struct km_flows *flows;
	struct km_heap *heap;
	double *booked;	      /* by resource: what the moves there could take together */
	struct km_held *held; /* for the links' sake: moves; host h, as nmoves + h, with all its */
	double least;	      /* path.bound of any move */
	uint32_t running, nover, late;
	/* Of this run. */
	struct km_fleet_move *moves;
	uint32_t n;
	const struct km_sim_rules *rules;
	double now;
};

/* Begins what can begin: at first; and when a move is over, or has sent its last byte. */
void km_sim_start_all(struct km_sim *s);
void km_sim_start_after(struct km_sim *s, const struct km_fleet_move *over);
void km_sim_start_held(struct km_sim *s, const struct km_path *freed);
void km_sim_book(struct km_sim *s, uint32_t move, double sign);

#endif
