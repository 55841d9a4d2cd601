/* SPDX-License-Identifier: GPL-2.0 */
/* What is foretold of a move: by a plan, before the move, and beside what the move was. */
#ifndef KM_REPORT_FORETOLD_H
#define KM_REPORT_FORETOLD_H

#include <jansson.h>
#include <stdio.h>
#include "../model.h"
#include "units.h"

/* The answer of the rehearsals alone, an object. */
json_t *km_json_foretold(const struct km_foretold *f);
/* For the report of a move: with the goal and the link that it is for; null if none was wanted. */
json_t *km_json_prediction(const struct km_foretold *f);

/* Lines: the link, and time, pause and bytes if it can be moved. */
void km_text_foretold(FILE *f, const struct km_foretold *is);
/* A line: whether the goal can be met, and if not, what it would take. */
void km_text_goal(FILE *f, const struct km_foretold *is);
/* After a move: a table of what was foretold, what it was, and whether that is inside. */
void km_text_compared(FILE *f, const struct km_run *r);

/* "38.2 ms", "4.31 GiB" */
char *km_fmt_figure(char buf[KM_UNIT_MAX], enum km_figure figure, double v);
/* "total time" */
const char *km_figure_label(enum km_figure figure);

#endif
