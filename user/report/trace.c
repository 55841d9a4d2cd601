// SPDX-License-Identifier: GPL-2.0
/* What a question found out: a table, histograms as bpftrace draws them, JSON. */
#include "trace.h"

#include <stdlib.h>
#include <string.h>
#include "units.h"

#define BAR	   52 /* columns, as bpftrace's */
#define HISTOGRAMS 8  /* of the rows with most time; --json has all */

/* bpftrace's bounds: 1, 512, 1K, 64K, 1M, in powers of 1024. */
static void bound(char *buf, size_t size, unsigned int slot)
{
	static const char units[] = "\0KMGTPE";

	snprintf(buf, size, "%u%.1s", 1u << slot % 10, &units[slot / 10]);
}

/* From the first slot that holds something to the last. */
static void put_histogram(FILE *f, const struct km_hist *h)
{
	unsigned int first = 0, last = KM_HIST_SLOTS;
	uint64_t most = 1;

	while (first < KM_HIST_SLOTS && !h->slots[first])
		first++;
	while (last > first && !h->slots[last - 1])
		last--;
	for (unsigned int i = first; i < last; i++)
		if (h->slots[i] > most)
			most = h->slots[i];
	for (unsigned int i = first; i < last; i++) {
		int bar = (int)(h->slots[i] * BAR / most);
		char from[16], to[16], range[40];

		bound(from, sizeof(from), i);
		bound(to, sizeof(to), i + 1);
		snprintf(range, sizeof(range), "[%s, %s)", i ? from : "0", to);
		fprintf(f, "%-16s %10llu |%.*s%*s|\n", range, (unsigned long long)h->slots[i], bar,
			"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@", BAR - bar, "");
	}
}

/* Some rows have a sum only. */
static bool drawn(const struct km_hist *h)
{
	for (unsigned int i = 0; i < KM_HIST_SLOTS; i++)
		if (h->slots[i])
			return true;
	return false;
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static const char *vcpu_of(const struct km_trace_row *r, char buf[16])
{
	if (r->vcpu == KM_TRACE_NO_VCPU)
		return "-";
	snprintf(buf, 16, "%u", r->vcpu);
	return buf;
}

void km_text_trace(FILE *f, const struct km_trace *t)
{
	char total[KM_UNIT_MAX], mean[KM_UNIT_MAX], vcpu[16];

	fprintf(f, "%s, %.1f s%s\n", t->question, t->seconds,
		t->gone ? ", until the process was gone" : "");
	if (*t->lacks)
		fprintf(f, "left out, as this kernel lacks them: %s\n", t->lacks);
	if (!t->n) {
		fprintf(f, "nothing happened%s\n",
			t->no_vcpus ? ": the guest has no vCPUs yet" : "");
		return;
	}
	fprintf(f, "\n%-40s %5s %12s %12s %12s\n", "WHAT", "VCPU", "COUNT", "TIME", "MEAN");
	for (size_t i = 0; i < t->n; i++) {
		const struct km_trace_row *r = &t->rows[i];

		fprintf(f, "%-40s %5s %12llu %12s %12s\n", r->what, vcpu_of(r, vcpu),
			(unsigned long long)r->events,
			r->hist.n || r->hist.sum_ns ? km_fmt_ms(total, ms(r->hist.sum_ns)) : "-",
			r->hist.n ? km_fmt_ms(mean, ms(r->hist.sum_ns) / (double)r->hist.n) : "-");
	}
	for (size_t i = 0; i < t->n && i < HISTOGRAMS; i++) {
		if (!drawn(&t->rows[i].hist))
			continue;
		fprintf(f, "\n@ns[%s, vcpu %s]:\n", t->rows[i].what, vcpu_of(&t->rows[i], vcpu));
		put_histogram(f, &t->rows[i].hist);
	}
	if (t->lost)
		fprintf(f,
			"\n%llu events were lost: more vCPUs or reasons than there was room for\n",
			(unsigned long long)t->lost);
}

static json_t *json_row(const struct km_trace_row *r)
{
	json_t *slots = json_array();

	for (unsigned int i = 0; i < KM_HIST_SLOTS; i++)
		if (r->hist.slots[i])
			json_array_append_new(slots,
					      json_pack("{s:I,s:I}", "from_ns",
							(json_int_t)(i ? 1ull << i : 0), "count",
							(json_int_t)r->hist.slots[i]));
	return json_pack("{s:s,s:o,s:o,s:I,s:I,s:I,s:o}", "what", r->what, "vcpu",
			 r->vcpu == KM_TRACE_NO_VCPU ? json_null() : json_integer(r->vcpu), "at_ns",
			 r->at_ns ? json_integer((json_int_t)r->at_ns) : json_null(), "count",
			 (json_int_t)r->events, "timed", (json_int_t)r->hist.n, "sum_ns",
			 (json_int_t)r->hist.sum_ns, "histogram", slots);
}

json_t *km_json_trace(const struct km_trace *t)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < t->n; i++)
		json_array_append_new(rows, json_row(&t->rows[i]));
	return json_pack("{s:s,s:f,s:b,s:I,s:s,s:o}", "question", t->question, "seconds",
			 t->seconds, "gone", t->gone, "lost", (json_int_t)t->lost, "lacks",
			 t->lacks, "rows", rows);
}
