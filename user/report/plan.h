/* SPDX-License-Identifier: GPL-2.0 */
/* What a move would be like, for people and for programs. */
#ifndef KM_REPORT_PLAN_H
#define KM_REPORT_PLAN_H

#include <jansson.h>
#include <stdio.h>
#include "../plan/plan.h"

/* What plan/planfile.h reads is in it. */
json_t *km_json_plan(const struct km_plan *p);
void km_text_plan(FILE *f, const struct km_plan *p);

#endif
