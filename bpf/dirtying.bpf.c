// SPDX-License-Identifier: GPL-2.0
/*
 * What does it cost to track which pages a guest dirties?
 *
 * In vCPUs: writes to pages that KVM protected to see the first write, from the fault to the
 * next entry; or full PML buffers, the same way. In the VMM: the ioctls that fetch and clear
 * the log. In whoever needs it: waiting for the VM's mmu_lock. And how often huge pages were
 * split, since it is pages of 4 KiB that are tracked.
 */
#include "vmlinux.h"
#include <linux/bpf.h>
#include <linux/kvm.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "dirtying.h"
#include "hist.bpf.h"

const volatile __u32 tgid = 0;
/* Whether it is Intel's: kvm_page_fault has the exit qualification there, and a #PF's
 * error code on AMD (handle_ept_violation(), npf_interception()). */
const volatile _Bool vmx = 0;

/* What found a map full. */
__u64 lost = 0;

/* Where the VM's mmu_lock is; 0 until a vCPU has entered the guest. */
__u64 mmu_lock = 0;

/* A thread has at most one of each under way. */
enum course { OUTSIDE, IOCTL, WAITING };

struct begun_key {
	__u32 thread;
	__u32 course;
};

struct begun {
	__u64 at_ns;
	struct km_dirtying_key key;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * KM_DIRTYING_THREADS);
	__type(key, struct begun_key);
	__type(value, struct begun);
} under_way SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_DIRTYING_THREADS);
	__type(key, __u32); /* thread */
	__type(value, __u32);
} vcpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_DIRTYING_KEYS);
	__type(key, struct km_dirtying_key);
	__type(value, struct km_bpf_hist);
} times SEC(".maps");

static __always_inline void count(const struct km_dirtying_key *key)
{
	struct km_bpf_hist *h = km_hist_get(&times, key);

	if (h)
		__sync_fetch_and_add(&h->events, 1);
	else
		__sync_fetch_and_add(&lost, 1);
}

static __always_inline void begin(__u32 course, __u32 vcpu, __u32 what)
{
	struct begun_key key = { bpf_get_current_pid_tgid(), course };
	struct begun b = { .key = { vcpu, what } };

	count(&b.key);
	b.at_ns = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&under_way, &key, &b, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
}

static __always_inline void end(__u32 course)
{
	struct begun_key key = { bpf_get_current_pid_tgid(), course };
	struct begun *b = bpf_map_lookup_elem(&under_way, &key);
	struct km_bpf_hist *h;

	if (!b)
		return;
	h = bpf_map_lookup_elem(&times, &b->key);
	if (h)
		km_hist_add(h, bpf_ktime_get_ns() - b->at_ns);
	bpf_map_delete_elem(&under_way, &key);
}

static __always_inline _Bool ours(void)
{
	return bpf_get_current_pid_tgid() >> 32 == tgid;
}

static __always_inline __u32 current_vcpu(void)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u32 *vcpu = bpf_map_lookup_elem(&vcpus, &thread);

	return vcpu ? *vcpu : KM_DIRTYING_NO_VCPU;
}

SEC("tp/kvm/kvm_page_fault")
int on_fault(struct trace_event_raw_kvm_page_fault *ctx)
{
	__u64 code = ctx->error_code;
	_Bool protected;

	/* A write (bit 1 of both) to what is mapped: SDM 3C, table 28-7, bits 3 to 5; on AMD
	 * bit 0, and not the reserved bits that KVM sets for MMIO. */
	if (vmx)
		protected = code & 1 << 1 && code & 7 << 3;
	else
		protected = code & 1 << 1 && code & 1 << 0 && !(code & 1 << 3);
	if (protected && ours())
		begin(OUTSIDE, ctx->vcpu_id, KM_DIRTYING_FAULT);
	return 0;
}

/* The numbers of what it returns differ between kernels; that a page became writable
 * (bit 1 in AMD's and Intel's entries) doesn't. */
SEC("tp/kvmmmu/fast_page_fault")
int on_fast_fault(struct trace_event_raw_fast_page_fault *ctx)
{
	struct km_dirtying_key key = { ctx->vcpu_id, KM_DIRTYING_FAST };

	if (ours() && !(ctx->old_spte & 1 << 1) && ctx->new_spte & 1 << 1)
		count(&key);
	return 0;
}

SEC("tp/kvm/kvm_pml_full")
int on_pml_full(struct trace_event_raw_kvm_pml_full *ctx)
{
	if (ours())
		begin(OUTSIDE, ctx->vcpu_id, KM_DIRTYING_PML);
	return 0;
}

SEC("tp/kvmmmu/kvm_mmu_split_huge_page")
int on_split(void *ctx)
{
	struct km_dirtying_key key = { current_vcpu(), KM_DIRTYING_SPLIT };

	if (ours())
		count(&key);
	return 0;
}

/* With the vCPU itself, which leads to the lock; later kernels add an argument. It is never
 * NULL, but must be looked at: for the verifier a module's tracepoint may have such
 * arguments since 6.13 (838a10bd2ebf), and in 6.12's stable releases. */
SEC("tp_btf/kvm_entry")
int BPF_PROG(on_entry, struct kvm_vcpu *vcpu)
{
	__u32 thread = bpf_get_current_pid_tgid(), id;

	if (!vcpu || !ours())
		return 0;
	end(OUTSIDE);
	if (bpf_map_lookup_elem(&vcpus, &thread))
		return 0;
	id = vcpu->vcpu_id;
	if (bpf_map_update_elem(&vcpus, &thread, &id, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
	mmu_lock = (__u64)vcpu->kvm + bpf_core_field_offset(struct kvm, mmu_lock);
	return 0;
}

/* The lock names the VM, whoever waits for it: threads of the kernel do, too. */
SEC("tp_btf/contention_begin")
int BPF_PROG(on_contention, void *lock)
{
	if (mmu_lock && (__u64)lock == mmu_lock)
		begin(WAITING, current_vcpu(), KM_DIRTYING_LOCK);
	return 0;
}

SEC("tp_btf/contention_end")
int BPF_PROG(on_contended, void *lock)
{
	if (mmu_lock && (__u64)lock == mmu_lock)
		end(WAITING);
	return 0;
}

SEC("tp/syscalls/sys_enter_ioctl")
int on_ioctl(struct trace_event_raw_sys_enter *ctx)
{
	__u32 what;

	if (!ours())
		return 0;
	switch ((__u32)ctx->args[1]) {
	case KVM_GET_DIRTY_LOG:
		what = KM_DIRTYING_GET;
		break;
	case KVM_CLEAR_DIRTY_LOG:
		what = KM_DIRTYING_CLEAR;
		break;
	case KVM_RESET_DIRTY_RINGS:
		what = KM_DIRTYING_RESET;
		break;
	default:
		return 0;
	}
	begin(IOCTL, KM_DIRTYING_NO_VCPU, what);
	return 0;
}

SEC("tp/syscalls/sys_exit_ioctl")
int on_ioctl_end(void *ctx)
{
	if (ours())
		end(IOCTL);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
