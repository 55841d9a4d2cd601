// SPDX-License-Identifier: GPL-2.0
/* The guests of a host, a line each. */
#include <stdio.h>
#include <string.h>
#include "dirty.h"
#include "jsonval.h"
#include "units.h"

json_t *km_json_top(const struct km_top_row *rows, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *o = km_json_dirty(&rows[i].d);

		km_j_put(o, "unmeasured_because", km_j_text_or_null(rows[i].why));
		json_array_append_new(all, o);
	}
	return json_pack("{s:o}", "guests", all);
}

static const struct km_dirty_window *window(const struct km_dirty *d, uint32_t ms)
{
	for (unsigned int i = 0; i < d->windows; i++)
		if (d->window[i].ms == ms)
			return &d->window[i];
	return NULL;
}

static const char *memory(char buf[KM_UNIT_MAX], const struct km_dirty *d, uint32_t ms)
{
	const struct km_dirty_window *w = window(d, ms);

	return w ? km_fmt_bytes(buf, (double)w->unique_pages * KM_PAGE_SIZE) : "-";
}

/* The vCPU that dirtied most, and its share. */
static void busiest(char *buf, size_t size, const struct km_dirty *d)
{
	unsigned int most = 0;

	for (unsigned int i = 1; i < d->vcpus; i++)
		if (d->pages_by_vcpu[i] > d->pages_by_vcpu[most])
			most = i;
	if (d->vcpus && d->pages)
		snprintf(buf, size, "%u: %.0f %%", most,
			 100.0 * (double)d->pages_by_vcpu[most] / (double)d->pages);
	else
		snprintf(buf, size, "-");
}

/* Names are foreign bytes. */
static void safe_name(char buf[20], const char *name)
{
	size_t i;

	for (i = 0; i < 19 && name[i]; i++)
		buf[i] = (unsigned char)name[i] < ' ' || name[i] == 0x7f ? '?' : name[i];
	buf[i] = '\0';
}

static const char *ram_size(char buf[KM_UNIT_MAX], const struct km_dirty *d)
{
	return d->ram_bytes ? km_fmt_bytes(buf, (double)d->ram_bytes) : "-";
}

static void put_row(FILE *f, const struct km_top_row *row, unsigned int columns)
{
	char rate[KM_UNIT_MAX], rate_mem[KM_UNIT_MAX], ram[KM_UNIT_MAX];
	char wss1[KM_UNIT_MAX], wss10[KM_UNIT_MAX], wss60[KM_UNIT_MAX];
	const struct km_dirty *d = &row->d;
	char line[256], name[20], vcpu[24];

	safe_name(name, d->vm_name);
	if (row->why[0]) {
		snprintf(line, sizeof(line), "%8d %-19s %10s  %s", (int)d->vm_pid, name,
			 ram_size(ram, d), row->why);
	} else {
		busiest(vcpu, sizeof(vcpu), d);
		snprintf(line, sizeof(line), "%8d %-19s %10s %9s %12s %10s %10s %10s %9s  %s",
			 (int)d->vm_pid, name, ram_size(ram, d), km_fmt_count(rate, d->pages_per_s),
			 km_fmt_bytes(rate_mem, d->pages_per_s * KM_PAGE_SIZE),
			 memory(wss1, d, 1000), memory(wss10, d, 10000), memory(wss60, d, 60000),
			 vcpu, d->state);
	}
	fprintf(f, "%.*s\n", columns ? (int)columns : (int)sizeof(line), line);
}

void km_text_top(FILE *f, const struct km_top_row *rows, size_t n, unsigned int columns)
{
	char head[256];

	snprintf(head, sizeof(head), "%8s %-19s %10s %9s %12s %10s %10s %10s %9s  %s", "PID",
		 "NAME", "RAM", "PAGES/S", "MEMORY/S", "SET 1 S", "SET 10 S", "SET 60 S", "BY VCPU",
		 "STATE");
	fprintf(f, "%.*s\n", columns ? (int)columns : (int)sizeof(head), head);
	for (size_t i = 0; i < n; i++)
		put_row(f, &rows[i], columns);
}
