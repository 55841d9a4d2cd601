// SPDX-License-Identifier: GPL-2.0
/* What the source marks of the pause, and what becomes of it in the report (blackout.h). */
#include <string.h>
#include "source_priv.h"

static uint64_t when(const json_t *event)
{
	struct timespec real;

	clock_gettime(CLOCK_REALTIME, &real);
	return km_clocks_event_ns(event, km_now_ns(),
				  (uint64_t)real.tv_sec * 1000000000 + (uint64_t)real.tv_nsec);
}

/* MIGRATION_PASS comes at the end of each dirty sync (migration_bitmap_sync()), and the first is
 * that of the set-up. */
static void passed(_Atomic uint64_t ns[KM_MARKS], const json_t *event)
{
	const json_t *data = json_object_get(event, "data");

	if (ns[KM_MARK_STOPPED])
		ns[KM_MARK_SYNCED] = when(event);
	else if (json_integer_value(json_object_get(data, "pass")) > 1)
		ns[KM_MARK_ASKED] = when(event);
}

void km_source_pause_event(struct source *s, const char *name, const json_t *event)
{
	_Atomic uint64_t *ns = s->m.marks.ns;

	if (!strcmp(name, "MIGRATION_PASS"))
		passed(ns, event);
	if (strcmp(name, "STOP") || ns[KM_MARK_STOPPED])
		return;
	ns[KM_MARK_STOPPED] = when(event);
	km_pinger_hurry(&s->pinger);
}

void km_source_pause_answered(struct source *s, const uint8_t *buf, size_t len)
{
	km_mark(&s->m.marks, KM_MARK_ANSWERED);
	/* A move does not fail for it, least of all here. */
	if (len)
		km_marks_parse(&s->marks_there, buf, len, NULL);
}

static void cut(struct source *s)
{
	km_blackout(&s->m.marks, &s->marks_there, &s->fit, &s->run->pause);
	if (s->run->pause.nparts)
		s->run->pause_ms = s->run->pause.total_ms;
}

void km_source_pause_report(struct source *s)
{
	s->fit = km_clocks_fit(&s->clocks, km_now_ns());
	s->run->destination_cpu_ms = (double)s->marks_there.cpu_ms;
	cut(s);
}

uint64_t km_source_pause_ns(const struct source *s)
{
	const _Atomic uint64_t *ns = s->m.marks.ns;

	if (!ns[KM_MARK_STOPPED])
		return 0;
	return ns[KM_MARK_ASKED] ? ns[KM_MARK_ASKED] : ns[KM_MARK_STOPPED];
}

void km_source_pause_entered(struct source *s, uint64_t ns)
{
	const struct km_pause *p = &s->run->pause;

	if (!p->joined)
		return;
	s->run->arrival.pause_ns = km_source_pause_ns(s) + (uint64_t)p->clock_offset_ns;
	s->marks_there.ns[KM_MARK_ENTERED] = ns;
	cut(s);
	km_source_impact_moved(s);
}
