/* SPDX-License-Identifier: GPL-2.0 */
/* Between pinmap.c (what the pinning is and what becomes of it), pinlay.c (which CPU
 * becomes which) and pincheck.c (what broke). */
#ifndef KM_PINMAP_PRIV_H
#define KM_PINMAP_PRIV_H

#include "pinmap.h"

/* A core of the source, as far as something is pinned to it. */
struct km_pin_core {
	unsigned int first, n; /* in cpu[] */
	int node;
};

struct km_pin_lay {
	const struct km_topo *from, *to;
	struct km_cpus room; /* at the destination: allowed and online */

	/* The source: pinned CPUs, core by core, and the nodes that they are in or that a
	 * thread is pinned to as a whole. */
	unsigned int ncpus, ncores, nnodes;
	int cpu[KM_CPUS_MAX];
	struct km_pin_core core[KM_CPUS_MAX]; /* the widest first */
	int node[KM_NODES_MAX];
	unsigned int node_cpus[KM_NODES_MAX]; /* by number: pinned ones of it */

	/* What became of them: by number at the source, -1 = nothing. */
	int cpu_at[KM_CPUS_MAX];
	int node_at[KM_NODES_MAX]; /* where most of it went */

	/* The destination: how many came, by CPU and by core. */
	unsigned int load[KM_CPUS_MAX], core_load[KM_CPUS_MAX];
	/* And how many CPUs nobody came to. */
	unsigned int core_free[KM_CPUS_MAX], node_free[KM_NODES_MAX];
};

/* Fills cpu_at and node_at with as little broken as it can. */
void km_pin_lay(struct km_pin_lay *l);

/* A set that stands for whole nodes: not one that happens to be a node of one core. */
bool km_pin_is_nodes(const struct km_topo *t, const struct km_cpus *s);

void km_pin_check(const struct km_pin_in *in, const struct km_pin_lay *l, struct km_pinmap *m);

#endif
