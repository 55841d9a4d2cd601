/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A placement put into force for a while: the affinity of threads, and the way
 * back.  Threads that end meanwhile are forgotten; one whose affinity somebody
 * else has changed since is left as that somebody wanted it.  What the threads
 * start inherits theirs and ends with the migration.
 */
#ifndef KM_APPLY_H
#define KM_APPLY_H

#include "../model.h"
#include "cpus.h"

struct km_applied_thread {
	pid_t pid, tid;
	struct km_cpus before, set; /* set: as the kernel has it, which may leave out CPUs */
};

struct km_applied {
	struct km_applied_thread *threads; /* malloc'ed */
	size_t n;
};

/* One thread of process pid. 0 also when it has ended; -EINVAL when its cgroup lets it on
 * none of these CPUs. A thread that was placed before keeps its first `before`. */
int km_place_thread(struct km_applied *a, pid_t pid, pid_t tid, const struct km_cpus *cpus,
		    struct km_err *err);
/* One that another process has placed, and is gone. */
int km_place_note(struct km_applied *a, const struct km_applied_thread *t);
/* Puts everything back, the last first, and frees. Returns how many it left alone because
 * somebody else had changed them, or what they may run on. */
unsigned int km_place_restore(struct km_applied *a);

#endif
