/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The question "impact", asked over the phases of a move. state is what its open() has made;
 * it is in phase 0 then.
 */
#ifndef KM_TRACE_IMPACT_H
#define KM_TRACE_IMPACT_H

#include "../host/threads.h"
#include "trace.h"

/* The next phase has begun, by CLOCK_MONOTONIC. Absences that were over by now, and lasted
 * beyond that time, stay with the phase before. */
void km_impact_phase(void *state, unsigned int phase, uint64_t begin_ns);

/* Ends the watch: what is not over counts as far. Only the phases of struct km_impact are told, but
 * what came in others isn't unexplained. -ENOMEM. */
int km_impact_read(void *state, struct km_impact *out, struct km_err *err);

/*
 * Instead of phases, for a VMM that keeps its vCPUs (of these threads) standing, and is about to
 * let them run: what keeps them from it in the time for_ns after the first of them has entered
 * the guest. -errno.
 */
int km_impact_await(void *state, const struct km_thread *t, size_t n, uint64_t for_ns);
/* When that was, by CLOCK_MONOTONIC; 0: it has not been. */
uint64_t km_impact_arrived_ns(const void *state);
/* Ends the watch; fills lost and the vCPUs. -ENOMEM. */
int km_impact_read_arrival(void *state, struct km_arrival *out, struct km_err *err);

#endif
