/* SPDX-License-Identifier: GPL-2.0 */
/* How hosts are to be emptied, in words and in JSON. */
#ifndef KM_DRAINPLAN_H
#define KM_DRAINPLAN_H

#include <jansson.h>
#include <stdio.h>
#include "../fleet/plan.h"

void km_text_drainplan(FILE *f, const struct km_fleet_plan *p);
json_t *km_json_drainplan(const struct km_fleet_plan *p);

/* "r1h3 sends 312 GiB at 10.0 Gbit/s": why no plan is shorter. */
#define KM_DRAIN_TEXT 512
char *km_drain_bound(char buf[KM_DRAIN_TEXT], const struct km_fleet_plan *p);
/* Why a guest can't go. */
char *km_drain_left(char buf[KM_DRAIN_TEXT], const struct km_fleet_plan *p,
		    const struct km_left *left);

/* What became of the hosts that were to be emptied, the last first. */
struct km_drained {
	uint32_t host;
	uint32_t moved, left;
	double empty_s; /* when the last of its moves ends */
};
/* NULL: no memory. The caller frees it. */
struct km_drained *km_drain_hosts(const struct km_fleet_plan *p, uint32_t *n);

#endif
