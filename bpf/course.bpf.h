/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What threads begin and end, counted and timed, for programs: a histogram for each key of
 * the type KM_COURSE_KEY, for at most KM_COURSE_KEYS, which must be defined before. A thread
 * has at most one of each course under way (a number, below KM_COURSES).
 */
#ifndef KM_BPF_COURSE_BPF_H
#define KM_BPF_COURSE_BPF_H

#include "guest.bpf.h"
#include "hist.bpf.h"

struct begun_key {
	__u32 thread;
	__u32 course;
};

struct begun {
	__u64 at_ns;
	KM_COURSE_KEY key;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_COURSES * KM_BPF_THREADS);
	__type(key, struct begun_key);
	__type(value, struct begun);
} under_way SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_COURSE_KEYS);
	__type(key, KM_COURSE_KEY);
	__type(value, struct km_bpf_hist);
} times SEC(".maps");

static __always_inline void km_count_some(const KM_COURSE_KEY *key, __u64 n)
{
	struct km_bpf_hist *h = km_hist_get(&times, key);

	if (h)
		__sync_fetch_and_add(&h->events, n);
	else
		__sync_fetch_and_add(&lost, n);
}

static __always_inline void km_count(const KM_COURSE_KEY *key)
{
	km_count_some(key, 1);
}

/* One that was counted has lasted so long. */
static __always_inline void km_lasted(const KM_COURSE_KEY *key, __u64 ns)
{
	struct km_bpf_hist *h = bpf_map_lookup_elem(&times, key);

	if (h)
		km_hist_add(h, ns);
}

/* By the thread that runs. */
static __always_inline struct begun *km_under_way(__u32 course)
{
	struct begun_key key = { bpf_get_current_pid_tgid(), course };

	return bpf_map_lookup_elem(&under_way, &key);
}

static __always_inline void km_forget(__u32 course)
{
	struct begun_key key = { bpf_get_current_pid_tgid(), course };

	bpf_map_delete_elem(&under_way, &key);
}

static __always_inline void km_begin(__u32 course, const KM_COURSE_KEY *what)
{
	struct begun_key key = { bpf_get_current_pid_tgid(), course };
	struct begun b = { .key = *what };

	km_count(what);
	b.at_ns = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&under_way, &key, &b, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
}

static __always_inline void km_end(__u32 course)
{
	struct begun *b = km_under_way(course);

	if (!b)
		return;
	km_lasted(&b->key, bpf_ktime_get_ns() - b->at_ns);
	km_forget(course);
}

#endif
