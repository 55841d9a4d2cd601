// SPDX-License-Identifier: GPL-2.0
/*
 * What do first touches of memory cost a guest and its VMM?
 *
 * A guest's fault on a page that KVM hasn't mapped lasts until the vCPU's next entry. Where
 * the VMM has no memory there yet either, the kernel faults that in meanwhile, which is
 * counted by itself too; and so is what the VMM's threads fault in for themselves.
 */
#include "vmlinux.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "faults.h"

#define KM_COURSES	2
#define KM_COURSE_KEY	struct km_faults_key
#define KM_COURSE_KEYS	KM_FAULTS_KEYS
#include "course.bpf.h"
#include "fault.bpf.h"

/* include/linux/mm_types.h */
#define VM_FAULT_RETRY		0x400
#define FAULT_FLAG_RETRY_NOWAIT 0x8

enum { GUEST, MEMORY }; /* courses */

SEC("tp/kvm/kvm_page_fault")
int on_guest_fault(struct trace_event_raw_kvm_page_fault *ctx)
{
	struct km_faults_key key = { ctx->vcpu_id, KM_FAULTS_GUEST };

	if (!km_fault_is_mapped(ctx->error_code) && km_ours())
		km_begin(GUEST, &key);
	return 0;
}

SEC("tp_btf/kvm_entry")
int BPF_PROG(on_entry, struct kvm_vcpu *vcpu)
{
	if (!vcpu || !km_ours())
		return 0;
	km_end(GUEST);
	km_vcpu_is(vcpu->vcpu_id);
	return 0;
}

/* One that is under way already is tried again. */
SEC("fentry/handle_mm_fault")
int BPF_PROG(on_fault)
{
	struct km_faults_key key = { .what = KM_FAULTS_VMM };

	if (!km_ours() || km_under_way(MEMORY))
		return 0;
	key.vcpu = km_current_vcpu();
	if (km_under_way(GUEST))
		key.what = KM_FAULTS_INNER;
	km_begin(MEMORY, &key);
	return 0;
}

/* One that had to give up its locks comes again, but from who doesn't want to wait. */
SEC("fexit/handle_mm_fault")
int BPF_PROG(on_fault_end, void *vma, unsigned long address, unsigned int flags, void *regs,
	     unsigned int ret)
{
	if (km_ours() && (!(ret & VM_FAULT_RETRY) || flags & FAULT_FLAG_RETRY_NOWAIT))
		km_end(MEMORY);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
