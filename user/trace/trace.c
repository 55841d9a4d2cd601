// SPDX-License-Identifier: GPL-2.0
#include "trace.h"

#include <stdlib.h>

const struct km_question *const km_questions[] = { &km_question_exits, NULL };

void km_trace_free(struct km_trace *t)
{
	free(t->rows);
	*t = (struct km_trace){ 0 };
}
