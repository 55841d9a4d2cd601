// SPDX-License-Identifier: GPL-2.0
/* The question of bpf/power.bpf.c: how CPUs sleep and wake, and how fast they run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>
#include <power.skel.h>
#include "../../bpf/power.h"
#include "load.h"
#include "trace.h"

#define CPU "/sys/devices/system/cpu/cpu%u/"

/* A stay at a frequency that isn't over may be at one of its own. */
#define ROWS_MAX (KM_POWER_KEYS + (size_t)libbpf_num_possible_cpus())

static const char *const optional[] = { "power/cpu_idle", "power/cpu_frequency", NULL };

static void close_power(void *state)
{
	power__destroy(state);
}

/* The first word of a file of sysfs; false if there is none. */
static bool first_word(const char *path, char word[32])
{
	FILE *f = fopen(path, "r");
	bool found = f && fscanf(f, "%31s", word) == 1;

	if (f)
		fclose(f);
	return found;
}

/* What a CPU's frequency is before it first changes. */
static void add_frequencies(const struct power *skel)
{
	__u32 n = bpf_map__max_entries(skel->maps.cpus);

	for (__u32 cpu = 0; cpu < n; cpu++) {
		struct km_power_cpu c = { 0 };
		char path[96], khz[32];

		snprintf(path, sizeof(path), CPU "cpufreq/scaling_cur_freq", cpu);
		if (!first_word(path, khz))
			continue;
		c.step = (__u32)strtoul(khz, NULL, 10) / KM_POWER_STEP_KHZ;
		bpf_map_update_elem(bpf_map__fd(skel->maps.cpus), &cpu, &c, BPF_ANY);
	}
}

static int open_power(void **state, pid_t pid, struct km_err *err)
{
	struct power *skel;
	int rc = km_bpf_check("kvm/kvm_entry", err);

	if (rc)
		return rc;
	skel = power__open();
	if (!skel)
		return km_bpf_failed(-errno, "power", err);
	skel->rodata->tgid = (__u32)pid;
	skel->rodata->idle_known = km_bpf_has(optional[0]);
	bpf_program__set_autoload(skel->progs.on_idle, km_bpf_has(optional[0]));
	bpf_program__set_autoload(skel->progs.on_frequency, km_bpf_has(optional[1]));
	rc = bpf_map__set_max_entries(skel->maps.cpus, (__u32)libbpf_num_possible_cpus());
	if (!rc)
		rc = power__load(skel);
	if (!rc) {
		km_bpf_add_vcpus(bpf_map__fd(skel->maps.vcpus), pid);
		add_frequencies(skel);
		rc = power__attach(skel);
	}
	if (rc) {
		power__destroy(skel);
		return km_bpf_failed(rc, "power", err);
	}
	*state = skel;
	return 0;
}

static bool name_wake(struct km_trace_row *row, const void *map_key)
{
	const struct km_power_key *key = map_key;

	if (key->value == KM_POWER_BUSY)
		snprintf(row->what, sizeof(row->what), "woken where the CPU was busy");
	else if (key->value == KM_POWER_UNKNOWN)
		snprintf(row->what, sizeof(row->what), "woken");
	else
		snprintf(row->what, sizeof(row->what), "woken from idle, state %u", key->value);
	row->vcpu = key->who;
	return key->kind == KM_POWER_WAKE;
}

/* Without a driver there are no names, and halting is state 1 (default_idle_call()). */
static bool name_idle(struct km_trace_row *row, const void *map_key)
{
	const struct km_power_key *key = map_key;
	char path[96], name[32];

	if (key->kind != KM_POWER_IDLE)
		return false;
	snprintf(path, sizeof(path), CPU "cpuidle/state%u/name", key->who, key->value);
	if (!first_word(path, name))
		name[0] = '\0';
	snprintf(row->what, sizeof(row->what), "CPU %u idle, state %u%s%s%s", key->who, key->value,
		 *name ? " (" : "", name, *name ? ")" : "");
	row->vcpu = KM_TRACE_NO_VCPU;
	return true;
}

static void name_step(struct km_trace_row *row, unsigned int cpu, unsigned int step)
{
	snprintf(row->what, sizeof(row->what), "CPU %u at %u MHz", cpu,
		 step * (KM_POWER_STEP_KHZ / 1000));
	row->vcpu = KM_TRACE_NO_VCPU;
}

static bool name_freq(struct km_trace_row *row, const void *map_key)
{
	const struct km_power_key *key = map_key;

	name_step(row, key->who, key->value);
	return key->kind == KM_POWER_FREQ;
}

/* Where a CPU's frequency changed, its present one has been so until now. */
static void add_open_stays(const struct power *skel, struct km_trace *out, size_t first)
{
	__u32 n = bpf_map__max_entries(skel->maps.cpus);
	struct km_power_cpu c;
	struct timespec now;
	size_t i;

	for (__u32 cpu = 0; cpu < n; cpu++) {
		struct km_trace_row row = { 0 };
		__s64 ns;

		if (bpf_map_lookup_elem(bpf_map__fd(skel->maps.cpus), &cpu, &c) || !c.changes)
			continue;
		clock_gettime(CLOCK_MONOTONIC, &now);
		ns = now.tv_sec * 1000000000ll + now.tv_nsec - (__s64)c.step_from_ns;
		name_step(&row, cpu, c.step);
		for (i = first; i < out->n && strcmp(out->rows[i].what, row.what); i++)
			;
		if (i == out->n)
			out->rows[out->n++] = row;
		out->rows[i].events++;
		km_hist_add(&out->rows[i].hist, ns > 0 ? (uint64_t)ns : 0);
	}
	km_trace_sort(out->rows + first, out->n - first);
}

static int read_power(void *state, struct km_trace *out, struct km_err *err)
{
	struct power *skel = state;
	size_t first;

	out->n = 0;
	out->lost = skel->bss->lost;
	out->rows = calloc(ROWS_MAX, sizeof(*out->rows));
	if (!out->rows)
		return km_err_set(err, -ENOMEM, "out of memory");
	km_bpf_read_hists(skel->maps.times, name_wake, out, KM_POWER_KEYS);
	km_bpf_read_hists(skel->maps.times, name_idle, out, KM_POWER_KEYS);
	first = out->n;
	km_bpf_read_hists(skel->maps.times, name_freq, out, KM_POWER_KEYS);
	add_open_stays(skel, out, first);
	return 0;
}

const struct km_question km_question_power = {
	.name = "power",
	.asks = "how long threads take to wake, how CPUs sleep, at which frequency they run",
	.probes = "rawtracepoint:sched_waking, rawtracepoint:sched_wakeup, "
		  "rawtracepoint:sched_switch, tracepoint:kvm:kvm_entry, "
		  "tracepoint:power:cpu_idle, tracepoint:power:cpu_frequency",
	.optional = optional,
	.open = open_power,
	.read = read_power,
	.close = close_power,
};
