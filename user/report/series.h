/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a move's counters were over time. Bounded: when it is full every second sample goes,
 * and from then on they come half as often, so that a move of any length fits.
 */
#ifndef KM_SERIES_H
#define KM_SERIES_H

#include <stddef.h>
#include "../model.h"

#define KM_SERIES_MAX	   1024
#define KM_SERIES_FIRST_MS 50 /* between samples, at first */

struct km_sample {
	double at_ms; /* since the start of the move */
	enum km_phase phase;
	uint64_t rounds;
	double left_bytes; /* to be sent if the guest stopped now */
	double goodput_bytes_per_s;
	double dirty_bytes_per_s; /* QEMU's estimate: of the last round, when that is over */
};

struct km_series {
	size_t n;
	double every_ms;
	struct km_sample s[KM_SERIES_MAX];
};

/* Takes what there is into account, if it is time or a new phase has begun. */
void km_series_add(struct km_series *series, const struct km_run *r, double at_ms);

/* What the guest dirtied at the time of a sample: what was said of its round later. */
double km_series_dirty_bytes_per_s(const struct km_series *series, size_t i);

/* When a phase began, or -1 if it didn't. */
double km_series_phase_ms(const struct km_series *series, enum km_phase phase);

#endif
