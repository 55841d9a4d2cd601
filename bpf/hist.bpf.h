/* SPDX-License-Identifier: GPL-2.0 */
/* Histograms in hash maps, for programs. */
#ifndef KM_BPF_HIST_BPF_H
#define KM_BPF_HIST_BPF_H

#include "hist.h"

/* A new value is too large for the stack (512 bytes) and is copied from here. */
static const struct km_bpf_hist km_no_hist;

/* By halves: there is no instruction for it before BPF's v4. */
static __always_inline __u32 km_log2_slot(__u64 v)
{
	__u32 slot = 0;

	for (__u32 half = KM_BPF_SLOTS / 2; half; half /= 2) {
		if (!(v >> half))
			continue;
		v >>= half;
		slot += half;
	}
	/* Never more; the mask is for the verifier, which can't know. */
	return slot & (KM_BPF_SLOTS - 1);
}

/* The key's, made if there is none; NULL when the map is full. */
static __always_inline struct km_bpf_hist *km_hist_get(void *map, const void *key)
{
	struct km_bpf_hist *h = bpf_map_lookup_elem(map, key);

	if (h)
		return h;
	bpf_map_update_elem(map, key, &km_no_hist, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, key);
}

static __always_inline void km_hist_add(struct km_bpf_hist *h, __u64 ns)
{
	__sync_fetch_and_add(&h->timed, 1);
	__sync_fetch_and_add(&h->sum_ns, ns);
	__sync_fetch_and_add(&h->slots[km_log2_slot(ns)], 1);
}

#endif
