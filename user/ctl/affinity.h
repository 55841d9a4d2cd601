/* SPDX-License-Identifier: GPL-2.0 */
/* Where the threads of a process may run. */
#ifndef KM_AFFINITY_H
#define KM_AFFINITY_H

#include <sys/types.h>
#include "../place/cpus.h"

/* All CPUs, of those that are online, on which one of its threads may run; what its cgroup
 * forbids is left out (sched_getaffinity(2)). -ESRCH when there is no such process. */
int km_affinity_of(pid_t pid, struct km_cpus *s);

#endif
