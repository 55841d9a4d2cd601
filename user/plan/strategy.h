/* SPDX-License-Identifier: GPL-2.0 */
/* How a move would go about it, and why, by its likely rehearsal.  Pure. */
#ifndef KM_STRATEGY_H
#define KM_STRATEGY_H

#include "predict.h"

enum km_way {
	KM_WAY_PRECOPY,
	KM_WAY_THROTTLE, /* pre-copy alone does not get there */
	KM_WAYS
};
/* What sets the pace. */
enum km_limit { KM_LIMIT_LINK, KM_LIMIT_CPUS, KM_LIMITS };
enum km_packing {
	KM_PACKING_PAYS,
	KM_PACKING_COSTS,   /* more time than it saves of the link's */
	KM_PACKING_NOTHING, /* none of the pages can be packed */
	KM_PACKINGS
};

struct km_strategy {
	enum km_way way;
	enum km_limit limit;
	enum km_packing packing;
	/* Of the pages with content that were to be sent: packed; as what has changed; not at all,
	 * as the destination holds it. */
	double packed, deltas, same;
};

void km_strategy(const struct km_prediction *p, const struct km_reh_guest *guest,
		 struct km_strategy *s);

/* "pre-copy": as JSON calls it. */
const char *km_way_name(enum km_way w);
const char *km_limit_name(enum km_limit l);
const char *km_packing_name(enum km_packing p);

#endif
