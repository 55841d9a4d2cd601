// SPDX-License-Identifier: GPL-2.0
/* Answers of eBPF programs: the names of exits, and how histograms are drawn. */
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "report/trace.h"
#include "trace/reasons.h"
#include "trace/who.h"

static void reason(bool *ok)
{
	char b[48];

	/* Numbers from AMD's APM 2, appendix C, and Intel's SDM 3D, appendix C. */
	km_reason_name(b, sizeof(b), 2, 0x78);
	CHECK(!strcmp(b, "hlt"));
	km_reason_name(b, sizeof(b), 2, 0x400);
	CHECK(!strcmp(b, "npf"));
	km_reason_name(b, sizeof(b), 2, 0xffffffff);
	CHECK(!strcmp(b, "invalid_guest_state"));
	km_reason_name(b, sizeof(b), 1, 62);
	CHECK(!strcmp(b, "pml_full"));
	km_reason_name(b, sizeof(b), 1, 0x80000021);
	CHECK(!strcmp(b, "invalid_state (failed entry)"));
	km_reason_name(b, sizeof(b), 2, 0x7777);
	CHECK(!strcmp(b, "svm 0x7777"));
	km_reason_name(b, sizeof(b), 9, 1);
	CHECK(!strcmp(b, "unknown 0x1"));
	km_reason_name(b, 4, 1, 62);
	CHECK(!strcmp(b, "pml"));
}

static char *drawn(const struct km_trace *t)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	km_text_trace(f, t);
	fclose(f);
	return text;
}

static void histogram(bool *ok)
{
	struct km_trace_row row = { .what = "io", .vcpu = 3, .events = 8 };
	struct km_trace t = { .question = "exits", .seconds = 2, .n = 1, .rows = &row };
	char *text;

	row.hist.n = 7;
	row.hist.sum_ns = 7000;
	row.hist.slots[9] = 2;
	row.hist.slots[10] = 4;
	row.hist.slots[12] = 1;
	text = drawn(&t);
	CHECK(strstr(text, "@ns[io, vcpu 3]:\n"));
	/* 52 columns for the largest, the others to scale, gaps shown, nothing outside. */
	CHECK(strstr(text, "[512, 1K)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@ "));
	CHECK(strstr(text, "[1K, 2K)                  4 |"
			   "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"));
	CHECK(strstr(text, "[2K, 4K)                  0 |  "));
	CHECK(strstr(text, "[4K, 8K)                  1 |@@@@@@@@@@@@@ "));
	CHECK(!strstr(text, "[256, 512)") && !strstr(text, "[8K, 16K)"));
	CHECK(!strstr(text, "lost"));
	free(text);
	/* The ends of the scale: 0 belongs to the first slot. */
	memset(row.hist.slots, 0, sizeof(row.hist.slots));
	row.hist.slots[0] = 1;
	row.hist.slots[KM_HIST_SLOTS - 1] = UINT64_MAX / 64;
	t.lost = 5;
	text = drawn(&t);
	CHECK(strstr(text, "[0, 2) "));
	CHECK(strstr(text, "[8E, 16E)"));
	CHECK(strstr(text, "5 events were lost"));
	free(text);
	t.n = 0;
	text = drawn(&t);
	CHECK(strstr(text, "exits, 2.0 s\n") && strstr(text, "nothing happened\n"));
	free(text);
	t.gone = t.no_vcpus = true;
	text = drawn(&t);
	CHECK(strstr(text, "exits, 2.0 s, until the process was gone\n"));
	CHECK(strstr(text, "nothing happened: the guest has no vCPUs yet\n"));
	free(text);
}

/* Rows that have a sum only are in the table and nowhere else; what is left out is said. */
static void table(bool *ok)
{
	struct km_trace_row row = { .what = "ran instead: hog, 7", .vcpu = 3, .events = 2 };
	struct km_trace t = { .question = "stalls", .seconds = 2, .n = 1, .rows = &row };
	char *text;

	row.hist.n = 2;
	row.hist.sum_ns = 3000000;
	strcpy(t.lacks, "kvm/a, kvm/b");
	text = drawn(&t);
	CHECK(strstr(text, "ran instead: hog, 7                          3 "));
	CHECK(strstr(text, "1.5 ms") || strstr(text, "1.50 ms"));
	CHECK(!strstr(text, "@ns["));
	CHECK(strstr(text, "lacks them: kvm/a, kvm/b\n"));
	free(text);
	row.vcpu = KM_TRACE_NO_VCPU;
	text = drawn(&t);
	CHECK(strstr(text, "ran instead: hog, 7                          - "));
	free(text);
	/* What is only counted took no time that is known. */
	row.hist.n = row.hist.sum_ns = 0;
	text = drawn(&t);
	CHECK(strstr(text, " 2            -            -\n"));
	free(text);
}

static void slots(bool *ok)
{
	struct km_hist h = { 0 };

	km_hist_add(&h, 0);
	km_hist_add(&h, 1);
	km_hist_add(&h, 1023);
	km_hist_add(&h, 1024);
	km_hist_add(&h, UINT64_MAX >> 1);
	km_hist_add(&h, UINT64_MAX);
	CHECK(h.n == 6);
	CHECK(h.slots[0] == 2 && h.slots[9] == 1 && h.slots[10] == 1);
	CHECK(h.slots[62] == 1 && h.slots[63] == 1);
}

static bool named(const char *comm, pid_t tgid, bool kernel, const char *want)
{
	char b[48];

	km_who_name(b, sizeof(b), comm, tgid, kernel, 100);
	return !strcmp(b, want);
}

static void who(bool *ok)
{
	CHECK(named("swapper/1", 0, true, "nobody (idle or throttled)"));
	CHECK(named("kworker/1:0", 33, true, "kernel thread kworker/1:0"));
	CHECK(named("CPU 3/KVM", 100, false, "its own vCPU 3"));
	CHECK(named("live_migration", 100, false, "its own migration, live_migration"));
	CHECK(named("multifdsend_1", 100, false, "its own migration, multifdsend_1"));
	CHECK(named("IO iothread0", 100, false, "its own VMM, IO iothread0"));
	CHECK(named("CPU 0/KVM", 200, false, "another guest, 200, vCPU 0"));
	CHECK(named("live_migration", 200, false, "another's migration, 200, live_migration"));
	CHECK(named("kmigrate", 300, false, "kmigrate, 300"));
	/* What another process calls itself does nothing to a terminal. */
	CHECK(named("\033[2J\n", 300, false, "?[2J?, 300"));
}

static void json(bool *ok)
{
	struct km_trace_row row = { .what = "hlt", .events = 2, .hist = { .n = 1, .sum_ns = 5 } };
	struct km_trace t = { .question = "exits", .seconds = 1.5, .n = 1, .rows = &row };
	json_t *j, *r;

	row.hist.slots[0] = 1;
	j = km_json_trace(&t);
	r = json_array_get(json_object_get(j, "rows"), 0);
	CHECK(json_integer_value(json_object_get(r, "count")) == 2);
	CHECK(json_integer_value(json_object_get(r, "timed")) == 1);
	CHECK(json_integer_value(json_object_get(r, "sum_ns")) == 5);
	CHECK(json_is_null(json_object_get(r, "at_ns")));
	r = json_object_get(r, "histogram");
	CHECK(json_array_size(r) == 1);
	CHECK(json_integer_value(json_object_get(json_array_get(r, 0), "from_ns")) == 0);
	CHECK(!strcmp(json_string_value(json_object_get(j, "lacks")), ""));
	CHECK(json_is_false(json_object_get(j, "gone")));
	r = json_array_get(json_object_get(j, "rows"), 0);
	CHECK(json_integer_value(json_object_get(r, "vcpu")) == 0);
	json_decref(j);
	row.vcpu = KM_TRACE_NO_VCPU;
	row.at_ns = 7000000000;
	j = km_json_trace(&t);
	r = json_array_get(json_object_get(j, "rows"), 0);
	CHECK(json_integer_value(json_object_get(r, "at_ns")) == 7000000000);
	CHECK(json_is_null(json_object_get(r, "vcpu")));
	json_decref(j);
}

static const struct ktap_case cases[] = {
	{ "names of exits", reason },
	{ "histograms as bpftrace's", histogram },
	{ "sums without a histogram, and what is left out", table },
	{ "slots of histograms", slots },
	{ "who ran instead", who },
	{ "JSON of an answer", json },
};

KTAP_MAIN(cases)
