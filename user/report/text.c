// SPDX-License-Identifier: GPL-2.0
#include "arrival.h"
#include "foretold.h"
#include "hold.h"
#include "impact.h"
#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "disks.h"
#include "pause.h"
#include "placed.h"
#include "units.h"
#include "weight.h"

#define BOLD   "\033[1m"
#define GREEN  "\033[32m"
#define RED    "\033[31m"
#define YELLOW "\033[33m"

static bool has_colour(FILE *f)
{
	const char *no = getenv("NO_COLOR"); /* no-color.org: set and not empty */
	const char *term = getenv("TERM");

	return !(no && *no) && term && strcmp(term, "dumb") && isatty(fileno(f));
}

/* Names are foreign bytes: no control characters on the terminal, nor C1's (UTF-8
 * c2 80..9f). */
void km_put_safe(FILE *f, const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
		bool c1 = s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f;

		if (c1)
			s++;
		fputc(c1 || *s < 0x20 || *s == 0x7f ? '?' : *s, f);
	}
}

/* "  label      text": every line of the report but the first. */
static void __attribute__((format(printf, 3, 4)))
line(FILE *f, const char *label, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(f, "  %-11s ", label);
	km_put_safe(f, text);
	fputc('\n', f);
}

static void put_headline(FILE *f, const struct km_run *r)
{
	bool colour = has_colour(f);
	const char *paint = "";
	const char *says = "";

	switch (r->outcome) {
	case KM_OUT_MOVED:
		paint = GREEN;
		says = "moved to";
		break;
	case KM_OUT_STAYED:
		paint = YELLOW;
		says = "was not moved and stays here; destination was";
		break;
	case KM_OUT_DOUBT:
		paint = RED;
		says = "is in doubt: it may run at";
		break;
	case KM_OUT_LOST:
		paint = RED;
		says = "is lost: it runs neither here nor at";
		break;
	case KM_OUT_UNKNOWN:
		says = "has not been moved yet to";
		break;
	}
	fprintf(f, "%s%s", colour ? BOLD : "", colour ? paint : "");
	km_put_safe(f, r->vm_name[0] ? r->vm_name : "guest");
	fprintf(f, "%s (pid %d) %s ", colour ? "\033[0m" : "", (int)r->vm_pid, says);
	km_put_safe(f, r->destination);
	fputc('\n', f);
}

static void put_redials(FILE *f, const struct km_run *r)
{
	char away[KM_UNIT_MAX], pages[KM_UNIT_MAX];

	if (!(r->redial_ms > 0))
		return;
	line(f, "redialled", "%u time%s; no link for %s in all, %s pages were sent again",
	     r->redials, r->redials == 1 ? "" : "s", km_fmt_ms(away, r->redial_ms),
	     km_fmt_count(pages, (double)r->c.resent_pages));
	line(f, "", "because: %.200s", r->why_redialled);
}

static void put_times(FILE *f, const struct km_run *r)
{
	char a[KM_UNIT_MAX];
	char b[KM_UNIT_MAX];
	char pause[KM_PAUSE_TEXT];

	line(f, "total time", "%s, of it setup %s; %" PRIu64 " round%s", km_fmt_ms(a, r->total_ms),
	     km_fmt_ms(b, r->setup_ms), r->c.rounds, r->c.rounds == 1 ? "" : "s");
	put_redials(f, r);
	if (!(r->pause_ms > 0)) {
		line(f, "pause", "none: the guest was not stopped");
		return;
	}
	if (!r->pause.nparts) {
		line(f, "pause", "%s", km_fmt_ms(a, r->pause_ms));
		return;
	}
	line(f, "pause", "%s", km_fmt_pause(pause, &r->pause));
	km_text_pause(f, &r->pause);
}

/* Pages that QEMU named and that did not cross the link for it. */
static void put_saved(FILE *f, const struct km_counters *c)
{
	const struct {
		uint64_t pages;
		const char *why;
	} saved[] = {
		{ c->same_pages, "held the same content at the destination already" },
		{ c->later_pages,
		  "changed while they waited and were left for their next listing" },
		{ c->merged_pages, "were listed again while they waited and went once" },
	};
	const char *name = "saved";
	char a[KM_UNIT_MAX];

	for (unsigned int i = 0; i < sizeof(saved) / sizeof(*saved); i++) {
		if (!saved[i].pages)
			continue;
		line(f, name, "%10s  pages %s", km_fmt_count(a, (double)saved[i].pages),
		     saved[i].why);
		name = "";
	}
}

static void put_bytes(FILE *f, const struct km_run *r)
{
	const struct km_counters *c = &r->c;
	uint64_t known = c->payload_bytes + c->device_bytes + c->disk_bytes;
	char a[KM_UNIT_MAX];
	char b[KM_UNIT_MAX];

	if (!strcmp(r->engine, "qemu")) {
		line(f, "sent", "%s by QEMU itself", km_fmt_bytes(a, (double)c->wire_bytes));
		return;
	}
	line(f, "sent", "%s on the wire, %u stream%s, %s/s", km_fmt_bytes(a, (double)c->wire_bytes),
	     r->streams, r->streams == 1 ? "" : "s",
	     km_fmt_bytes(b, r->total_ms > 0 ? (double)c->wire_bytes * 1e3 / r->total_ms : 0));
	for (unsigned int i = 0; i < r->npaths; i++)
		line(f, i ? "" : "paths", "%s: %s by %u streams", r->path[i].address,
		     km_fmt_bytes(a, (double)r->path[i].wire_bytes), r->path[i].streams);
	line(f, "  raw", "%10s  %s pages", km_fmt_bytes(a, (double)c->raw_pages * KM_PAGE_SIZE),
	     km_fmt_count(b, (double)c->raw_pages));
	if (c->packed_pages)
		line(f, "  packed", "%10s  %s pages, compressed to %.0f %%",
		     km_fmt_bytes(a, (double)c->packed_bytes),
		     km_fmt_count(b, (double)c->packed_pages),
		     (double)c->packed_bytes * 100 / ((double)c->packed_pages * KM_PAGE_SIZE));
	if (c->delta_pages)
		line(f, "  delta", "%10s  %s pages, as what had changed in them",
		     km_fmt_bytes(a, (double)c->delta_bytes),
		     km_fmt_count(b, (double)c->delta_pages));
	line(f, "  zero", "%10s  %s pages, by name only", "-",
	     km_fmt_count(b, (double)c->zero_pages));
	line(f, "  device", "%10s  QEMU's own state", km_fmt_bytes(a, (double)c->device_bytes));
	if (c->disk_bytes)
		line(f, "  disks", "%10s  mirrored", km_fmt_bytes(a, (double)c->disk_bytes));
	line(f, "  protocol", "%10s  headers and acknowledgements",
	     km_fmt_bytes(a, c->wire_bytes > known ? (double)(c->wire_bytes - known) : 0));
	put_saved(f, c);
}

static void put_module(FILE *f, const struct km_run *r)
{
	const struct km_module_facts *m = &r->module;
	char shares[160] = "";
	char a[KM_UNIT_MAX];
	char b[KM_UNIT_MAX];

	if (!m->present) {
		line(f, "dirty rate", "not seen: %s",
		     m->why_absent[0] ? m->why_absent : "the module was not asked");
		return;
	}
	line(f, "dirty rate", "%s pages/s (%s/s), by kmigrate.ko through %s",
	     km_fmt_count(a, m->dirtied_pages_per_s),
	     km_fmt_bytes(b, m->dirtied_pages_per_s * KM_PAGE_SIZE), m->mechanism);
	for (unsigned int i = 0; m->dirtied_pages && i < m->vcpus && i < 256; i++) {
		size_t used = strlen(shares);

		if (used > sizeof(shares) - 32) {
			strcat(shares, " ...");
			break;
		}
		snprintf(shares + used, sizeof(shares) - used, "%svcpu%u %.0f %%", i ? ", " : "", i,
			 100.0 * (double)m->dirtied_by_vcpu[i] / (double)m->dirtied_pages);
	}
	if (shares[0])
		line(f, "", "%s pages dirtied: %s", km_fmt_count(a, (double)m->dirtied_pages),
		     shares);
}

static void put_verify(FILE *f, const struct km_run *r)
{
	const struct km_verify *v = &r->verify;
	char a[KM_UNIT_MAX];

	if (!v->done)
		return;
	km_fmt_count(a, (double)v->pages);
	if (v->differing > v->allowed)
		line(f, "verify", "%" PRIu64 " of %s pages DIFFER, the first at %s",
		     v->differing - v->allowed, a, v->first);
	else if (v->allowed)
		line(f, "verify",
		     "%s pages compared at both ends, none wrong (%" PRIu64
		     " rewritten as QEMU loaded the guest's state: %s)",
		     a, v->allowed, v->first);
	else
		line(f, "verify", "%s pages compared at both ends, none differs", a);
	if (v->unseen)
		line(f, "", "%" PRIu64 " pages were not compared: no process but QEMU sees them",
		     v->unseen);
}

static void put_where(FILE *f, const struct km_run *r)
{
	switch (r->outcome) {
	case KM_OUT_MOVED:
		line(f, "runs at", "%s", r->destination);
		break;
	case KM_OUT_STAYED:
		line(f, "runs at", "this host, as before");
		break;
	case KM_OUT_DOUBT:
		line(f, "runs at", "unknown: look at both ends before you start either");
		break;
	case KM_OUT_LOST:
		line(f, "runs at", "neither end");
		break;
	case KM_OUT_UNKNOWN:
		line(f, "runs at", "this host");
		break;
	}
}

static void put_stall(FILE *f, const struct km_stall_facts *s)
{
	char a[KM_UNIT_MAX], b[KM_UNIT_MAX];

	if (!s->rounds)
		return;
	line(f, "stalled", "%u rounds in a row were no smaller than the one before (%s)%s",
	     s->rounds, km_fmt_bytes(a, (double)s->round_pages * KM_PAGE_SIZE),
	     s->gave_up ? "; given up" : "");
	if (s->region[0])
		line(f, "", "%s of %s from %#" PRIx64 " on come back most",
		     km_fmt_bytes(b, (double)s->region_bytes), s->region, s->region_offset);
}

static void put_encryption(FILE *f, const struct km_run *r)
{
	if (!strcmp(r->encryption, "psk"))
		line(f, "encrypted", "TLS 1.3, by a pre-shared key; %s", r->cipher);
	else if (!strcmp(r->encryption, "x509"))
		line(f, "encrypted", "TLS 1.3, by certificates; %s", r->cipher);
	else if (r->encryption[0])
		line(f, "encrypted", "no (--insecure)");
}

void km_text_run(FILE *f, const struct km_run *r)
{
	char held[KM_HELD_TEXT], placed[KM_PLACED_TEXT], pinned[KM_PINNED_TEXT];
	char weight[KM_WEIGHT_TEXT], throttle[KM_THROTTLE_TEXT];

	put_headline(f, r);
	if (r->error[0])
		line(f, "because", "%s", r->error);
	if (r->source_died)
		line(f, "source", "its QEMU died when the destination had all of the guest");
	put_times(f, r);
	put_bytes(f, r);
	km_text_disks(f, &r->disks);
	km_text_compared(f, r);
	put_encryption(f, r);
	put_module(f, r);
	if (r->engine_why[0])
		line(f, "engine", "%s: %s", r->engine, r->engine_why);
	if (r->held[0])
		line(f, "held", "%s", r->held);
	if (r->hold.wanted)
		line(f, r->held[0] ? "" : "held", "%s", km_fmt_held(held, &r->hold));
	if (r->pinned.threads || r->pinned.why_not[0])
		line(f, "pinned", "%s", km_fmt_pinned(pinned, &r->pinned));
	if (r->placed.wanted)
		line(f, "placed", "%s", km_fmt_placed(placed, &r->placed));
	if (r->weight.wanted)
		line(f, "weight", "%s", km_fmt_weight(weight, &r->weight));
	if (r->throttle.wanted)
		line(f, "throttle", "%s", km_fmt_throttle(throttle, &r->throttle));
	put_stall(f, &r->stall);
	put_verify(f, r);
	if (r->impact.wanted && !r->impact.on)
		line(f, "impact", "not available here: %.400s", r->impact.why_not);
	else if (r->impact.wanted)
		km_text_impact(f, &r->impact);
	if (r->arrival.wanted && !r->arrival.on)
		line(f, "arrival", "not known: %.400s", r->arrival.why_not);
	else if (r->arrival.wanted)
		km_text_arrival(f, &r->arrival);
	put_where(f, r);
}

/* The table of guests: every cell is text first, so that columns fit. */
enum { NAME, PID, VCPUS, RAM, BACKING, ACCEL, STATE, QMP, NOTE, COLUMNS };

struct row {
	char buf[RAM + 1][KM_UNIT_MAX];
	const char *cell[COLUMNS];
};

static void fill_row(struct row *row, const struct km_vm *vm)
{
	snprintf(row->buf[PID], KM_UNIT_MAX, "%d", (int)vm->pid);
	snprintf(row->buf[VCPUS], KM_UNIT_MAX, "%u", vm->vcpus);
	row->cell[NAME] = vm->name;
	row->cell[PID] = row->buf[PID];
	row->cell[VCPUS] = row->buf[VCPUS];
	row->cell[RAM] = vm->ram_bytes ? km_fmt_bytes(row->buf[RAM], (double)vm->ram_bytes) : "-";
	row->cell[BACKING] = vm->backing ? km_backing_name(vm->backing) : "-";
	row->cell[ACCEL] = vm->accel ? km_accel_name(vm->accel) : "-";
	row->cell[STATE] = vm->state[0] ? vm->state : "-";
	row->cell[QMP] = vm->qmp[0] ? vm->qmp : "-";
	row->cell[NOTE] = vm->unmovable[0] ? vm->unmovable : "can be moved";
}

static void put_row(FILE *f, const struct row *row, const size_t width[COLUMNS])
{
	for (int c = 0; c < COLUMNS; c++) {
		int pad = (int)(width[c] - km_text_width(row->cell[c]));
		bool right = c >= PID && c <= RAM;

		if (right)
			fprintf(f, "%*s", pad, "");
		km_put_safe(f, row->cell[c]);
		if (c == NOTE)
			fputc('\n', f);
		else
			fprintf(f, "%*s", (right ? 0 : pad) + 2, "");
	}
}

void km_text_vms(FILE *f, const struct km_vm *vms, size_t n)
{
	static const char *const head[COLUMNS] = { "NAME",  "PID",   "VCPUS", "RAM", "BACKING",
						   "ACCEL", "STATE", "QMP",   "NOTE" };
	struct row *rows = calloc(n + 1, sizeof(*rows));
	size_t width[COLUMNS] = { 0 };

	if (!rows)
		return;
	memcpy(rows[0].cell, head, sizeof(head));
	for (size_t i = 0; i < n; i++)
		fill_row(&rows[i + 1], &vms[i]);
	for (size_t i = 0; i <= n; i++)
		for (int c = 0; c < COLUMNS; c++)
			if (km_text_width(rows[i].cell[c]) > width[c])
				width[c] = km_text_width(rows[i].cell[c]);
	for (size_t i = 0; i <= n; i++)
		put_row(f, &rows[i], width);
	free(rows);
}
