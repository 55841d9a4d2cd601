// SPDX-License-Identifier: GPL-2.0
/* The question of bpf/pause.bpf.c: when no vCPU of the guest ran at all. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <bpf/bpf.h>
#include <pause.skel.h>
#include "../../bpf/pause.h"
#include "../host/threads.h"
#include "../xfer/clock.h"
#include "load.h"
#include "reasons.h"
#include "trace.h"

#define THRESHOLD_NS 1000000ull /* what is shorter is the work of exits (the question exits) */
#define ROWS_MAX     (KM_PAUSE_GAPS + 1 + KM_PAUSE_ABSENCES + 8)

static const char *const optional[] = { "kvm/kvm_vcpu_wakeup", NULL };

static void close_pause(void *state)
{
	pause__destroy(state);
}

/* Room for twice as many threads as the VMM has now: for_each looks into each bucket of the map,
 * and a vCPU that comes back waits for it. */
static __u32 room_for(pid_t pid)
{
	struct km_err ignored = { 0 };
	struct km_thread *t;
	size_t n;

	if (km_threads_read(pid, &t, &n, &ignored))
		return KM_PAUSE_THREADS;
	free(t);
	return 2 * n < 16 ? 16 : 2 * n > KM_PAUSE_THREADS ? KM_PAUSE_THREADS : (__u32)(2 * n);
}

static int open_pause(void **state, pid_t pid, struct km_err *err)
{
	struct pause *skel;
	int rc = km_bpf_check("kvm/kvm_userspace_exit", err);

	if (rc)
		return rc;
	skel = pause__open();
	if (!skel)
		return km_bpf_failed(-errno, "pause", err);
	skel->rodata->tgid = (__u32)pid;
	skel->rodata->threshold_ns = THRESHOLD_NS;
	bpf_program__set_autoload(skel->progs.on_halted, km_bpf_has(optional[0]));
	rc = bpf_map__set_max_entries(skel->maps.threads, room_for(pid));
	if (!rc)
		rc = pause__load(skel);
	if (!rc)
		rc = pause__attach(skel);
	if (rc) {
		pause__destroy(skel);
		return km_bpf_failed(rc, "pause", err);
	}
	skel->bss->opened_ns = km_now_ns();
	*state = skel;
	return 0;
}

/* A stop and when it began; end_ns 0: it isn't over. */
struct stop {
	__u64 begin_ns;
	struct km_pause_gap gap;
};

static int by_begin(const void *a, const void *b)
{
	const struct stop *x = a, *y = b;

	return (x->begin_ns > y->begin_ns) - (x->begin_ns < y->begin_ns);
}

static size_t read_stops(const struct pause *skel, struct stop *stops)
{
	int map = bpf_map__fd(skel->maps.gaps);
	__u64 key, *last = NULL;
	size_t n = 0;

	while (n < KM_PAUSE_GAPS && !bpf_map_get_next_key(map, last, &key)) {
		struct stop *s = &stops[n];

		last = &key;
		s->begin_ns = key;
		if (!bpf_map_lookup_elem(map, &key, &s->gap) && s->gap.end_ns > skel->bss->void_ns)
			n++;
	}
	qsort(stops, n, sizeof(*stops), by_begin);
	return n;
}

/* Nobody has run for a while, and the VMM keeps all of them out. */
static bool find_open(const struct pause *skel, struct stop *open)
{
	int map = bpf_map__fd(skel->maps.threads);
	struct km_pause_thread t;
	__u32 key, *last = NULL;
	bool by_signal = false, all = true;

	*open = (struct stop){ .gap.kind = KM_PAUSE_STOPPED };
	while (!bpf_map_get_next_key(map, last, &key)) {
		last = &key;
		if (bpf_map_lookup_elem(map, &key, &t))
			continue;
		if (t.entered_ns > t.left_ns)
			return false;
		by_signal |= t.returned_ns && t.by_signal;
		all &= t.returned_ns || !t.left_ns;
		if (t.left_ns <= open->begin_ns)
			continue;
		open->begin_ns = t.left_ns;
		open->gap.vcpu = t.vcpu;
	}
	return by_signal && all && km_now_ns() - open->begin_ns >= THRESHOLD_NS;
}

static struct km_trace_row *add_row(struct km_trace *out, __u32 vcpu, __u64 at_ns, __u64 end_ns)
{
	struct km_trace_row *row = &out->rows[out->n++];

	row->vcpu = vcpu;
	row->events = 1;
	row->at_ns = at_ns;
	row->hist.n = !!end_ns;
	row->hist.sum_ns = (end_ns ? end_ns : km_now_ns()) - at_ns;
	return row;
}

static void name_reason(char buf[19], const struct km_pause_reason *r)
{
	if (r->isa)
		km_reason_name(buf, 19, r->isa, r->number);
	else
		snprintf(buf, 19, "?");
}

/* Each vCPU's part in the stop: the absences that have all of it within them. */
static void add_absences(const struct pause *skel, const struct stop *s, uint8_t nr,
			 struct km_trace *out)
{
	int map = bpf_map__fd(skel->maps.absences);
	struct km_pause_absence_key key, *last = NULL;
	struct km_pause_absence a;
	size_t first = out->n;

	while (out->n < ROWS_MAX - 8 && !bpf_map_get_next_key(map, last, &key)) {
		char left[19], next[19];

		last = &key;
		if (bpf_map_lookup_elem(map, &key, &a) || key.left_ns > s->begin_ns ||
		    a.entered_ns < s->gap.end_ns)
			continue;
		name_reason(left, &a.left);
		name_reason(next, &a.next);
		snprintf(add_row(out, (__u32)key.vcpu, key.left_ns, a.entered_ns)->what,
			 sizeof(out->rows->what), "stop %hhu: left for %s, next %s", nr, left,
			 next);
	}
	km_trace_sort(out->rows + first, out->n - first);
}

static void add_stop(const struct pause *skel, const struct stop *s, uint8_t nr,
		     struct km_trace *out)
{
	double at_s = (double)(s->begin_ns - skel->bss->opened_ns) / 1e9;
	struct km_trace_row *row = add_row(out, s->gap.vcpu, s->begin_ns, s->gap.end_ns);

	snprintf(row->what, sizeof(row->what), "stop %hhu, %.3f s in%s: nobody ran", nr, at_s,
		 !s->gap.end_ns		       ? ", not over" :
		 s->gap.kind == KM_PAUSE_FIRST ? ", or before" :
						 "");
	if (s->gap.end_ns)
		add_absences(skel, s, nr, out);
}

static bool name_other(struct km_trace_row *row, const void *map_key)
{
	static const char *const names[] = {
		[KM_PAUSE_VMM] = "nobody ran: in the VMM",
		[KM_PAUSE_HALTED] = "nobody ran: halted",
		[KM_PAUSE_KVM] = "nobody ran: in KVM, or no CPU",
	};
	const __u32 *kind = map_key;

	if (*kind < KM_PAUSE_VMM || *kind > KM_PAUSE_KVM)
		return false;
	snprintf(row->what, sizeof(row->what), "%s", names[*kind]);
	row->vcpu = KM_TRACE_NO_VCPU;
	return true;
}

static int read_pause(void *state, struct km_trace *out, struct km_err *err)
{
	struct pause *skel = state;
	struct stop stops[KM_PAUSE_GAPS + 1];
	size_t n = read_stops(skel, stops);

	out->n = 0;
	out->lost = skel->bss->lost;
	out->rows = calloc(ROWS_MAX, sizeof(*out->rows));
	if (!out->rows)
		return km_err_set(err, -ENOMEM, "out of memory");
	n += find_open(skel, &stops[n]);
	for (size_t i = 0; i < n && out->n < ROWS_MAX - 8; i++)
		add_stop(skel, &stops[i], (uint8_t)(i + 1), out);
	km_bpf_read_hists(skel->maps.others, name_other, out, ROWS_MAX);
	return 0;
}

const struct km_question km_question_pause = {
	.name = "pause",
	.asks = "when no vCPU ran at all: stops, and what was around them",
	.probes = "tracepoint:kvm:kvm_entry, tracepoint:kvm:kvm_exit, "
		  "tracepoint:kvm:kvm_userspace_exit, tracepoint:kvm:kvm_vcpu_wakeup",
	.optional = optional,
	.open = open_pause,
	.read = read_pause,
	.close = close_pause,
};
