// SPDX-License-Identifier: GPL-2.0
/* The question of bpf/stalls.bpf.c: when vCPUs wait for a CPU, and who runs instead. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>
#include <stalls.skel.h>
#include "../../bpf/stalls.h"
#include "load.h"
#include "trace.h"
#include "who.h"

#define ROWS_MAX (KM_STALLS_THREADS + KM_STALLS_OTHERS)

static const char *const optional[] = { "kvm/kvm_vcpu_wakeup", NULL };

static void close_stalls(void *state)
{
	stalls__destroy(state);
}

static int open_stalls(void **state, pid_t pid, struct km_err *err)
{
	struct stalls *skel;
	int rc = km_bpf_check("kvm/kvm_entry", err);

	if (rc)
		return rc;
	skel = stalls__open();
	if (!skel)
		return km_bpf_failed(-errno, "stalls", err);
	skel->rodata->tgid = (__u32)pid;
	bpf_program__set_autoload(skel->progs.on_halted, km_bpf_has(optional[0]));
	rc = bpf_map__set_max_entries(skel->maps.queues, (__u32)libbpf_num_possible_cpus());
	if (!rc)
		rc = stalls__load(skel);
	if (!rc) {
		/* The others come when they next enter the guest. */
		km_bpf_add_vcpus(bpf_map__fd(skel->maps.threads), pid);
		rc = stalls__attach(skel);
	}
	if (rc) {
		stalls__destroy(skel);
		return km_bpf_failed(rc, "stalls", err);
	}
	*state = skel;
	return 0;
}

static bool name_wait(struct km_trace_row *row, const void *map_key)
{
	const struct km_stalls_key *key = map_key;

	snprintf(row->what, sizeof(row->what), "runnable, not running");
	row->vcpu = key->vcpu;
	return key->kind == KM_STALLS_WAIT;
}

static bool name_rest(struct km_trace_row *row, const void *map_key)
{
	static const char *const names[] = {
		[KM_STALLS_BLOCKED] = "halted, asleep",
		[KM_STALLS_POLLED] = "halted, polling",
		[KM_STALLS_THROTTLED] = "throttled, by cpu.max of its cgroup",
	};
	const struct km_stalls_key *key = map_key;

	if (key->kind == KM_STALLS_WAIT || key->kind > KM_STALLS_THROTTLED)
		return false;
	snprintf(row->what, sizeof(row->what), "%s", names[key->kind]);
	row->vcpu = key->vcpu;
	return true;
}

/* A vCPU that waits right now has waited so long, though that isn't all. */
static void add_open_waits(const struct stalls *skel, struct km_trace *out)
{
	int map = bpf_map__fd(skel->maps.threads);
	struct km_stalls_thread t;
	struct timespec now;
	__u32 key, *last = NULL;

	while (!bpf_map_get_next_key(map, last, &key)) {
		__s64 ns;

		last = &key;
		if (bpf_map_lookup_elem(map, &key, &t) || !t.since_ns || t.throttled)
			continue;
		clock_gettime(CLOCK_MONOTONIC, &now);
		ns = now.tv_sec * 1000000000ll + now.tv_nsec - (__s64)t.since_ns;
		for (size_t i = 0; i < out->n && ns >= 0; i++)
			if (out->rows[i].vcpu == t.vcpu)
				km_hist_add(&out->rows[i].hist, (uint64_t)ns);
	}
}

/* What nobody was charged with, of the vCPU in rows[i]. */
static void add_unknown(struct km_trace *out, size_t i, size_t others)
{
	struct km_trace_row *row = &out->rows[out->n];
	uint64_t known = 0;

	for (size_t j = others; j < out->n; j++)
		if (out->rows[j].vcpu == out->rows[i].vcpu)
			known += out->rows[j].hist.sum_ns;
	if (known >= out->rows[i].hist.sum_ns || out->n == ROWS_MAX)
		return;
	snprintf(row->what, sizeof(row->what), "ran instead: not known");
	row->vcpu = out->rows[i].vcpu;
	row->hist.sum_ns = out->rows[i].hist.sum_ns - known;
	out->n++;
}

static void read_others(const struct stalls *skel, struct km_trace *out)
{
	int map = bpf_map__fd(skel->maps.others);
	size_t first = out->n;
	struct km_stalls_other key, *last = NULL;
	struct km_stalls_slices v;

	while (out->n < ROWS_MAX && !bpf_map_get_next_key(map, last, &key)) {
		struct km_trace_row *row = &out->rows[out->n];
		int head;

		last = &key;
		if (bpf_map_lookup_elem(map, &key, &v))
			continue;
		head = snprintf(row->what, sizeof(row->what), "ran instead: ");
		km_who_name(row->what + head, sizeof(row->what) - (size_t)head, key.comm,
			    (pid_t)key.tgid, key.kernel, (pid_t)skel->rodata->tgid);
		row->vcpu = key.vcpu;
		row->events = row->hist.n = v.n;
		row->hist.sum_ns = v.sum_ns;
		out->n++;
	}
	for (size_t i = 0; i < first; i++)
		add_unknown(out, i, first);
	km_trace_sort(out->rows + first, out->n - first);
}

static int read_stalls(void *state, struct km_trace *out, struct km_err *err)
{
	struct stalls *skel = state;

	out->n = 0;
	out->lost = skel->bss->lost;
	out->rows = calloc(ROWS_MAX, sizeof(*out->rows));
	if (!out->rows)
		return km_err_set(err, -ENOMEM, "out of memory");
	km_bpf_read_hists(skel->maps.times, name_wait, out, ROWS_MAX);
	add_open_waits(skel, out);
	read_others(skel, out);
	km_bpf_read_hists(skel->maps.times, name_rest, out, ROWS_MAX);
	return 0;
}

const struct km_question km_question_stalls = {
	.name = "stalls",
	.asks = "how long vCPUs wait for a CPU, and who runs instead",
	.probes = "rawtracepoint:sched_switch, rawtracepoint:sched_wakeup, "
		  "rawtracepoint:sched_migrate_task, tracepoint:kvm:kvm_entry, "
		  "tracepoint:kvm:kvm_vcpu_wakeup",
	.optional = optional,
	.open = open_stalls,
	.read = read_stalls,
	.close = close_stalls,
};
