/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When QEMU may finish.  Pure.
 *
 * QEMU 7.2 stops the guest when what is dirty is below its own throughput times
 * downtime-limit (migration/migration.c, migration_update_counters()).  Its
 * throughput is what the relay drains, not what the link carries, so the limit
 * is turned: it is set such that QEMU's threshold is what the link can carry
 * within the allowed pause, less what the relay still holds.
 */
#ifndef KM_PACE_H
#define KM_PACE_H

#include <stdint.h>

/* What the link carries, by what came of what was sent. Starts as zeroes. */
struct km_pace_rate {
	uint64_t acked, sent, raw; /* pages so far, at the last look */
	double raw_share;
	double bytes_per_s; /* of content */
};

void km_pace_see(struct km_pace_rate *r, uint64_t acked, uint64_t sent, uint64_t raw, double ms);

/* downtime-limit in ms, 1..60000. */
unsigned int km_pace_downtime_ms(uint64_t goodput_bytes_per_s, uint64_t backlog_bytes,
				 uint64_t qemu_bytes_per_s, unsigned int max_pause_ms);
/* How many pages may be listed and not applied: a quarter of the pause's worth. */
uint64_t km_pace_backlog_pages(uint64_t goodput_bytes_per_s, unsigned int max_pause_ms);

#endif
