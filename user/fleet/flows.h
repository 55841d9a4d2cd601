/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flows over shared links, max-min fair: no flow could have more without taking it
 * from one that has no more than itself, which is what TCP streams come to, near
 * enough.
 *
 * Rates are max-min fair if and only if each flow has a bottleneck: a full link on
 * its way on which none has more (Bertsekas and Gallager, Data Networks, 6.5.2),
 * and there is only one such choice of rates.  So when a flow comes or goes, rates
 * are found anew for those flows alone whose bottleneck it passes, with all others
 * as they are; those that this leaves without a bottleneck are looked at as well,
 * until there is none.  What comes out is what finding all rates would give.
 */
#ifndef KM_FLOWS_H
#define KM_FLOWS_H

#include "fleet.h"

struct km_flows;

/* For flows 0 to n-1, none of which is there yet; NULL: no memory. */
struct km_flows *km_flows_new(const struct km_fleet *f, uint32_t n);
void km_flows_free(struct km_flows *fl);
void km_flows_clear(struct km_flows *fl); /* there is none any more */

/* The path stays the caller's, and as it is until the flow is removed. -ENOMEM */
int km_flows_add(struct km_flows *fl, uint32_t flow, const struct km_path *path);
void km_flows_remove(struct km_flows *fl, uint32_t flow);

double km_flows_rate(const struct km_flows *fl, uint32_t flow);
/* At flows while rates were found, since it was made or cleared: what it costs. */
uint64_t km_flows_looks(const struct km_flows *fl);
/* Those whose rate may have changed by the last add or remove. */
const uint32_t *km_flows_changed(const struct km_flows *fl, uint32_t *n);

#endif
