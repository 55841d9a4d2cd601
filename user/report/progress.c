// SPDX-License-Identifier: GPL-2.0
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "disks.h"
#include "units.h"

#define TTY_EVERY_MS   100
#define PLAIN_EVERY_MS 5000

static unsigned int terminal_width(FILE *f)
{
	struct winsize w;

	if (ioctl(fileno(f), TIOCGWINSZ, &w) || w.ws_col < 20)
		return 80;
	return w.ws_col;
}

void km_progress_init(struct km_progress *p, FILE *f)
{
	const char *term = getenv("TERM");

	p->f = f;
	p->tty = isatty(fileno(f)) && term && strcmp(term, "dumb");
	p->last_ms = -1;
	p->phase = KM_PHASE_SETUP;
	p->away = false;
	p->width = p->tty ? terminal_width(f) : 0;
}

/* What is left if the guest stopped now: QEMU's own and what waits here. */
static double left_bytes(const struct km_counters *c)
{
	return (double)c->qemu_remaining_bytes + (double)c->backlog_pages * KM_PAGE_SIZE;
}

/* Time until all is sent while the guest goes on dirtying: only what the link
 * does beyond that shrinks the rest. */
static void format_left(char buf[KM_UNIT_MAX], const struct km_counters *c)
{
	double net = (double)c->goodput_bytes_per_s - (double)c->dirty_pages_per_s * KM_PAGE_SIZE;

	if (!c->goodput_bytes_per_s)
		strcpy(buf, "?");
	else if (net <= 0)
		strcpy(buf, "never (dirties faster)");
	else
		km_fmt_ms(buf, left_bytes(c) * 1e3 / net);
}

static void format_line(char *buf, size_t size, const struct km_run *r, double elapsed_ms)
{
	const struct km_counters *c = &r->c;
	char sent[KM_UNIT_MAX];
	char wire[KM_UNIT_MAX];
	char rate[KM_UNIT_MAX];
	char backlog[KM_UNIT_MAX];
	char left[KM_UNIT_MAX];
	char pause[KM_UNIT_MAX] = "?";
	char copying[KM_COPYING_TEXT];
	int n = snprintf(buf, size, "%6.1f s  %-10s", elapsed_ms / 1e3, km_phase_name(r->phase));

	if (n < 0 || (size_t)n >= size)
		return;
	buf += n;
	size -= (size_t)n;
	if (r->qemu_silent) {
		snprintf(buf, size,
			 "  the move failed; QEMU does not answer: asked until it does or is gone");
		return;
	}
	if (r->phase == KM_PHASE_SETUP) {
		if (r->disks.copying)
			snprintf(buf, size, "  %s", km_fmt_copying(copying, &r->disks));
		return;
	}
	if (r->phase != KM_PHASE_PRECOPY) {
		snprintf(buf, size, "  %s pages, %s sent",
			 km_fmt_count(sent, (double)c->sent_pages),
			 km_fmt_bytes(wire, (double)c->wire_bytes));
		return;
	}
	if (r->link_away) {
		snprintf(buf, size, "  %s pages, %s sent; the link is broken: redialling",
			 km_fmt_count(sent, (double)c->sent_pages),
			 km_fmt_bytes(wire, (double)c->wire_bytes));
		return;
	}
	format_left(left, c);
	if (c->goodput_bytes_per_s)
		km_fmt_ms(pause, left_bytes(c) * 1e3 / (double)c->goodput_bytes_per_s);
	snprintf(buf, size,
		 "  round %" PRIu64 "  %s pages  %s  %s/s  backlog %s  left %s  pause now %s",
		 c->rounds, km_fmt_count(sent, (double)c->sent_pages),
		 km_fmt_bytes(wire, (double)c->wire_bytes),
		 km_fmt_bytes(rate, (double)c->goodput_bytes_per_s),
		 km_fmt_count(backlog, (double)c->backlog_pages), left, pause);
}

void km_progress_show(struct km_progress *p, const struct km_run *r, double elapsed_ms)
{
	double every = p->tty ? TTY_EVERY_MS : PLAIN_EVERY_MS;
	char line[256];

	if (p->last_ms >= 0 && r->phase == p->phase && r->link_away == p->away && !r->qemu_silent &&
	    elapsed_ms - p->last_ms < every)
		return;
	p->last_ms = elapsed_ms;
	p->phase = r->phase;
	p->away = r->link_away;
	format_line(line, sizeof(line), r, elapsed_ms);
	if (!p->tty) {
		fprintf(p->f, "%s\n", line);
	} else {
		p->width = terminal_width(p->f); /* it may have been resized */
		/* A line that wraps could not be rewritten. All of it is ASCII. */
		fprintf(p->f, "\r%.*s\033[K", (int)p->width - 1, line);
	}
	fflush(p->f);
}

void km_progress_end(struct km_progress *p)
{
	if (p->tty && p->last_ms >= 0)
		fputc('\n', p->f);
	fflush(p->f);
	p->last_ms = -1;
}
