// SPDX-License-Identifier: GPL-2.0
#include "drainplan.h"

#include <stdlib.h>
#include <string.h>
#include "report.h"
#include "units.h"

#define HOSTS_SHOWN  20
#define PAUSES_SHOWN 5
#define LEFT_SHOWN   20
#define COLUMNS	     40

static void head(FILE *f, const struct km_fleet_plan *p)
{
	uint32_t drain = 0;
	uint64_t bytes = 0;
	char size[KM_UNIT_MAX], wire[KM_UNIT_MAX];
	double sent = 0;

	for (uint32_t h = 0; h < p->f->nhosts; h++)
		drain += p->f->host[h].drain;
	for (uint32_t i = 0; i < p->nmoves; i++) {
		bytes += p->f->vm[p->move[i].vm].memory_bytes;
		sent += p->move[i].bytes;
	}
	fprintf(f, "drain      %u of %u hosts\n", drain, p->f->nhosts);
	fprintf(f, "moves      %u, %s of memory, %s on the wire", p->nmoves,
		km_fmt_bytes(size, (double)bytes), km_fmt_bytes(wire, sent));
	if (p->nchain)
		fprintf(f, "; %u of them make room for others", p->nchain);
	fputc('\n', f);
}

static void makespan(FILE *f, const struct km_fleet_plan *p)
{
	char time[KM_UNIT_MAX], least[KM_UNIT_MAX], why[KM_DRAIN_TEXT];

	fprintf(f, "makespan   %s\n", km_fmt_ms(time, p->makespan_s * 1000));
	fprintf(f, "at least   %s in any plan: %s\n", km_fmt_ms(least, p->bound.seconds * 1000),
		km_drain_bound(why, p));
	fprintf(f, "           this one takes %.3f times that\n", p->makespan_s / p->bound.seconds);
}

static int longest_pause(const void *a, const void *b)
{
	const struct km_fleet_move *const *x = a, *const *y = b;

	if ((*x)->pause_s < (*y)->pause_s || (*x)->pause_s > (*y)->pause_s)
		return (*x)->pause_s < (*y)->pause_s ? 1 : -1;
	return (*x)->vm < (*y)->vm ? -1 : 1;
}

static void pauses(FILE *f, const struct km_fleet_plan *p)
{
	const struct km_fleet_move **by = calloc(p->nmoves + 1, sizeof(*by));
	char median[KM_UNIT_MAX], time[KM_UNIT_MAX], most[KM_UNIT_MAX];

	for (uint32_t i = 0; by && i < p->nmoves; i++)
		by[i] = &p->move[i];
	if (!by)
		return;
	qsort(by, p->nmoves, sizeof(*by), longest_pause);
	fprintf(f, "pauses     %s in the median; %u guest%s longer than allowed; the longest:\n",
		km_fmt_ms(median, by[p->nmoves / 2]->pause_s * 1000), p->late,
		p->late == 1 ? " stands" : "s stand");
	for (uint32_t i = 0; i < p->nmoves && i < PAUSES_SHOWN; i++) {
		const struct km_fleet_vm *v = &p->f->vm[by[i]->vm];

		fprintf(f, "           %8s of %s  ", km_fmt_ms(time, by[i]->pause_s * 1000),
			km_fmt_ms(most, v->max_pause_s * 1000));
		km_put_safe(f, v->name);
		fputc('\n', f);
	}
	free(by);
}

/* How many moves away from a host are under way, column by column. */
static void picture(char bar[COLUMNS + 1], const struct km_fleet_plan *p, uint32_t host)
{
	unsigned int n[COLUMNS] = { 0 };
	double column = p->makespan_s / COLUMNS;

	for (uint32_t i = 0; i < p->nmoves; i++) {
		const struct km_fleet_move *m = &p->move[i];

		if (m->from != host)
			continue;
		for (int c = (int)(m->start_s / column); c < COLUMNS && c * column < m->end_s; c++)
			n[c]++;
	}
	for (int c = 0; c < COLUMNS; c++)
		bar[c] = !n[c] ? ' ' : n[c] == 1 ? '-' : n[c] == 2 ? '=' : '#';
	bar[COLUMNS] = '\0';
}

static void hosts(FILE *f, const struct km_fleet_plan *p)
{
	char time[KM_UNIT_MAX], bar[COLUMNS + 1];
	uint32_t n;
	struct km_drained *d = km_drain_hosts(p, &n);

	if (!d)
		return;
	fprintf(f, "\n%8s %6s  %12s  time, up to the makespan\n", "GUESTS", "STAY", "EMPTY AFTER");
	for (uint32_t i = 0; i < n && i < HOSTS_SHOWN; i++) {
		picture(bar, p, d[i].host);
		fprintf(f, "%8u %6u  %12s  |%s|  ", d[i].moved, d[i].left,
			d[i].left ? "never" : km_fmt_ms(time, d[i].empty_s * 1000), bar);
		km_put_safe(f, p->f->host[d[i].host].name);
		fputc('\n', f);
	}
	if (n > HOSTS_SHOWN)
		fprintf(f, "%8s        and %u more, the first after %s\n", "...", n - HOSTS_SHOWN,
			km_fmt_ms(time, d[n - 1].empty_s * 1000));
	free(d);
}

static void left(FILE *f, const struct km_fleet_plan *p)
{
	char why[KM_DRAIN_TEXT];

	fprintf(f, "\n%u guest%s can't go; %s\n", p->nleft, p->nleft == 1 ? "" : "s",
		p->fewest ? "there is no plan with fewer" : "no plan with fewer was found");
	for (uint32_t i = 0; i < p->nleft && i < LEFT_SHOWN; i++) {
		fputs("  ", f);
		km_put_safe(f, p->f->vm[p->left[i].vm].name);
		fputs(" on ", f);
		km_put_safe(f, p->f->host[p->f->vm[p->left[i].vm].host].name);
		fputs(": ", f);
		km_put_safe(f, km_drain_left(why, p, &p->left[i]));
		fputc('\n', f);
	}
	if (p->nleft > LEFT_SHOWN)
		fprintf(f, "  and %u more: --json\n", p->nleft - LEFT_SHOWN);
}

void km_text_drainplan(FILE *f, const struct km_fleet_plan *p)
{
	head(f, p);
	if (p->nmoves) {
		makespan(f, p);
		pauses(f, p);
		hosts(f, p);
	}
	if (p->nleft)
		left(f, p);
}
