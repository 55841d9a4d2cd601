/* SPDX-License-Identifier: GPL-2.0 */
/* What pause.bpf.c keeps, for the program and for who reads it (user/trace/pause.c). */
#ifndef KM_BPF_PAUSE_H
#define KM_BPF_PAUSE_H

#include "hist.h"

#define KM_PAUSE_THREADS  4096 /* at most; user space sets what this guest needs */
#define KM_PAUSE_GAPS	  64
#define KM_PAUSE_ABSENCES 4096 /* 64 vCPUs in each */

/* Why nobody ran, as the vCPU tells that was the first to run again. */
enum km_pause_kind {
	KM_PAUSE_STOPPED, /* a signal took it out of KVM_RUN, and the VMM kept it out */
	KM_PAUSE_FIRST,	  /* nobody had run since the watch began */
	KM_PAUSE_VMM,	  /* KVM_RUN returned to the VMM by itself */
	KM_PAUSE_HALTED,
	KM_PAUSE_KVM, /* anything else that KVM did for it, or the host's scheduler */
};

struct km_pause_reason {
	__u32 isa; /* as km_exits_key has it; 0 = none is known */
	__u32 number;
};

/* A vCPU's thread. */
struct km_pause_thread {
	__u64 entered_ns;
	__u64 left_ns; /* 0 = not yet seen */
	__u64 back_ns; /* the last absence that is kept: its left_ns, until it leaves again */
	/* Since it left: when KVM_RUN first returned to the VMM, 0 = it has not; for how long it
	 * was asleep in KVM after that. */
	__u64 returned_ns;
	__u64 asleep_ns;
	struct km_pause_reason reason; /* why it left */
	__u32 vcpu;
	__u16 by_signal;  /* its last return */
	__u16 was_asleep; /* in KVM when the watch began */
};

/* A stop, by when the last vCPU left the guest. */
struct km_pause_gap {
	__u64 end_ns;
	__u32 vcpu; /* that ended it */
	__u32 kind;
};

/* Packed by itself: no padding, which would be part of a hash's key. */
struct km_pause_absence_key {
	__u64 left_ns;
	__u64 vcpu;
};

/* A vCPU's time out of the guest, with a stop in it. */
struct km_pause_absence {
	__u64 entered_ns;
	struct km_pause_reason left, next; /* next: of its first exit after that */
};

#endif
