/* SPDX-License-Identifier: GPL-2.0 */
/* What stalls.bpf.c keeps, for the program and for who reads it (user/trace/stalls.c). */
#ifndef KM_BPF_STALLS_H
#define KM_BPF_STALLS_H

#include "hist.h"

#define KM_STALLS_THREADS 4096
/* 64 vCPUs, each put off by 64 others. */
#define KM_STALLS_OTHERS  4096
/* vCPUs of one guest that wait for the same CPU at a time. */
#define KM_STALLS_WAITERS 8

/* A vCPU's thread. */
struct km_stalls_thread {
	__u32 vcpu;	  /* KVM's id of it */
	__u32 cpu;	  /* while it waits: whose turn it waits for */
	__u64 since_ns;	  /* when the wait began, 0 while there is none */
	__u64 charged_ns; /* until when it is known who ran instead */
	__u64 delay_ns;	  /* waits that ended since it last entered the guest */
	__u32 throttled;  /* the wait began as its cgroup had used up its cpu.max */
	__u32 unused;
};

enum km_stalls_kind {
	KM_STALLS_WAIT,	     /* runnable, and not on a CPU */
	KM_STALLS_BLOCKED,   /* halted, and slept */
	KM_STALLS_POLLED,    /* halted, and woken before it slept */
	KM_STALLS_THROTTLED, /* runnable, but its cgroup had used up its cpu.max */
};

/* Packed by themselves: no padding, which would be part of a hash's key. */
struct km_stalls_key {
	__u32 vcpu;
	__u32 kind;
};

/* Who ran instead of a vCPU. */
struct km_stalls_other {
	__u32 vcpu;
	__u32 tgid; /* 0: nobody, the CPU was idle */
	__u32 kernel;
	char comm[16];
};

struct km_stalls_slices {
	__u64 n, sum_ns;
};

#endif
