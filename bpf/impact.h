/* SPDX-License-Identifier: GPL-2.0 */
/* What impact.bpf.c keeps, for the program and for who reads it (user/trace/impact.c). */
#ifndef KM_BPF_IMPACT_H
#define KM_BPF_IMPACT_H

#include "hist.h"

#define KM_IMPACT_THREADS    4096
#define KM_IMPACT_KEYS	     4096
#define KM_IMPACT_PHASES_MAX 4 /* clang unrolls the loop over so few */

/* What a vCPU's thread did while it was out of the guest. */
enum km_impact_cause {
	KM_IMPACT_WAIT,	     /* runnable, and not on a CPU */
	KM_IMPACT_THROTTLED, /* runnable, but its cgroup had used up its cpu.max */
	KM_IMPACT_STOPPED,   /* asleep in the VMM, which had taken it out by a signal */
	KM_IMPACT_VMM,	     /* asleep in the VMM, which KVM_RUN had returned to by itself */
	KM_IMPACT_EMULATED,  /* on a CPU, in the VMM */
	KM_IMPACT_TRACKING,  /* in KVM: a write to a page that is tracked, a full PML buffer */
	KM_IMPACT_TOUCH,     /* in KVM: a fault on what it has not mapped */
	KM_IMPACT_BLOCKED,   /* asleep in KVM, and not for a halt */
	KM_IMPACT_KVM,	     /* on a CPU in KVM, for anything else */
	KM_IMPACT_HALTED,    /* the guest had nothing to do: it is not kept from anything */
	KM_IMPACT_CAUSES,
};

enum km_impact_state {
	KM_IMPACT_ON_CPU,
	KM_IMPACT_ASLEEP,
	KM_IMPACT_RUNNABLE,
	KM_IMPACT_OVER_QUOTA,
};

/* A vCPU's thread. Without holes: they would be copied from the program's stack. */
struct km_impact_thread {
	__u64 left_ns;	   /* the guest; 0: it is there, or has not been seen yet */
	__u64 mark_ns;	   /* since when it is in this state */
	__u64 slept_ns;	   /* a sleep that is over, and whose cause isn't known: its begin, or 0 */
	__u64 woken_ns;	   /* its end */
	__u64 absent_ns;   /* out of the guest, in all: what the causes must add up to */
	__u64 entered_ns;  /* the guest, for the first time that was seen; 0: not yet */
	__u64 exited_ns;   /* and left it again; 0: not yet */
	__u32 exit_reason; /* for this */
	__u16 exit_isa;	   /* as the tracepoint has it */
	__u16 idle;	   /* a halt was over before it entered for the first time */
	__u32 vcpu;
	__u8 state;	/* enum km_impact_state */
	__u8 in_kvm;	/* the cause of what it does on a CPU in KVM */
	__u8 in_vmm;	/* KVM_RUN has returned */
	__u8 by_signal; /* that was for a signal */
};

/* What a sleep is by where it was: a halt may be more than one. */
static inline __u32 km_impact_of_sleep(const struct km_impact_thread *t)
{
	if (t->in_vmm)
		return t->by_signal ? KM_IMPACT_STOPPED : KM_IMPACT_VMM;
	return t->in_kvm == KM_IMPACT_HALTED ? KM_IMPACT_HALTED : KM_IMPACT_BLOCKED;
}

/* And time on a CPU. */
static inline __u32 km_impact_of_cpu(const struct km_impact_thread *t)
{
	return t->in_vmm ? KM_IMPACT_EMULATED : t->in_kvm;
}

/* Packed by itself: no padding, which would be part of a hash's key. */
struct km_impact_key {
	__u32 vcpu;
	__u16 phase;
	__u16 cause;
};

#endif
