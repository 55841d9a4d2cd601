// SPDX-License-Identifier: GPL-2.0
/*
 * When did no vCPU of a VM run guest code, for how long, and what ended it?
 *
 * A vCPU that enters the guest after a long absence looks at all the others: if none is in the
 * guest, nobody ran since the last of them left. Stops are kept one by one, with each vCPU's
 * part in them; the rest, such as the sleep of an idle guest, as histograms.
 */
#include "vmlinux.h"
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "hist.bpf.h"
#include "pause.h"
#include "process.bpf.h"
#include "vmexit.bpf.h"

/*
 * A vCPU in the guest that has not been seen yet is not known to be there, but it leaves with
 * the host's next tick: what is not kept one by one begins to count after some of them.
 */
#define SETTLE_NS	20000000ull

const volatile __u64 threshold_ns = 0;

/* Since when it watches; 0: not yet. */
__u64 opened_ns = 0;
/* A vCPU was in the guest from before the watch until then: no gap that ended before is one. */
__u64 void_ns = 0;
/* The last gap, and the last stop. */
__u64 gap_ns = 0, stop_ns = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_PAUSE_THREADS);
	__type(key, __u32); /* thread */
	__type(value, struct km_pause_thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_PAUSE_GAPS);
	__type(key, __u64); /* when it began */
	__type(value, struct km_pause_gap);
} gaps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_PAUSE_ABSENCES);
	__type(key, struct km_pause_absence_key);
	__type(value, struct km_pause_absence);
} absences SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32); /* kind */
	__type(value, struct km_bpf_hist);
} others SEC(".maps");

static __always_inline _Bool ours(void)
{
	return opened_ns && km_ours();
}

/* The current thread's, made if there is none. */
static __always_inline struct km_pause_thread *self(__u32 vcpu)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct km_pause_thread new = { .vcpu = vcpu }, *t;

	t = bpf_map_lookup_elem(&threads, &thread);
	if (t) {
		t->vcpu = vcpu;
		return t;
	}
	if (bpf_map_update_elem(&threads, &thread, &new, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
	return bpf_map_lookup_elem(&threads, &thread);
}

struct look {
	__u64 last_ns; /* when the last one left */
	__u32 inside;
	__u32 in_kvm; /* some are out, and not by the VMM's will */
};

static long look_at(void *map, __u32 *key, struct km_pause_thread *t, struct look *l)
{
	if (t->entered_ns > t->left_ns) {
		l->inside = 1;
		return 1; /* the end of it */
	}
	if (t->left_ns > l->last_ns)
		l->last_ns = t->left_ns;
	if (t->left_ns && !t->returned_ns)
		l->in_kvm = 1;
	return 0;
}

static __always_inline __u32 kind_of(const struct km_pause_thread *t, const struct look *l,
				     __u64 now)
{
	if (!t->left_ns && l->last_ns == opened_ns && !t->was_asleep)
		return KM_PAUSE_FIRST;
	/* The VMM has stopped some only, and the rest got no CPU, or slept. */
	if (t->by_signal && t->returned_ns && l->in_kvm)
		return KM_PAUSE_KVM;
	/* A halted vCPU that gets a signal goes to the VMM and back to sleep. */
	if (t->returned_ns && now - t->returned_ns >= t->asleep_ns + threshold_ns)
		return t->by_signal ? KM_PAUSE_STOPPED : KM_PAUSE_VMM;
	return km_is_halt(t->reason.isa, t->reason.number) ? KM_PAUSE_HALTED : KM_PAUSE_KVM;
}

static __always_inline void keep_gap(const struct km_pause_thread *t, const struct look *l,
				     __u64 now)
{
	struct km_pause_gap gap = { now, t->vcpu, kind_of(t, l, now) };
	__u64 begin = l->last_ns;
	__u32 kind = gap.kind;
	struct km_bpf_hist *h;
	long rc;

	/* Of two that come at once, one. */
	if (begin == gap_ns)
		return;
	gap_ns = begin;
	if (kind == KM_PAUSE_STOPPED || kind == KM_PAUSE_FIRST) {
		rc = bpf_map_update_elem(&gaps, &begin, &gap, BPF_NOEXIST);
		if (rc && rc != -EEXIST)
			__sync_fetch_and_add(&lost, 1);
		stop_ns = begin;
		return;
	}
	if (begin - opened_ns < SETTLE_NS)
		return;
	h = km_hist_get(&others, &kind);
	if (!h)
		return;
	__sync_fetch_and_add(&h->events, 1);
	km_hist_add(h, now - begin);
}

static __always_inline void keep_absence(struct km_pause_thread *t, __u64 left, __u64 now)
{
	struct km_pause_absence_key key = { left, t->vcpu };
	struct km_pause_absence a = { .entered_ns = now, .left = t->reason };

	if (bpf_map_update_elem(&absences, &key, &a, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
	else
		t->back_ns = left;
}

/* With what KVM passes, as in stalls.bpf.c: the other way the tracepoint would gather more. */
SEC("tp_btf/kvm_entry")
int BPF_PROG(on_entry, struct kvm_vcpu *vcpu)
{
	struct km_pause_thread *t;
	__u64 now, left;

	if (!vcpu || !ours())
		return 0;
	t = self(vcpu->vcpu_id);
	/* Twice with no exit between: one that KVM took back on its fast path. */
	if (!t || t->entered_ns > t->left_ns)
		return 0;
	now = bpf_ktime_get_ns();
	left = t->left_ns ? t->left_ns : opened_ns;
	if (now > left && now - left >= threshold_ns) {
		struct look l = { .last_ns = opened_ns };

		bpf_for_each_map_elem(&threads, look_at, &l, 0);
		if (!l.inside && now > l.last_ns && now - l.last_ns >= threshold_ns)
			keep_gap(t, &l, now);
		if (stop_ns && left <= stop_ns)
			keep_absence(t, left, now);
	}
	t->entered_ns = now;
	return 0;
}

SEC("tp/kvm/kvm_exit")
int on_exit(struct trace_event_raw_kvm_exit *ctx)
{
	struct km_pause_absence_key key = {};
	struct km_pause_absence *a;
	struct km_pause_thread *t;
	__u64 now;

	if (!ours())
		return 0;
	t = self(ctx->vcpu_id);
	if (!t)
		return 0;
	now = bpf_ktime_get_ns();
	if (!t->entered_ns)
		void_ns = now;
	t->reason.isa = ctx->isa;
	t->reason.number = ctx->exit_reason;
	if (t->back_ns) {
		key.left_ns = t->back_ns;
		key.vcpu = t->vcpu;
		a = bpf_map_lookup_elem(&absences, &key);
		if (a)
			a->next = t->reason;
		t->back_ns = 0;
	}
	t->returned_ns = 0;
	t->asleep_ns = 0;
	t->entered_ns = t->entered_ns ? t->entered_ns : now;
	t->left_ns = now;
	return 0;
}

/* KVM_RUN ends. One that is called and does not come to enter the guest ends here, too. */
SEC("tp/kvm/kvm_userspace_exit")
int on_return(struct trace_event_raw_kvm_userspace_exit *ctx)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct km_pause_thread *t;

	if (!ours())
		return 0;
	t = bpf_map_lookup_elem(&threads, &thread);
	if (!t)
		return 0;
	if (!t->returned_ns)
		t->returned_ns = bpf_ktime_get_ns();
	t->by_signal = ctx->errno == -EINTR;
	return 0;
}

/* At the end of a halt, by the vCPU's own thread. */
SEC("tp/kvm/kvm_vcpu_wakeup")
int on_halted(struct trace_event_raw_kvm_vcpu_wakeup *ctx)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct km_pause_thread *t;

	if (!ours())
		return 0;
	t = bpf_map_lookup_elem(&threads, &thread);
	if (t && t->returned_ns && ctx->waited)
		t->asleep_ns += ctx->ns;
	if (t || bpf_ktime_get_ns() - ctx->ns > opened_ns)
		return 0;
	t = self(0); /* its number comes with its entry */
	if (t)
		t->was_asleep = 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
