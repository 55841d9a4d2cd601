// SPDX-License-Identifier: GPL-2.0
/* The question of bpf/faults.bpf.c: what first touches of memory cost. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <faults.skel.h>
#include "../../bpf/faults.h"
#include "load.h"
#include "trace.h"

static void close_faults(void *state)
{
	faults__destroy(state);
}

static int open_faults(void **state, pid_t pid, struct km_err *err)
{
	struct faults *skel;
	int rc = km_bpf_check("kvm/kvm_page_fault", err);

	if (rc)
		return rc;
	skel = faults__open();
	if (!skel)
		return km_bpf_failed(-errno, "faults", err);
	skel->rodata->tgid = (__u32)pid;
	skel->rodata->vmx = !access("/sys/module/kvm_intel", F_OK);
	rc = faults__load(skel);
	if (!rc) {
		km_bpf_add_vcpus(bpf_map__fd(skel->maps.vcpus), pid);
		rc = faults__attach(skel);
	}
	if (rc) {
		faults__destroy(skel);
		return km_bpf_failed(rc, "faults", err);
	}
	*state = skel;
	return 0;
}

static bool name_row(struct km_trace_row *row, const void *map_key)
{
	static const char *const names[KM_FAULTS_KINDS] = {
		[KM_FAULTS_GUEST] = "guest's fault on an unmapped page",
		[KM_FAULTS_INNER] = "in it, VMM's memory faulted in",
		[KM_FAULTS_VMM] = "VMM's own page fault",
	};
	const struct km_faults_key *key = map_key;

	if (key->what >= KM_FAULTS_KINDS)
		return false;
	snprintf(row->what, sizeof(row->what), "%s", names[key->what]);
	row->vcpu = key->vcpu;
	return true;
}

static int read_faults(void *state, struct km_trace *out, struct km_err *err)
{
	struct faults *skel = state;

	out->n = 0;
	out->lost = skel->bss->lost;
	out->rows = calloc(KM_FAULTS_KEYS, sizeof(*out->rows));
	if (!out->rows)
		return km_err_set(err, -ENOMEM, "out of memory");
	km_bpf_read_hists(skel->maps.times, name_row, out, KM_FAULTS_KEYS);
	return 0;
}

const struct km_question km_question_faults = {
	.name = "faults",
	.asks = "what first touches of memory cost, after arrival for one",
	.probes = "tracepoint:kvm:kvm_page_fault, tracepoint:kvm:kvm_entry, "
		  "kfunc:handle_mm_fault, kretfunc:handle_mm_fault",
	.open = open_faults,
	.read = read_faults,
	.close = close_faults,
};
