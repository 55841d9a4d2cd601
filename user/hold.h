/* SPDX-License-Identifier: GPL-2.0 */
/* Performance holds as plain data: what is asked for, what the module says is in force. */
#ifndef KM_HOLD_H
#define KM_HOLD_H

#include "model.h"
#include "place/cpus.h"

#define KM_FLOOR_NONE 0		 /* frequencies and governors are left alone */
#define KM_FLOOR_TOP  UINT32_MAX /* the highest that each policy has */

struct km_hold_ask {
	struct km_cpus cpus;
	uint32_t floor_khz; /* or one of those above */
	uint32_t latency_us;
	bool keep_governor;
};

/* shortfall everywhere: bits of enum kmigrate_shortfall. */
struct km_hold {
	uint32_t id, shortfall;
	bool automatic; /* by the module itself, for a VMM that logs */
	pid_t pid;	/* that asked for it or that logs, 0 = can't be seen from here */
	double held_for_s;
	struct km_hold_ask ask;
};

struct km_hold_policy {
	char name[32];
	struct km_cpus cpus;
	uint32_t floor_khz; /* of all holds, KM_FLOOR_NONE = none */
	uint32_t min_khz_before, max_khz_before, min_khz, max_khz;
	char governor_before[32], governor[32];
	uint32_t shortfall, fought;
	int error; /* positive errno of the last try to set the governor */
};

struct km_hold_cpu {
	uint32_t cpu, latency_us, in_force_us;
};

/* All of a host. */
struct km_holds {
	size_t nholds, npolicies, ncpus;
	struct km_hold *hold; /* malloc'ed, as the others are */
	struct km_hold_policy *policy;
	struct km_hold_cpu *cpu;
};

void km_holds_free(struct km_holds *h);

#define KM_LATENCY_US 2 /* unless asked for another, as HOLD_START has it */

#endif
