// SPDX-License-Identifier: GPL-2.0
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include "load.h"

const struct km_question *const km_questions[] = {
	&km_question_exits,
	&km_question_stalls,
	&km_question_dirtying,
	&km_question_pause,
	&km_question_power,
	&km_question_net,
	&km_question_faults,
	&km_question_impact,
	NULL,
};

void km_question_lacks(const struct km_question *q, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (const char *const *t = q->optional; t && *t; t++)
		if (!km_bpf_has(*t) && used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
						 *t);
}

void km_hist_add(struct km_hist *h, uint64_t ns)
{
	unsigned int slot = 0;

	while (slot < KM_HIST_SLOTS - 1 && ns >> (slot + 1))
		slot++;
	h->n++;
	h->sum_ns += ns;
	h->slots[slot]++;
}

void km_trace_free(struct km_trace *t)
{
	free(t->rows);
	*t = (struct km_trace){ 0 };
}
