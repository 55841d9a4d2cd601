/* SPDX-License-Identifier: GPL-2.0 */
/* Renderers of the guest's first time at the destination. */
#ifndef KM_REPORT_ARRIVAL_H
#define KM_REPORT_ARRIVAL_H

#include <jansson.h>
#include <stdio.h>
#include "../model.h"

/* null where none was wanted. */
json_t *km_json_arrival(const struct km_arrival *a);

/* A line for each vCPU; of many those that were kept longest. on is true. */
void km_text_arrival(FILE *f, const struct km_arrival *a);

#endif
