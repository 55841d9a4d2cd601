/* SPDX-License-Identifier: GPL-2.0 */
/* What dirtying.bpf.c keeps, for the program and for who reads it (user/trace/dirtying.c). */
#ifndef KM_BPF_DIRTYING_H
#define KM_BPF_DIRTYING_H

#include "guest.h"
#include "hist.h"

#define KM_DIRTYING_KEYS 4096

enum km_dirtying_what {
	KM_DIRTYING_FAULT, /* a write to a page that is mapped and protected */
	KM_DIRTYING_FAST,  /* such a fault that was put right without mmu_lock */
	KM_DIRTYING_PML,   /* the CPU's log of dirtied pages was full */
	KM_DIRTYING_SPLIT, /* of a huge page, into pages that are tracked one by one */
	KM_DIRTYING_LOCK,  /* waiting for the VM's mmu_lock */
	KM_DIRTYING_GET,   /* ioctls */
	KM_DIRTYING_CLEAR,
	KM_DIRTYING_RESET,
	KM_DIRTYING_ARMED, /* pages that these ioctls arranged to see the next write to */
	KM_DIRTYING_KINDS,
};

/* Packed by itself: no padding, which would be part of a hash's key. */
struct km_dirtying_key {
	__u32 vcpu; /* whose thread did it; KM_BPF_NO_VCPU for other threads */
	__u32 what;
};

#endif
