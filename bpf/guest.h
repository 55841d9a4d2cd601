/* SPDX-License-Identifier: GPL-2.0 */
/* A guest's threads, as guest.bpf.h has them and user space sees them. */
#ifndef KM_BPF_GUEST_H
#define KM_BPF_GUEST_H

#define KM_BPF_THREADS 4096

/* For a vCPU's number, where it isn't a vCPU's thread. */
#define KM_BPF_NO_VCPU 0xffffffff

#endif
