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

#define KM_COURSES	3
#define KM_COURSE_KEY	struct km_dirtying_key
#define KM_COURSE_KEYS	KM_DIRTYING_KEYS
#include "course.bpf.h"
#include "fault.bpf.h"

/* Where the VM's mmu_lock is; 0 until a vCPU has entered the guest. */
__u64 mmu_lock = 0;

enum { OUTSIDE, IOCTL, WAITING }; /* courses */

static __always_inline void begin(__u32 course, __u32 vcpu, __u32 what)
{
	struct km_dirtying_key key = { vcpu, what };

	km_begin(course, &key);
}

SEC("tp/kvm/kvm_page_fault")
int on_fault(struct trace_event_raw_kvm_page_fault *ctx)
{
	if (km_fault_is_protected(ctx->error_code) && km_ours())
		begin(OUTSIDE, ctx->vcpu_id, KM_DIRTYING_FAULT);
	return 0;
}

/* The numbers of what it returns differ between kernels; that a page became writable
 * (bit 1 in AMD's and Intel's entries) doesn't. */
SEC("tp/kvmmmu/fast_page_fault")
int on_fast_fault(struct trace_event_raw_fast_page_fault *ctx)
{
	struct km_dirtying_key key = { ctx->vcpu_id, KM_DIRTYING_FAST };

	if (km_ours() && !(ctx->old_spte & 1 << 1) && ctx->new_spte & 1 << 1)
		km_count(&key);
	return 0;
}

SEC("tp/kvm/kvm_pml_full")
int on_pml_full(struct trace_event_raw_kvm_pml_full *ctx)
{
	if (km_ours())
		begin(OUTSIDE, ctx->vcpu_id, KM_DIRTYING_PML);
	return 0;
}

SEC("tp/kvmmmu/kvm_mmu_split_huge_page")
int on_split(void *ctx)
{
	struct km_dirtying_key key = { km_current_vcpu(), KM_DIRTYING_SPLIT };

	if (km_ours())
		km_count(&key);
	return 0;
}

/* With the vCPU itself, which leads to the lock; later kernels add an argument. It is never
 * NULL, but must be looked at: for the verifier a module's tracepoint may have such
 * arguments since 6.13 (838a10bd2ebf), and in 6.12's stable releases. */
SEC("tp_btf/kvm_entry")
int BPF_PROG(on_entry, struct kvm_vcpu *vcpu)
{
	if (!vcpu || !km_ours())
		return 0;
	km_end(OUTSIDE);
	if (km_vcpu_is(vcpu->vcpu_id))
		return 0;
	mmu_lock = (__u64)vcpu->kvm + bpf_core_field_offset(struct kvm, mmu_lock);
	return 0;
}

/* The lock names the VM, whoever waits for it: threads of the kernel do, too. */
SEC("tp_btf/contention_begin")
int BPF_PROG(on_contention, void *lock)
{
	if (mmu_lock && (__u64)lock == mmu_lock)
		begin(WAITING, km_current_vcpu(), KM_DIRTYING_LOCK);
	return 0;
}

SEC("tp_btf/contention_end")
int BPF_PROG(on_contended, void *lock)
{
	if (mmu_lock && (__u64)lock == mmu_lock)
		km_end(WAITING);
	return 0;
}

SEC("tp/syscalls/sys_enter_ioctl")
int on_ioctl(struct trace_event_raw_sys_enter *ctx)
{
	__u32 what;

	if (!km_ours())
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
	begin(IOCTL, KM_BPF_NO_VCPU, what);
	return 0;
}

SEC("tp/syscalls/sys_exit_ioctl")
int on_ioctl_end(void *ctx)
{
	if (km_ours())
		km_end(IOCTL);
	return 0;
}

/* Of up to 64 pages from offset on, by either ioctl (virt/kvm/kvm_main.c), with either mechanism. */
SEC("fentry/kvm_arch_mmu_enable_log_dirty_pt_masked")
int BPF_PROG(on_armed, void *kvm, void *slot, __u64 offset, unsigned long mask)
{
	struct km_dirtying_key key = { KM_BPF_NO_VCPU, KM_DIRTYING_ARMED };

	if (km_ours())
		km_count_some(&key, __builtin_popcountl(mask));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
