// SPDX-License-Identifier: GPL-2.0
/* The question of bpf/net.bpf.c: what it takes to send. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <bpf/bpf.h>
#include <net.skel.h>
#include "../../bpf/net.h"
#include "load.h"
#include "trace.h"

static const char *const optional[] = { "tcp/tcp_retransmit_skb", NULL };

static void close_net(void *state)
{
	net__destroy(state);
}

static int open_net(void **state, pid_t pid, struct km_err *err)
{
	struct net *skel;
	int rc = km_bpf_check("sock/inet_sock_set_state", err);

	if (rc)
		return rc;
	skel = net__open();
	if (!skel)
		return km_bpf_failed(-errno, "net", err);
	skel->rodata->tgid = (__u32)pid;
	bpf_program__set_autoload(skel->progs.on_retransmit, km_bpf_has(optional[0]));
	rc = net__load(skel);
	if (!rc)
		rc = net__attach(skel);
	if (rc) {
		net__destroy(skel);
		return km_bpf_failed(rc, "net", err);
	}
	*state = skel;
	return 0;
}

static bool name_row(struct km_trace_row *row, const void *map_key)
{
	static const char *const names[KM_NET_KINDS] = {
		[KM_NET_SEND] = "sending",
		[KM_NET_FULL] = "buffer full",
		[KM_NET_RETRANSMIT] = "retransmitted",
	};
	const struct km_net_key *key = map_key;

	if (key->what >= KM_NET_KINDS)
		return false;
	snprintf(row->what, sizeof(row->what), "%s, port %u -> %u", names[key->what], key->local,
		 key->remote);
	row->vcpu = KM_TRACE_NO_VCPU;
	return true;
}

static int read_net(void *state, struct km_trace *out, struct km_err *err)
{
	struct net *skel = state;

	out->n = 0;
	out->lost = skel->bss->lost;
	out->rows = calloc(KM_NET_KEYS, sizeof(*out->rows));
	if (!out->rows)
		return km_err_set(err, -ENOMEM, "out of memory");
	km_bpf_read_hists(skel->maps.times, name_row, out, KM_NET_KEYS);
	return 0;
}

const struct km_question km_question_net = {
	.name = "net",
	.asks = "what it takes to send by TCP, and how long that waits for room",
	.probes = "kfunc:tcp_sendmsg, kretfunc:tcp_sendmsg, kfunc:sk_stream_wait_memory, "
		  "kretfunc:sk_stream_wait_memory, rawtracepoint:tcp_retransmit_skb",
	.optional = optional,
	.open = open_net,
	.read = read_net,
	.close = close_net,
};
