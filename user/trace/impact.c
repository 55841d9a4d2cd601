// SPDX-License-Identifier: GPL-2.0
/* The question of bpf/impact.bpf.c: where all the time goes that vCPUs are out of the guest. */
#include "impact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <impact.skel.h>
#include "../../bpf/impact.h"
#include "../xfer/clock.h"
#include "load.h"
#include "reasons.h"

static const char *const optional[] = { "kvm/kvm_pml_full", "kvm/kvm_vcpu_wakeup",
					"kvm/kvm_userspace_exit", "kvm/kvm_page_fault", NULL };

_Static_assert(KM_IMPACT_WAIT == (int)KM_STALL_WAIT && KM_IMPACT_KVM == (int)KM_STALL_KVM &&
		       KM_IMPACT_HALTED == (int)KM_STALLS,
	       "the same causes on both sides, and the one that is no stall");

_Static_assert(KM_IMPACT_PHASES < KM_IMPACT_PHASES_MAX, "and room for what comes after them");

static void close_impact(void *state)
{
	impact__destroy(state);
}

static int open_impact(void **state, pid_t pid, struct km_err *err)
{
	struct impact *skel;
	int rc = km_bpf_check("kvm/kvm_entry", err);

	if (rc)
		return rc;
	skel = impact__open();
	if (!skel)
		return km_bpf_failed(-errno, "impact", err);
	skel->rodata->tgid = (__u32)pid;
	skel->rodata->vmx = !access("/sys/module/kvm_intel", F_OK);
	bpf_program__set_autoload(skel->progs.on_pml_full, km_bpf_has(optional[0]));
	bpf_program__set_autoload(skel->progs.on_halted, km_bpf_has(optional[1]));
	bpf_program__set_autoload(skel->progs.on_return, km_bpf_has(optional[2]));
	bpf_program__set_autoload(skel->progs.on_fault, km_bpf_has(optional[3]));
	rc = impact__load(skel);
	if (!rc)
		rc = impact__attach(skel);
	if (rc) {
		impact__destroy(skel);
		return km_bpf_failed(rc, "impact", err);
	}
	__atomic_store_n(&skel->bss->on, true, __ATOMIC_RELEASE);
	*state = skel;
	return 0;
}

/* A piece of an absence that isn't over, and which the program has not put down yet. */
struct piece {
	unsigned int vcpu, cause;
	uint64_t from_ns, to_ns;
};

static unsigned int state_of(const struct km_impact_thread *t)
{
	switch (t->state) {
	case KM_IMPACT_ASLEEP:
		return km_impact_of_sleep(t);
	case KM_IMPACT_RUNNABLE:
		return KM_IMPACT_WAIT;
	case KM_IMPACT_OVER_QUOTA:
		return KM_IMPACT_THROTTLED;
	default:
		return km_impact_of_cpu(t);
	}
}

/* Of a thread that is out of the guest: at most two. */
static size_t open_pieces(const struct km_impact_thread *t, uint64_t until, struct piece p[2])
{
	size_t n = 0;

	if (!t->left_ns)
		return 0;
	if (t->slept_ns)
		p[n++] = (struct piece){ t->vcpu, km_impact_of_sleep(t), t->slept_ns, t->woken_ns };
	if (until > t->mark_ns)
		p[n++] = (struct piece){ t->vcpu, state_of(t), t->mark_ns, until };
	return n;
}

/* Each thread that is known; false at the end. */
static bool next_thread(const struct impact *skel, __u32 *key, bool *begun,
			struct km_impact_thread *t)
{
	int map = bpf_map__fd(skel->maps.threads);

	while (!bpf_map_get_next_key(map, *begun ? key : NULL, key)) {
		*begun = true;
		if (!bpf_map_lookup_elem(map, key, t))
			return true;
	}
	return false;
}

/* ---- over phases ---- */

void km_impact_phase(void *state, unsigned int phase, uint64_t begin_ns)
{
	struct impact *skel = state;

	skel->bss->phase_ns[phase] = begin_ns;
	__atomic_store_n(&skel->bss->phase, phase, __ATOMIC_RELEASE);
}

static struct km_impact_vcpu *vcpu_of(struct km_impact *out, unsigned int vcpu)
{
	for (unsigned int i = 0; i < out->vcpus; i++)
		if (out->vcpu[i].vcpu == vcpu)
			return &out->vcpu[i];
	if (out->vcpus == KM_IMPACT_VCPUS) {
		out->lost++;
		return NULL;
	}
	out->vcpu[out->vcpus].vcpu = vcpu;
	return &out->vcpu[out->vcpus++];
}

static void put(struct km_impact *out, unsigned int vcpu, unsigned int phase, unsigned int cause,
		double ms)
{
	struct km_impact_vcpu *v = vcpu_of(out, vcpu);

	if (!v)
		return;
	v->unexplained_ms -= ms;
	if (cause >= KM_STALLS)
		v->halted_ms += ms;
	else if (phase < KM_IMPACT_PHASES)
		v->ms[phase][cause] += ms;
}

/* As the program's charge() does. */
static void put_piece(struct km_impact *out, const struct impact *skel, const struct piece *p)
{
	unsigned int last = skel->bss->phase;

	for (unsigned int i = 0; i <= last; i++) {
		uint64_t from = skel->bss->phase_ns[i], to = p->to_ns;

		if (from < p->from_ns)
			from = p->from_ns;
		if (i < last && to > skel->bss->phase_ns[i + 1])
			to = skel->bss->phase_ns[i + 1];
		if (from < to)
			put(out, p->vcpu, i, p->cause, (double)(to - from) / 1e6);
	}
}

static int by_number(const void *a, const void *b)
{
	const struct km_impact_vcpu *x = a, *y = b;

	return (x->vcpu > y->vcpu) - (x->vcpu < y->vcpu);
}

int km_impact_read(void *state, struct km_impact *out, struct km_err *err)
{
	struct impact *skel = state;
	int map = bpf_map__fd(skel->maps.times);
	struct km_impact_key key, *last = NULL;
	uint64_t until_ns = km_now_ns();
	struct km_impact_thread t;
	struct km_bpf_hist *h = malloc(sizeof(*h));
	struct piece p[2];
	bool begun = false;
	__u32 tid = 0;

	if (!h)
		return km_err_set(err, -ENOMEM, "out of memory");
	/* Else an absence that ends amid the reading is in both maps, or in none. */
	impact__detach(skel);
	out->vcpus = 0;
	memset(out->vcpu, 0, sizeof(out->vcpu));
	out->lost = skel->bss->lost;
	while (next_thread(skel, &tid, &begun, &t)) {
		struct km_impact_vcpu *v = vcpu_of(out, t.vcpu);

		if (v)
			v->unexplained_ms += (double)t.absent_ns / 1e6;
		if (v && t.left_ns && until_ns > t.left_ns)
			v->unexplained_ms += (double)(until_ns - t.left_ns) / 1e6;
		for (size_t i = open_pieces(&t, until_ns, p); i--;)
			put_piece(out, skel, &p[i]);
	}
	while (!bpf_map_get_next_key(map, last, &key)) {
		last = &key;
		if (!bpf_map_lookup_elem(map, &key, h))
			put(out, key.vcpu, key.phase, key.cause, (double)h->sum_ns / 1e6);
	}
	free(h);
	qsort(out->vcpu, out->vcpus, sizeof(out->vcpu[0]), by_number);
	return 0;
}

/* ---- on arrival ---- */

int km_impact_await(void *state, const struct km_thread *t, size_t n, uint64_t for_ns)
{
	struct impact *skel = state;
	int map = bpf_map__fd(skel->maps.threads), rc = 0;

	for (size_t i = 0; !rc && i < n; i++) {
		struct km_impact_thread stands = { .vcpu = (__u32)t[i].vcpu,
						   .state = KM_IMPACT_ASLEEP,
						   .in_kvm = KM_IMPACT_HALTED, /* if it is */
						   .in_vmm = 1,
						   .by_signal = 1 };
		__u32 tid = (__u32)t[i].tid;

		if (t[i].kind != KM_THREAD_VCPU)
			continue;
		stands.left_ns = stands.mark_ns = km_now_ns();
		if (bpf_map_update_elem(map, &tid, &stands, BPF_ANY))
			rc = -errno;
	}
	skel->bss->arrival_ns = for_ns;
	return rc;
}

uint64_t km_impact_arrived_ns(const void *state)
{
	const struct impact *skel = state;

	return skel->bss->phase ? skel->bss->phase_ns[1] : 0;
}

int km_impact_read_arrival(void *state, struct km_arrival *out, struct km_err *err)
{
	const struct impact *skel = state;
	struct km_impact *all = malloc(sizeof(*all));
	struct km_impact_thread t;
	bool begun = false;
	__u32 tid = 0;
	int rc = all ? km_impact_read(state, all, err) : km_err_set(err, -ENOMEM, "out of memory");

	out->vcpus = rc ? 0 : all->vcpus;
	out->lost = rc ? 0 : all->lost;
	for (unsigned int i = 0; i < out->vcpus; i++) {
		struct km_arrival_vcpu *v = &out->vcpu[i];

		memset(v, 0, sizeof(*v));
		v->vcpu = all->vcpu[i].vcpu;
		v->unexplained_ms = all->vcpu[i].unexplained_ms;
		memcpy(v->ms, all->vcpu[i].ms[1], sizeof(v->ms));
	}
	free(all);
	while (next_thread(skel, &tid, &begun, &t)) {
		unsigned int i = 0;

		while (i < out->vcpus && out->vcpu[i].vcpu != t.vcpu)
			i++;
		if (i == out->vcpus)
			continue;
		out->vcpu[i].entered_ns = t.entered_ns;
		out->vcpu[i].exited_ns = t.exited_ns;
		out->vcpu[i].idle = t.idle;
		if (t.exited_ns)
			km_reason_name(out->vcpu[i].exit, sizeof(out->vcpu[i].exit), t.exit_isa,
				       t.exit_reason);
	}
	return rc;
}

/* ---- as a question: without phases ---- */

static const char *const words[KM_IMPACT_CAUSES] = {
	[KM_IMPACT_WAIT] = "no CPU: runnable, others had it",
	[KM_IMPACT_THROTTLED] = "no CPU: throttled, by cpu.max",
	[KM_IMPACT_STOPPED] = "stopped by the VMM",
	[KM_IMPACT_VMM] = "in the VMM: asleep (devices, locks)",
	[KM_IMPACT_EMULATED] = "in the VMM: on a CPU",
	[KM_IMPACT_TRACKING] = "in KVM: page tracking",
	[KM_IMPACT_TOUCH] = "in KVM: first touch of a page",
	[KM_IMPACT_BLOCKED] = "in KVM: asleep, not for a halt",
	[KM_IMPACT_KVM] = "in KVM: other exits",
	[KM_IMPACT_HALTED] = "halted: nothing to do",
};

static bool name_row(struct km_trace_row *row, const void *map_key)
{
	const struct km_impact_key *key = map_key;

	if (key->cause >= KM_IMPACT_CAUSES)
		return false;
	snprintf(row->what, sizeof(row->what), "%s", words[key->cause]);
	row->vcpu = key->vcpu;
	return true;
}

static void add_piece(struct km_trace *out, const struct piece *p)
{
	size_t i = 0;

	while (i < out->n &&
	       (out->rows[i].vcpu != p->vcpu || strcmp(out->rows[i].what, words[p->cause])))
		i++;
	if (i == KM_IMPACT_KEYS)
		return;
	if (i == out->n) {
		snprintf(out->rows[i].what, sizeof(out->rows[i].what), "%s", words[p->cause]);
		out->rows[i].vcpu = p->vcpu;
		out->n++;
	}
	out->rows[i].events++;
	km_hist_add(&out->rows[i].hist, p->to_ns - p->from_ns);
}

static int read_impact(void *state, struct km_trace *out, struct km_err *err)
{
	const struct impact *skel = state;
	uint64_t until = km_now_ns();
	struct km_impact_thread t;
	struct piece p[2];
	bool begun = false;
	__u32 tid = 0;

	out->n = 0;
	out->lost = skel->bss->lost;
	out->rows = calloc(KM_IMPACT_KEYS, sizeof(*out->rows));
	if (!out->rows)
		return km_err_set(err, -ENOMEM, "out of memory");
	km_bpf_read_hists(skel->maps.times, name_row, out, KM_IMPACT_KEYS);
	while (next_thread(skel, &tid, &begun, &t))
		for (size_t i = open_pieces(&t, until, p); i--;)
			add_piece(out, &p[i]);
	km_trace_sort(out->rows, out->n);
	return 0;
}

const struct km_question km_question_impact = {
	.name = "impact",
	.asks = "what keeps vCPUs from running, all of it, by cause",
	.probes = "tracepoint:kvm:kvm_exit, rawtracepoint:kvm_entry, "
		  "tracepoint:kvm:kvm_page_fault, tracepoint:kvm:kvm_pml_full, "
		  "tracepoint:kvm:kvm_userspace_exit, tracepoint:kvm:kvm_vcpu_wakeup, "
		  "rawtracepoint:sched_switch, rawtracepoint:sched_wakeup",
	.optional = optional,
	.open = open_impact,
	.read = read_impact,
	.close = close_impact,
};
