/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_REPORT_TRACE_H
#define KM_REPORT_TRACE_H

#include <jansson.h>
#include <stdio.h>
#include "../trace/trace.h"

json_t *km_json_trace(const struct km_trace *t);
void km_text_trace(FILE *f, const struct km_trace *t);

#endif
