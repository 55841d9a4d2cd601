/* SPDX-License-Identifier: GPL-2.0 */
/* How a move would go about it, and which part of the guest decides. */
#ifndef KM_REPORT_STRATEGY_H
#define KM_REPORT_STRATEGY_H

#include <jansson.h>
#include <stdio.h>
#include "../plan/plan.h"

json_t *km_json_strategy(const struct km_plan *p);
/* The hottest range of RAM, null if nothing is written; pages by vCPU, null if that can't be told. */
json_t *km_json_hottest(const struct km_plan *p);
json_t *km_json_plan_vcpus(const struct km_plan *p);

/* Lines: which vCPUs and which range decide; what is done, and why. */
void km_text_decides(FILE *f, const struct km_plan *p);
void km_text_strategy(FILE *f, const struct km_plan *p);

#endif
