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

/* The row of a key, a new one if it has none; NULL if there is no room. */
static struct km_trace_row *row_of(struct km_trace *out, struct km_exits_key *keys,
				   const struct km_exits_key *key)
{
	struct km_trace_row *row;
	size_t i = 0;

	while (i < out->n && memcmp(&keys[i], key, sizeof(*key)))
		i++;
	if (i == KM_EXITS_KEYS)
		return NULL;
	row = &out->rows[i];
	if (i < out->n)
		return row;
	out->n++;
	keys[i] = *key;
	km_reason_name(row->what, sizeof(row->what), key->isa, key->reason);
	row->vcpu = key->vcpu;
	return row;
}

static void read_over(struct exits *skel, struct km_trace *out, struct km_exits_key *keys)
{
	int map = bpf_map__fd(skel->maps.exits);
	struct km_exits_key key, *last = NULL;
	struct km_trace_row *row;
	struct km_bpf_hist v;

	while (!bpf_map_get_next_key(map, last, &key)) {
		last = &key;
		row = bpf_map_lookup_elem(map, &key, &v) ? NULL : row_of(out, keys, &key);
		if (row)
			km_bpf_hist_copy(row, &v);
	}
}

/* Exits from which the vCPU isn't back yet: they count, but have no length. */
static void read_away(struct exits *skel, struct km_trace *out, struct km_exits_key *keys)
{
	int map = bpf_map__fd(skel->maps.away);
	struct km_trace_row *row;
	struct km_exits_away v;
	__u32 thread, *last = NULL;

	while (!bpf_map_get_next_key(map, last, &thread)) {
		last = &thread;
		if (bpf_map_lookup_elem(map, &thread, &v) || !v.at_ns)
			continue;
		row = row_of(out, keys, &v.key);
		if (row)
			row->events++;
	}
}

static int read_exits(void *state, struct km_trace *out, struct km_err *err)
{
	struct km_exits_key *keys = calloc(KM_EXITS_KEYS, sizeof(*keys));
	struct exits *skel = state;

	out->n = 0;
	out->lost = skel->bss->lost;
	out->rows = calloc(KM_EXITS_KEYS, sizeof(*out->rows));
	if (!out->rows || !keys) {
		free(keys);
		return km_err_set(err, -ENOMEM, "out of memory");
	}
	read_over(skel, out, keys);
	read_away(skel, out, keys);
	free(keys);
	km_trace_sort(out->rows, out->n);
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
