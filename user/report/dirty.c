// SPDX-License-Identifier: GPL-2.0
/* What a guest dirties, for people and for programs. */
#include "dirty.h"

#include <string.h>
#include "jsonval.h"
#include "report.h"
#include "units.h"

#define BAR 40 /* columns */

static double bytes(double pages)
{
	return pages * KM_PAGE_SIZE;
}

static bool by_module(const struct km_dirty *d)
{
	return strcmp(d->source, "qemu") != 0;
}

/* Does the window say anything? Not if the log is looked at less often, or wasn't so long. */
static bool window_holds(const struct km_dirty *d, const struct km_dirty_window *w)
{
	return w->ms >= d->interval_ms && w->ms <= d->tracked_s * 1000 + d->interval_ms;
}

static void put_rate(FILE *f, const struct km_dirty *d)
{
	char rate[KM_UNIT_MAX], mem[KM_UNIT_MAX], pages[KM_UNIT_MAX];

	fprintf(f, "dirtied      %s pages/s (%s/s), %s pages in %.1f s\n",
		km_fmt_count(rate, d->pages_per_s), km_fmt_bytes(mem, bytes(d->pages_per_s)),
		km_fmt_count(pages, (double)d->pages), d->seconds);
}

static void put_vcpus(FILE *f, const struct km_dirty *d)
{
	double all = (double)d->pages;

	if (!d->pages || !d->vcpus)
		return;
	fprintf(f, "by vCPU     ");
	for (unsigned int i = 0; i < d->vcpus; i++)
		fprintf(f, " %u: %.1f %%", i, 100.0 * (double)d->pages_by_vcpu[i] / all);
	if (d->pages_by_none)
		fprintf(f, " KVM: %.1f %%", 100.0 * (double)d->pages_by_none / all);
	fputc('\n', f);
}

/* What PML did, and what it did not see: first writes, which fault, and KVM's own. */
static void put_pml(FILE *f, const struct km_dirty *d)
{
	char drains[KM_UNIT_MAX], full[KM_UNIT_MAX];

	if (!d->has_pml || !d->pages)
		return;
	fprintf(f, "by PML       %.1f %%, in %s exits, %s of them because the buffer was full\n",
		100.0 * (double)d->pml_pages / (double)d->pages,
		km_fmt_count(drains, (double)d->pml_drains),
		km_fmt_count(full, (double)d->pml_full));
}

static void put_windows(FILE *f, const struct km_dirty *d)
{
	char mem[KM_UNIT_MAX], rate[KM_UNIT_MAX];
	uint64_t most = 1;

	for (unsigned int i = 0; i < d->windows; i++)
		if (window_holds(d, &d->window[i]) && d->window[i].unique_pages > most)
			most = d->window[i].unique_pages;
	fprintf(f, "\n%-12s %12s %12s %14s\n", "WORKING SET", "PAGES", "MEMORY", "PAGES/S");
	for (unsigned int i = 0; i < d->windows; i++) {
		const struct km_dirty_window *w = &d->window[i];
		char scale[16];

		snprintf(scale, sizeof(scale), w->ms < 1000 ? "%u ms" : "%u s",
			 w->ms < 1000 ? w->ms : w->ms / 1000);
		if (!window_holds(d, w)) {
			fprintf(f, "%12s %12s %12s %14s\n", scale, "-", "-", "-");
			continue;
		}
		fprintf(f, "%12s %12llu %12s %14s  |%.*s\n", scale,
			(unsigned long long)w->unique_pages,
			km_fmt_bytes(mem, bytes((double)w->unique_pages)),
			w->has_rate ? km_fmt_count(rate, w->pages_per_s) : "-",
			(int)(w->unique_pages * BAR / most),
			"########################################");
	}
}

static void put_regions(FILE *f, const struct km_dirty *d)
{
	char size[KM_UNIT_MAX];

	if (!d->regions)
		return;
	fprintf(f, "\n%-18s %10s %10s %10s %10s\n", "HOTTEST AT", "SIZE", "IN 1 S", "IN 10 S",
		"IN 60 S");
	for (unsigned int i = 0; i < d->regions; i++) {
		const struct km_dirty_region *r = &d->region[i];

		fprintf(f, "%#-18llx %10s %10u %10u %10u\n",
			(unsigned long long)r->gfn << KM_PAGE_SHIFT,
			km_fmt_bytes(size, bytes((double)r->npages)), r->pages_1s, r->pages_10s,
			r->pages_60s);
	}
}

static double mean_harvest_ms(const struct km_dirty *d)
{
	return d->harvests ? d->harvest_ms / d->harvests : 0;
}

/*
 * Each page that was counted is a write that faulted and would not have, but for those that
 * PML told of: they cost the guest the exits at which its buffer was full.
 */
static void put_cost(FILE *f, const struct km_dirty *d)
{
	char mean[KM_UNIT_MAX], mem[KM_UNIT_MAX], n[KM_UNIT_MAX], full[KM_UNIT_MAX];

	fprintf(f, "\ncost         ");
	if (!strcmp(d->state, "driven")) {
		fprintf(f, "%s write faults, ", km_fmt_count(n, (double)(d->pages - d->pml_pages)));
		if (d->has_pml)
			fprintf(f, "%s exits for full buffers, ",
				km_fmt_count(full, (double)d->pml_full));
		fprintf(f, "%u harvests of %s on average (%.1f %% of the time), ", d->harvests,
			km_fmt_ms(mean, mean_harvest_ms(d)),
			d->seconds > 0 ? d->harvest_ms / d->seconds / 10 : 0);
	}
	fprintf(f, "%s of kernel memory\n", km_fmt_bytes(mem, (double)d->tables_bytes));
	if (d->overruns)
		fprintf(f,
			"             %u harvests began a whole interval late: a longer one gives "
			"truer numbers\n",
			d->overruns);
}

void km_text_dirty(FILE *f, const struct km_dirty *d)
{
	char ram[KM_UNIT_MAX];

	fprintf(f, "guest        ");
	km_put_safe(f, d->vm_name);
	fprintf(f, " (pid %d, %s)\n", (int)d->vm_pid,
		d->ram_bytes ? km_fmt_bytes(ram, (double)d->ram_bytes) : "RAM unknown");
	if (!by_module(d)) {
		fprintf(f, "measured by  QEMU's calc-dirty-rate, which samples pages: ");
		km_put_safe(f, d->why_qemu);
		fputc('\n', f);
		put_rate(f, d);
		return;
	}
	fprintf(f, "measured by  %s, %s, mechanism: %s\n", d->source, d->state, d->mechanism);
	if (!strcmp(d->state, "gave-way"))
		fprintf(f, "             the VMM began to log meanwhile: observed since\n");
	else if (!strcmp(d->state, "observed") && !d->vmm_logs)
		fprintf(f, "             the VMM doesn't log, so nothing can be seen\n");
	put_rate(f, d);
	put_vcpus(f, d);
	put_pml(f, d);
	put_windows(f, d);
	put_regions(f, d);
	put_cost(f, d);
}

static json_t *json_windows(const struct km_dirty *d)
{
	json_t *all = json_array();

	for (unsigned int i = 0; i < d->windows; i++) {
		const struct km_dirty_window *w = &d->window[i];
		json_t *o = json_object();
		bool holds = window_holds(d, w);

		km_j_put(o, "window_ms", km_j_number(w->ms));
		km_j_put(o, "unique_pages", holds ? km_j_number(w->unique_pages) : json_null());
		km_j_put(o, "pages_per_s",
			 holds && w->has_rate ? km_j_real(w->pages_per_s) : json_null());
		json_array_append_new(all, o);
	}
	return all;
}

static json_t *json_regions(const struct km_dirty *d)
{
	json_t *all = json_array();

	for (unsigned int i = 0; i < d->regions; i++) {
		const struct km_dirty_region *r = &d->region[i];
		json_t *o = json_object();

		km_j_put(o, "address", km_j_number(r->gfn << KM_PAGE_SHIFT));
		km_j_put(o, "pages", km_j_number(r->npages));
		km_j_put(o, "dirtied_1s", km_j_number(r->pages_1s));
		km_j_put(o, "dirtied_10s", km_j_number(r->pages_10s));
		km_j_put(o, "dirtied_60s", km_j_number(r->pages_60s));
		json_array_append_new(all, o);
	}
	return all;
}

static json_t *json_pml(const struct km_dirty *d)
{
	json_t *o;

	if (!d->has_pml)
		return json_null();
	o = json_object();
	km_j_put(o, "pages", km_j_number(d->pml_pages));
	km_j_put(o, "drains", km_j_number(d->pml_drains));
	km_j_put(o, "full_buffers", km_j_number(d->pml_full));
	return o;
}

static json_t *json_cost(const struct km_dirty *d)
{
	json_t *o = json_object();

	km_j_put(o, "interval_ms", km_j_number(d->interval_ms));
	km_j_put(o, "harvests", km_j_number(d->harvests));
	km_j_put(o, "harvest_ms", km_j_real(d->harvest_ms));
	km_j_put(o, "overruns", km_j_number(d->overruns));
	km_j_put(o, "kernel_bytes", km_j_number(d->tables_bytes));
	return o;
}

json_t *km_json_dirty(const struct km_dirty *d)
{
	json_t *o = json_object(), *by_vcpu = json_array();

	for (unsigned int i = 0; i < d->vcpus; i++)
		json_array_append_new(by_vcpu, km_j_number(d->pages_by_vcpu[i]));
	km_j_put(o, "vm", km_j_text(d->vm_name));
	km_j_put(o, "pid", km_j_number((uint64_t)d->vm_pid));
	km_j_put(o, "ram_bytes", km_j_number(d->ram_bytes));
	km_j_put(o, "source", km_j_text_or_null(d->source));
	km_j_put(o, "why_qemu", km_j_text_or_null(d->why_qemu));
	km_j_put(o, "mechanism", km_j_text_or_null(d->mechanism));
	km_j_put(o, "state", km_j_text_or_null(d->state));
	km_j_put(o, "vmm_logs", json_boolean(d->vmm_logs));
	km_j_put(o, "seconds", km_j_real(d->seconds));
	km_j_put(o, "pages", km_j_number(d->pages));
	km_j_put(o, "pages_per_s", km_j_real(d->pages_per_s));
	km_j_put(o, "pages_by_vcpu", by_vcpu);
	km_j_put(o, "pages_by_none", km_j_number(d->pages_by_none));
	km_j_put(o, "pml", json_pml(d));
	km_j_put(o, "missed_pages", km_j_number(d->missed_pages));
	km_j_put(o, "windows", json_windows(d));
	km_j_put(o, "regions", json_regions(d));
	km_j_put(o, "cost", json_cost(d));
	return o;
}
