// SPDX-License-Identifier: GPL-2.0
/*
 * Why do vCPUs leave the guest, and how long does each reason keep them out?
 *
 * Out is from kvm_exit to the same thread's next kvm_entry: KVM's own work, the time in
 * the VMM when KVM_RUN returned to it, and the sleep of a halted vCPU. Only threads of
 * one process count.
 */
#include "vmlinux.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "exits.h"
#include "hist.bpf.h"
#include "process.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_EXITS_THREADS);
	__type(key, __u32); /* thread */
	__type(value, struct km_exits_away);
} away SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_EXITS_KEYS);
	__type(key, struct km_exits_key);
	__type(value, struct km_bpf_hist);
} exits SEC(".maps");

/* Runs at each exit, so it looks one thing up and no more; all else waits for the entry. */
SEC("tp/kvm/kvm_exit")
int on_exit(struct trace_event_raw_kvm_exit *ctx)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct km_exits_away none = {}, *gone;

	if (!km_ours())
		return 0;
	gone = bpf_map_lookup_elem(&away, &thread);
	if (!gone) {
		bpf_map_update_elem(&away, &thread, &none, BPF_NOEXIST);
		gone = bpf_map_lookup_elem(&away, &thread);
	}
	if (!gone) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	gone->key.vcpu = ctx->vcpu_id;
	gone->key.isa = ctx->isa;
	gone->key.reason = ctx->exit_reason;
	gone->at_ns = bpf_ktime_get_ns();
	return 0;
}

/* Raw, as it needs nothing of what the tracepoint would gather, nor of what KVM passes. */
SEC("raw_tp/kvm_entry")
int on_entry(void *ctx)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct km_exits_away *gone;
	struct km_bpf_hist *v;
	__u64 ns;

	if (!km_ours())
		return 0;
	gone = bpf_map_lookup_elem(&away, &thread);
	if (!gone || !gone->at_ns)
		return 0;
	ns = bpf_ktime_get_ns() - gone->at_ns;
	/* A vCPU that enters twice with no exit between (an exit that KVM took back on
	 * its fast path has no kvm_exit) was away once. */
	gone->at_ns = 0;
	v = km_hist_get(&exits, &gone->key);
	if (!v) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	__sync_fetch_and_add(&v->events, 1);
	km_hist_add(v, ns);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
