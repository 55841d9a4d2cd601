// SPDX-License-Identifier: GPL-2.0
#include "blackout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"

/* A guest that is told to run does within this, or has nothing to do: that is no pause. */
#define ENTRY_NS 1000000000ull

static const enum km_mark on_wire[] = { KM_MARK_RECEIVED, KM_MARK_LOADED, KM_MARK_GO,
					KM_MARK_RUNS };
#define ON_WIRE (sizeof(on_wire) / sizeof(*on_wire))
_Static_assert(KM_MARKS_WIRE_BYTES == 8 + 8 * ON_WIRE, "room for each");

/* What goes on until a mark. */
static const char *const until[KM_MARKS] = {
	[KM_MARK_STOPPED] = "stop",    [KM_MARK_MIRRORED] = "disks",
	[KM_MARK_SYNCED] = "sync",     [KM_MARK_SENT] = "pages",
	[KM_MARK_SAVED] = "devices",   [KM_MARK_RECEIVED] = "apply",
	[KM_MARK_LOADED] = "load",     [KM_MARK_TOLD] = "loaded said",
	[KM_MARK_VERIFIED] = "verify", [KM_MARK_GO_SENT] = "settle",
	[KM_MARK_GO] = "go",	       [KM_MARK_RUNS] = "resume",
	[KM_MARK_ENTERED] = "entry",   [KM_MARK_ANSWERED] = "answer",
};

void km_marks_build(const struct km_marks *m, uint8_t buf[KM_MARKS_WIRE_BYTES])
{
	km_put_le32(buf, ON_WIRE);
	km_put_le32(buf + 4, (uint32_t)m->cpu_ms);
	for (size_t i = 0; i < ON_WIRE; i++)
		km_put_le64(buf + 8 + 8 * i, m->ns[on_wire[i]]);
}

int km_marks_parse(struct km_marks *m, const uint8_t *buf, size_t len, struct km_err *err)
{
	uint32_t n = len < 8 ? 0 : km_get_le32(buf);

	if (n < ON_WIRE || n > KM_MARKS_WIRE_MAX || len != 8 + 8 * (size_t)n)
		return km_err_set(err, -EPROTO, "its marks of the pause can't be read");
	m->cpu_ms = km_get_le32(buf + 4);
	for (size_t i = 0; i < ON_WIRE; i++)
		m->ns[on_wire[i]] = km_get_le64(buf + 8 + 8 * i);
	return 0;
}

static bool of_destination(enum km_mark k)
{
	return k == KM_MARK_RECEIVED || k == KM_MARK_LOADED || k == KM_MARK_GO ||
	       k == KM_MARK_RUNS || k == KM_MARK_ENTERED;
}

/* What happened at the source before something at the destination, and what after. */
static const struct {
	enum km_mark source, dest;
	bool first; /* the source's came first */
} order[] = {
	{ KM_MARK_STOPPED, KM_MARK_LOADED, true }, { KM_MARK_SAVED, KM_MARK_RECEIVED, true },
	{ KM_MARK_TOLD, KM_MARK_LOADED, false },   { KM_MARK_GO_SENT, KM_MARK_GO, true },
	{ KM_MARK_ANSWERED, KM_MARK_RUNS, false },
};

/* The offset lies where the clocks' question has put it, and where no word arrives before it was
 * said.  False: there is no such place, so what the destination says is not so. */
static bool narrow(const struct km_marks *source, const struct km_marks *dest,
		   struct km_clock_fit *fit)
{
	int64_t least = fit->offset_ns - (int64_t)fit->error_ns;
	int64_t most = fit->offset_ns + (int64_t)fit->error_ns;

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		int64_t s = (int64_t)source->ns[order[i].source];
		int64_t d = (int64_t)dest->ns[order[i].dest];

		if (!s || !d)
			continue;
		if (order[i].first && d - s < most)
			most = d - s;
		if (!order[i].first && d - s > least)
			least = d - s;
	}
	fit->offset_ns = least + (most - least) / 2;
	fit->error_ns = (uint64_t)(most - least + 1) / 2;
	return least <= most;
}

/* They are times, one after the other. Of QEMU's own data path nothing is received here. */
static bool plausible(const struct km_marks *dest)
{
	uint64_t last = 0;

	for (size_t i = 0; i < ON_WIRE; i++) {
		uint64_t at = dest->ns[on_wire[i]];

		if (!at && on_wire[i] == KM_MARK_RECEIVED)
			continue;
		if (!at || at < last || at > INT64_MAX / 2)
			return false;
		last = at;
	}
	return true;
}

/* The guest may run before QEMU says so: then that is when the pause is over. */
static void join_entry(const struct km_marks *dest, int64_t offset_ns, int64_t ns[KM_MARKS])
{
	int64_t at = (int64_t)dest->ns[KM_MARK_ENTERED] - offset_ns;

	if (dest->ns[KM_MARK_ENTERED] < dest->ns[KM_MARK_GO] ||
	    dest->ns[KM_MARK_ENTERED] > dest->ns[KM_MARK_RUNS] + ENTRY_NS)
		return;
	ns[KM_MARK_ENTERED] = at;
	if (at < ns[KM_MARK_RUNS])
		ns[KM_MARK_RUNS] = at;
}

/* Each part ends where the next begins, so they add up.  A mark that lies before an earlier one
 * (QEMU's events and ours have different clocks) is taken to be no earlier. */
static void cut(const int64_t ns[KM_MARKS], struct km_pause *p)
{
	int64_t first = ns[KM_MARK_ASKED] ? ns[KM_MARK_ASKED] : ns[KM_MARK_STOPPED], at = first;

	for (enum km_mark k = KM_MARK_STOPPED; k < KM_MARKS; k++) {
		struct km_pause_part *part = &p->part[p->nparts];
		int64_t end = ns[k] > at ? ns[k] : at;

		if (!ns[k] || p->nparts == KM_PAUSE_PARTS)
			continue;
		if (k == KM_MARK_STOPPED && !ns[KM_MARK_ASKED])
			continue;
		snprintf(part->name, sizeof(part->name), "%s", until[k]);
		part->destination = of_destination(k);
		part->at_ms = (double)(at - first) / 1e6;
		part->took_ms = (double)(end - at) / 1e6;
		p->nparts++;
		at = end;
	}
	p->total_ms = (double)(at - first) / 1e6;
}

void km_blackout(const struct km_marks *source, const struct km_marks *dest,
		 const struct km_clock_fit *fit, struct km_pause *p)
{
	struct km_clock_fit f = *fit;
	int64_t ns[KM_MARKS];

	memset(p, 0, sizeof(*p));
	if (!source->ns[KM_MARK_STOPPED])
		return;
	if (!dest->ns[KM_MARK_RUNS])
		snprintf(p->why_not, sizeof(p->why_not),
			 "it does not say when what happened there");
	else if (!f.known)
		snprintf(p->why_not, sizeof(p->why_not),
			 "it does not answer questions for its clock");
	else if (!plausible(dest) || !narrow(source, dest, &f))
		snprintf(p->why_not, sizeof(p->why_not),
			 "what it says of its clock is not possible");
	p->joined = !p->why_not[0];
	p->clock_offset_ns = p->joined ? f.offset_ns : 0;
	p->clock_error_ms = p->joined ? (double)f.error_ns / 1e6 : 0;
	for (enum km_mark k = KM_MARK_ASKED; k < KM_MARKS; k++)
		ns[k] = of_destination(k) ? 0 : (int64_t)source->ns[k];
	/* Without a sight of the destination the pause lasts until its answer is here. */
	if (p->joined)
		ns[KM_MARK_ANSWERED] = 0;
	for (size_t i = 0; p->joined && i < ON_WIRE; i++)
		if (dest->ns[on_wire[i]])
			ns[on_wire[i]] = (int64_t)dest->ns[on_wire[i]] - f.offset_ns;
	if (p->joined)
		join_entry(dest, f.offset_ns, ns);
	cut(ns, p);
}
