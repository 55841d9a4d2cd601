/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flows over shared links, max-min fair: no flow could have more without taking it
 * from one that has no more than itself, which is what TCP streams come to, near
 * enough.
 *
 * A link whose flows together can't fill it (each is bound by the slowest link on
 * its own way) decides nothing, so when a flow comes or goes only those are
 * looked at again that hang together by links that might be full.
 */
#ifndef KM_FLOWS_H
#define KM_FLOWS_H

#include "fleet.h"

struct km_flows;

/* For flows 0 to n-1, none of which is there yet; NULL: no memory. */
struct km_flows *km_flows_new(const struct km_fleet *f, uint32_t n);
void km_flows_free(struct km_flows *fl);

/* -ENOMEM */
int km_flows_add(struct km_flows *fl, uint32_t flow, const struct km_path *path);
void km_flows_remove(struct km_flows *fl, uint32_t flow);

double km_flows_rate(const struct km_flows *fl, uint32_t flow);
/* Those whose rate may have changed by the last add or remove. */
const uint32_t *km_flows_changed(const struct km_flows *fl, uint32_t *n);

#endif
