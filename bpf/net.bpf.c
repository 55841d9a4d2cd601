// SPDX-License-Identifier: GPL-2.0
/*
 * How long does a process take to send, by TCP stream, and what of it did it wait for room?
 *
 * A stream belongs to the process once the process has sent on it. Its packets that are sent
 * again are counted wherever that happens, mostly in an interrupt.
 */
#include "vmlinux.h"
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "net.h"

#define KM_COURSES	2
#define KM_COURSE_KEY	struct km_net_key
#define KM_COURSE_KEYS	KM_NET_KEYS
#include "course.bpf.h"

enum { SENDING, WAITING }; /* courses */

/* By the socket's address; another socket may get that later. */
struct stream {
	__u64 full_ns; /* since when the sender was told to try again, 0 if it wasn't */
	__u16 local, remote;
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, KM_NET_STREAMS);
	__type(key, __u64);
	__type(value, struct stream);
} streams SEC(".maps");

static __always_inline struct km_net_key key_of(const struct sock *sk, __u32 what)
{
	struct km_net_key key = { .what = what };

	key.local = sk->__sk_common.skc_num;
	key.remote = bpf_ntohs(sk->__sk_common.skc_dport);
	return key;
}

/* NULL if the process hasn't sent on this socket. */
static __always_inline struct stream *stream_of(const struct sock *sk)
{
	struct km_net_key key = key_of(sk, 0);
	__u64 address = (__u64)sk;
	struct stream *s = bpf_map_lookup_elem(&streams, &address);

	return s && s->local == key.local && s->remote == key.remote ? s : NULL;
}

static __always_inline void know(const struct sock *sk)
{
	struct km_net_key key = key_of(sk, 0);
	struct stream new = { .local = key.local, .remote = key.remote };
	__u64 address = (__u64)sk;

	if (!stream_of(sk) && bpf_map_update_elem(&streams, &address, &new, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
}

SEC("fentry/tcp_sendmsg")
int BPF_PROG(on_send, struct sock *sk)
{
	struct km_net_key key = key_of(sk, KM_NET_FULL);
	struct stream *s;

	if (!km_ours())
		return 0;
	know(sk);
	s = stream_of(sk);
	if (s && s->full_ns) {
		km_lasted(&key, bpf_ktime_get_ns() - s->full_ns);
		s->full_ns = 0;
	}
	key.what = KM_NET_SEND;
	km_begin(SENDING, &key);
	return 0;
}

SEC("fexit/tcp_sendmsg")
int BPF_PROG(on_sent)
{
	if (km_ours())
		km_end(SENDING);
	return 0;
}

SEC("fentry/sk_stream_wait_memory")
int BPF_PROG(on_full, struct sock *sk)
{
	struct km_net_key key = key_of(sk, KM_NET_FULL);

	if (km_ours() && stream_of(sk))
		km_begin(WAITING, &key);
	return 0;
}

/* Who doesn't want to wait is told to try again: it is full until then. */
SEC("fexit/sk_stream_wait_memory")
int BPF_PROG(on_room, struct sock *sk, long *timeo, int ret)
{
	struct begun *b;
	struct stream *s;

	if (!km_ours())
		return 0;
	b = km_under_way(WAITING);
	s = stream_of(sk);
	if (ret != -EAGAIN || !b || !s) {
		km_end(WAITING);
		return 0;
	}
	s->full_ns = b->at_ns;
	km_forget(WAITING);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, const struct sock *sk)
{
	struct km_net_key key;

	if (!sk || !stream_of(sk))
		return 0;
	key = key_of(sk, KM_NET_RETRANSMIT);
	km_count(&key);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
