/* SPDX-License-Identifier: GPL-2.0 */
/* What faults.bpf.c keeps, for the program and for who reads it (user/trace/faults.c). */
#ifndef KM_BPF_FAULTS_H
#define KM_BPF_FAULTS_H

#include "guest.h"
#include "hist.h"

#define KM_FAULTS_KEYS 4096

enum km_faults_what {
	KM_FAULTS_GUEST, /* on what KVM hasn't mapped, until the next entry */
	KM_FAULTS_INNER, /* of the VMM's memory, meanwhile */
	KM_FAULTS_VMM,	 /* of the VMM's memory, otherwise */
	KM_FAULTS_KINDS,
};

/* Packed by itself: no padding, which would be part of a hash's key. */
struct km_faults_key {
	__u32 vcpu; /* whose thread it was; KM_BPF_NO_VCPU for other threads */
	__u32 what;
};

#endif
