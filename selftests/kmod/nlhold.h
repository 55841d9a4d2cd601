/* SPDX-License-Identifier: GPL-2.0 */
/* The family's commands about holds, for tests. */
#ifndef KMOD_NLHOLD_H
#define KMOD_NLHOLD_H

#include "nl.h"

#define NL_ABSENT	(-1)
#define NL_MANY		16

/* CPUs are bits; those beyond 63 are not there. */
struct nl_hold_ask {
	uint64_t cpus;
	int64_t floor, latency;		/* or NL_ABSENT */
	bool keep;
};

struct nl_hold {
	uint32_t id, pid, port, floor, latency, shortfall;
	uint64_t since_ns, cpus;
	bool has_floor, keep;
};

struct nl_policy {
	char name[32], governor_before[32], governor[32];
	uint64_t cpus;
	uint32_t floor, min_before, max_before, min, max, shortfall, error, fought;
};

struct nl_cpu {
	uint32_t number, latency, in_force;
};

struct nl_holds {
	unsigned int nr_holds, nr_policies, nr_cpus;
	struct nl_hold holds[NL_MANY];
	struct nl_policy policies[NL_MANY];
	struct nl_cpu cpus[NL_MANY];
};

int nl_hold_start(struct nl *nl, const struct nl_hold_ask *ask, uint32_t *id,
		  uint32_t *shortfall);
int nl_hold_stop(struct nl *nl, uint32_t id);
int nl_holds(struct nl *nl, struct nl_holds *holds);
/* How many the module says there are, or a negative errno. */
int nl_hold_count(struct nl *nl);

#endif
