/* SPDX-License-Identifier: GPL-2.0 */
/* What net.bpf.c keeps, for the program and for who reads it (user/trace/net.c). */
#ifndef KM_BPF_NET_H
#define KM_BPF_NET_H

#include "guest.h"
#include "hist.h"

#define KM_NET_STREAMS 1024
#define KM_NET_KEYS    2048

enum km_net_what {
	KM_NET_SEND,	   /* a call of tcp_sendmsg() */
	KM_NET_FULL,	   /* the buffer, until there is room or the next such call */
	KM_NET_RETRANSMIT, /* of a packet */
	KM_NET_KINDS,
};

/* Packed by itself: no padding, which would be part of a hash's key. */
struct km_net_key {
	__u32 what;
	__u16 local, remote; /* ports */
};

#endif
