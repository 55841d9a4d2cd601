// SPDX-License-Identifier: GPL-2.0
/* The question of bpf/exits.bpf.c: why vCPUs leave the guest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
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

/* Exits from which the vCPU isn't back yet: they count, but have no length. */
static void add_away(const struct exits *skel, struct km_trace *out)
{
	int map = bpf_map__fd(skel->maps.away);
	struct km_exits_away v;
	__u32 thread, *last = NULL;

	while (!bpf_map_get_next_key(map, last, &thread)) {
		struct km_trace_row row = { 0 };
		size_t i = 0;

		last = &thread;
		if (bpf_map_lookup_elem(map, &thread, &v) || !v.at_ns)
			continue;
		name_row(&row, &v.key);
		while (i < out->n &&
		       (out->rows[i].vcpu != row.vcpu || strcmp(out->rows[i].what, row.what)))
			i++;
		if (i == KM_EXITS_KEYS)
			continue;
		if (i == out->n)
			out->rows[out->n++] = row;
		out->rows[i].events++;
	}
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
	add_away(skel, out);
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
