/* SPDX-License-Identifier: GPL-2.0 */
/* The threads of the process that are vCPUs, for programs. */
#ifndef KM_BPF_GUEST_BPF_H
#define KM_BPF_GUEST_BPF_H

#include "guest.h"
#include "process.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_BPF_THREADS);
	__type(key, __u32); /* thread */
	__type(value, __u32);
} vcpus SEC(".maps");

static __always_inline __u32 km_vcpu_of(__u32 thread)
{
	__u32 *vcpu = bpf_map_lookup_elem(&vcpus, &thread);

	return vcpu ? *vcpu : KM_BPF_NO_VCPU;
}

static __always_inline __u32 km_current_vcpu(void)
{
	return km_vcpu_of(bpf_get_current_pid_tgid());
}

/* The thread that runs enters the guest as this vCPU; whether that was known. */
static __always_inline _Bool km_vcpu_is(__u32 vcpu)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u32 *known = bpf_map_lookup_elem(&vcpus, &thread);

	if (known && *known == vcpu)
		return 1;
	if (bpf_map_update_elem(&vcpus, &thread, &vcpu, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
	return 0;
}

#endif
