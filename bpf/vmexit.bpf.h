/* SPDX-License-Identifier: GPL-2.0 */
/* Of kvm_exit's reasons those that programs must know. arch/x86/kvm/trace.h, asm/vmx.h, asm/svm.h */
#ifndef KM_BPF_VMEXIT_BPF_H
#define KM_BPF_VMEXIT_BPF_H

#define KM_ISA_VMX	1
#define KM_VMX_EXIT_HLT 12
#define KM_SVM_EXIT_HLT 0x78

/* @isa is kvm_exit's. */
static __always_inline _Bool km_is_halt(__u32 isa, __u32 reason)
{
	return reason == (isa == KM_ISA_VMX ? KM_VMX_EXIT_HLT : KM_SVM_EXIT_HLT);
}

#endif
