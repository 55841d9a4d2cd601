/* SPDX-License-Identifier: GPL-2.0 */
/* What a move would be like, for people and for programs. */
#ifndef KM_REPORT_PLAN_H
#define KM_REPORT_PLAN_H

#include <jansson.h>
#include <stdio.h>
#include "../model.h"
#include "../plan/predict.h"
#include "../plan/survey.h"

struct km_plan {
	char vm[128];
	uint64_t ram_bytes;
	struct km_survey survey;
	double link_bytes_per_s;
	char link_by[64]; /* how that is known */
	struct km_reh_goal goal;
	unsigned int streams;
	struct km_prediction is;
};

json_t *km_json_plan(const struct km_plan *p);
void km_text_plan(FILE *f, const struct km_plan *p);

/* The likely one, for the report of a move. */
json_t *km_json_prediction(const struct km_prediction *p);

#endif
