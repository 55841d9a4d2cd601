/* SPDX-License-Identifier: GPL-2.0 */
/* What power.bpf.c keeps, for the program and for who reads it (user/trace/power.c). */
#ifndef KM_BPF_POWER_H
#define KM_BPF_POWER_H

#include "guest.h"
#include "hist.h"

/* 128 CPUs with 8 idle states and as many frequencies each. */
#define KM_POWER_KEYS 2048

/* Frequencies count in steps, as some drivers name any. */
#define KM_POWER_STEP_KHZ 100000

enum km_power_kind {
	KM_POWER_WAKE, /* of a thread, until it runs; value: KM_POWER_BUSY... or a state */
	KM_POWER_IDLE, /* of a CPU; value: the state */
	KM_POWER_FREQ, /* of a CPU; value: the step */
};

/* For the state of a CPU that was in none, or of which that isn't known. */
#define KM_POWER_BUSY	 0xffffffff
#define KM_POWER_UNKNOWN 0xfffffffe

/* Packed by itself: no padding, which would be part of a hash's key. */
struct km_power_key {
	__u32 kind;
	__u32 who; /* the vCPU whose thread it is, or the CPU */
	__u32 value;
};

struct km_power_cpu {
	/* The latest time in an idle state; idle_to_ns is 0 while it lasts. */
	__u64 idle_from_ns, idle_to_ns;
	__u64 step_from_ns;
	__u32 state;
	__u32 step;    /* 0 while it isn't known */
	__u32 ran;     /* a vCPU did, here: from then on the CPU counts */
	__u32 counted; /* the latest time in an idle state is */
	__u32 changes; /* of the step, since ran */
	__u32 unused;
};

#endif
