/* SPDX-License-Identifier: GPL-2.0 */
/* How much of this host's CPUs is in use: /proc/stat (proc(5)) at two moments. */
#ifndef KM_CPUUSE_H
#define KM_CPUUSE_H

#include <sched.h>
#include "../model.h"

struct km_cpuuse {
	unsigned int cpus;  /* of those that are asked for */
	uint64_t all, free; /* ticks since the host started, of these together */
};

/* The lines of the CPUs in set.  What nice(1) processes have counts as free: it is given to who
 * needs it.  Pure.  -EPROTO: there are none. */
int km_cpuuse_parse(const char *text, const cpu_set_t *set, struct km_cpuuse *u,
		    struct km_err *err);
/* Now, of the CPUs that this process may run on. */
int km_cpuuse_read(struct km_cpuuse *u, struct km_err *err);

/* CPUs that nobody has used between the two, but at least half of them: so many get who wants
 * them, more or less, from the kernel's fair scheduler. */
double km_cpuuse_free(const struct km_cpuuse *before, const struct km_cpuuse *after);

#endif
