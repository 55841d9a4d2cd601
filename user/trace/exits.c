// SPDX-License-Identifier: GPL-2.0
/* The question of bpf/exits.bpf.c: why vCPUs leave the guest. */
#include <errno.h>
#include <stdlib.h>
#include <exits.skel.h>
#include "../../bpf/exits.h"
#include "load.h"
#include "reasons.h"
#include "trace.h"

static void close_exits(void *state)
{
	exits__destroy(state);
}

static int open_exits(void **state, pid_t pid, struct km_err *err)
{
	struct exits *skel;
	int rc = km_bpf_check("kvm/kvm_exit", err);

	if (rc)
		return rc;
	skel = exits__open();
	if (!skel)
		return km_bpf_failed(-errno, "exits", err);
	skel->rodata->tgid = (__u32)pid;
	rc = exits__load(skel);
	if (!rc)
		rc = exits__attach(skel);
	if (rc) {
		exits__destroy(skel);
		return km_bpf_failed(rc, "exits", err);
	}
	*state = skel;
	return 0;
}

static bool name_row(struct km_trace_row *row, const void *map_key)
{
	const struct km_exits_key *key = map_key;

	km_reason_name(row->what, sizeof(row->what), key->isa, key->reason);
	row->vcpu = key->vcpu;
	return true;
}

static int read_exits(void *state, struct km_trace *out, struct km_err *err)
{
	struct exits *skel = state;

	out->n = 0;
	out->lost = skel->bss->lost;
	out->rows = calloc(KM_EXITS_KEYS, sizeof(*out->rows));
	if (!out->rows)
		return km_err_set(err, -ENOMEM, "out of memory");
	km_bpf_read_hists(skel->maps.exits, name_row, out, KM_EXITS_KEYS);
	return 0;
}

const struct km_question km_question_exits = {
	.name = "exits",
	.asks = "why vCPUs leave the guest, and how long each reason keeps them out",
	.probes = "tracepoint:kvm:kvm_exit, tracepoint:kvm:kvm_entry",
	.open = open_exits,
	.read = read_exits,
	.close = close_exits,
};
