/* SPDX-License-Identifier: GPL-2.0 */
/* Renderers of the guest-impact ledger. */
#ifndef KM_REPORT_IMPACT_H
#define KM_REPORT_IMPACT_H

#include <jansson.h>
#include <stdio.h>
#include "../model.h"

/* null where none was wanted. */
json_t *km_json_impact(const struct km_impact *i);

/* A line for each phase and vCPU; of many those with most. on is true. */
void km_text_impact(FILE *f, const struct km_impact *i);

/* What kept one vCPU, most time first: "stopped 612 ms, no-cpu 31 ms". */
void km_text_causes(FILE *f, const double ms[KM_STALLS]);
json_t *km_json_causes(const double ms[KM_STALLS]);
double km_causes_ms(const double ms[KM_STALLS]); /* all of them */

/* A figure of the page; nothing where there is nothing to see. */
void km_html_impact(FILE *f, const struct km_run *r);

#endif
