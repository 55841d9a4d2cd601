// SPDX-License-Identifier: GPL-2.0
/* The guest-impact ledger of a move: what kept the vCPUs from running, here, until the guest
 * runs there. It measures; nothing depends on it. */
#include <stdio.h>
#include "../trace/impact.h"
#include "source_priv.h"

void km_source_impact_open(struct source *s)
{
	struct km_impact *facts = &s->run->impact;
	struct km_err err = { 0 };

	facts->wanted = s->o->trace;
	if (!facts->wanted)
		return;
	facts->on = !km_question_impact.open(&s->impact, s->vm->pid, &err);
	if (!facts->on)
		snprintf(facts->why_not, sizeof(facts->why_not), "%s", err.text);
}

/* The pause is over, and the guest runs elsewhere: no phase of the report. */
#define AFTER KM_IMPACT_PHASES

void km_source_impact_phase(struct source *s)
{
	enum km_phase phase = s->run->phase;

	if (s->impact)
		km_impact_phase(s->impact, phase,
				phase == KM_PHASE_SWITCHOVER ? km_source_pause_ns(s) : km_now_ns());
}

void km_source_impact_moved(struct source *s)
{
	if (s->impact && km_source_pause_ns(s) && s->run->pause.nparts)
		km_impact_phase(s->impact, AFTER,
				km_source_pause_ns(s) + (uint64_t)(s->run->pause.total_ms * 1e6));
}

void km_source_impact_close(struct source *s)
{
	struct km_impact *facts = &s->run->impact;
	struct km_err err = { 0 };

	if (!s->impact)
		return;
	if (km_impact_read(s->impact, facts, &err)) {
		facts->on = false;
		snprintf(facts->why_not, sizeof(facts->why_not), "%s", err.text);
	}
	km_question_impact.close(s->impact);
	s->impact = NULL;
}
