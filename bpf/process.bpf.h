/* SPDX-License-Identifier: GPL-2.0 */
/* The process that is watched, for programs. */
#ifndef KM_BPF_PROCESS_BPF_H
#define KM_BPF_PROCESS_BPF_H

const volatile __u32 tgid = 0;

/* What found a map full. */
__u64 lost = 0;

static __always_inline _Bool km_ours(void)
{
	return bpf_get_current_pid_tgid() >> 32 == tgid;
}

#endif
