/* SPDX-License-Identifier: GPL-2.0 */
/* What programs keep of things that take time, for them and for who reads it. */
#ifndef KM_BPF_HIST_H
#define KM_BPF_HIST_H

#include <linux/types.h>

/* Slot n holds [2^n, 2^(n+1)) ns, and slot 0 also 0. */
#define KM_BPF_SLOTS 64

/* events counts when it begins; the rest when it is over. */
struct km_bpf_hist {
	__u64 events, timed, sum_ns;
	__u64 slots[KM_BPF_SLOTS];
};

#endif
