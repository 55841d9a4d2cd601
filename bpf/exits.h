/* SPDX-License-Identifier: GPL-2.0 */
/* What exits.bpf.c keeps, for the program and for who reads it (user/trace/exits.c). */
#ifndef KM_BPF_EXITS_H
#define KM_BPF_EXITS_H

#include <linux/types.h>

/* A guest uses a few dozen reasons: room for 64 vCPUs with 64 each. */
#define KM_EXITS_KEYS	 4096
#define KM_EXITS_THREADS 4096

/* Packed by itself: no padding, which would be part of a hash's key. */
struct km_exits_key {
	__u32 vcpu; /* KVM's id of it */
	__u32 isa;  /* whose numbers: KVM_ISA_VMX 1, KVM_ISA_SVM 2 (arch/x86/kvm/trace.h) */
	__u32 reason;
};

/* A thread's last exit; it is back if at_ns is 0. */
struct km_exits_away {
	__u64 at_ns;
	struct km_exits_key key;
	__u32 unused;
};

#endif
