/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who is where, and who fits where.
 *
 * A guest that moves takes room at both ends: at the destination from when its
 * move begins, at the source until it ends.  So a move is km_room_arrive(), then
 * km_room_leave().
 *
 * Where its memory lies at the destination is a rule, not a choice: a guest that
 * wants n nodes gets the n nodes with the least room that is enough; the memory
 * of one that doesn't care fills the nodes with the least room first.  Both leave
 * the largest holes.
 */
#ifndef KM_ROOM_H
#define KM_ROOM_H

#include "fleet.h"

/* From what no waiting can help to what it can. */
enum km_fit {
	KM_FIT_YES,
	KM_FIT_CPU,    /* a feature, a vendor or a label is missing there */
	KM_FIT_NODE,   /* no node, or too few, will ever have so much */
	KM_FIT_SIZE,   /* the host will never have so much memory, or so many vCPUs */
	KM_FIT_GROUP,  /* another guest of a group is there */
	KM_FIT_VCPUS,  /* not so many are left */
	KM_FIT_MEMORY, /* not so much is left, or not on so many nodes */
	KM_FITS,
};

/* A guest's memory by node. */
struct km_split {
	uint64_t bytes[KM_FLEET_NODES_MAX];
};

struct km_room_host {
	int64_t free_bytes[KM_FLEET_NODES_MAX];
	uint64_t vcpus;
};

struct km_room {
	const struct km_fleet *f;
	struct km_room_host *host;
	struct km_pairs *members; /* (group, host): how many */
};

struct km_room *km_room_new(const struct km_fleet *f); /* as it is now; NULL: no memory */
void km_room_free(struct km_room *r);

/* Whether a guest that is not on that host fits there, and if so where its memory goes. */
enum km_fit km_room_fit(const struct km_room *r, uint32_t vm, uint32_t host,
			struct km_split *split);
/* Whether it would if everything that can leave had left, as far as that is easy to see. */
enum km_fit km_room_ever(const struct km_room *r, uint32_t vm, uint32_t host);

/* -ENOMEM */
int km_room_arrive(struct km_room *r, uint32_t vm, uint32_t host, const struct km_split *split);
/* From the host where the inventory has it. */
void km_room_leave(struct km_room *r, uint32_t vm);
/* What arrive and leave did. */
void km_room_undo_arrive(struct km_room *r, uint32_t vm, uint32_t host,
			 const struct km_split *split);
int km_room_undo_leave(struct km_room *r, uint32_t vm); /* -ENOMEM */

uint64_t km_room_memory(const struct km_room *r, uint32_t host); /* free, all nodes together */
unsigned int km_room_members(const struct km_room *r, uint32_t group, uint32_t host);

#endif
