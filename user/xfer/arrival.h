/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the destination has seen of the guest's first time there, when the source has asked for
 * it: HELLO's "watch" is for how many ms, WELCOME's "watch": true promises an answer, and ARRIVAL
 * is that, after BYE. It is no part of the commit: who does not get it has moved its guest.
 *
 *   ARRIVAL  {"why_not": "..." | null, "watched_ms": X, "lost": N,
 *             "vcpus": [{"vcpu": N, "entered_ns": N, "exited_ns": N, "exit": "...",
 *                        "idle": BOOL, "by_cause_ms": {"no-cpu": X, ...}, "unexplained_ms": X}, ...]}
 *
 * Pure.
 */
#ifndef KM_XFER_ARRIVAL_H
#define KM_XFER_ARRIVAL_H

#include <jansson.h>
#include "../model.h"

#define KM_ARRIVAL_WATCH_MS 1000

json_t *km_arrival_json(const struct km_arrival *a);
/* Fills all but wanted and pause_ns. A cause that isn't known here is unexplained time. */
int km_arrival_parse(const json_t *j, struct km_arrival *a, struct km_err *err);

/* When the guest went on: the first entry of any vCPU. 0: there was none, or that one had nothing
 * to do before, so that it says nothing of when it could have. */
uint64_t km_arrival_entered_ns(const struct km_arrival *a);

#endif
