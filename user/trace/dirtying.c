// SPDX-License-Identifier: GPL-2.0
/* The question of bpf/dirtying.bpf.c: what dirty tracking costs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <dirtying.skel.h>
#include "../../bpf/dirtying.h"
#include "load.h"
#include "trace.h"

static const char *const optional[] = {
	"kvm/kvm_pml_full",
	"kvmmmu/fast_page_fault",
	"kvmmmu/kvm_mmu_split_huge_page",
	"lock/contention_begin", /* since 5.19 (16edd9b511a1) */
	"syscalls/sys_enter_ioctl",
	NULL,
};

static void close_dirtying(void *state)
{
	dirtying__destroy(state);
}

static void leave_out(const struct dirtying *skel)
{
	const struct {
		struct bpf_program *program;
		const char *tracepoint;
	} all[] = {
		{ skel->progs.on_pml_full, optional[0] },
		{ skel->progs.on_fast_fault, optional[1] },
		{ skel->progs.on_split, optional[2] },
		{ skel->progs.on_contention, optional[3] },
		{ skel->progs.on_contended, optional[3] },
		{ skel->progs.on_ioctl, optional[4] },
		{ skel->progs.on_ioctl_end, optional[4] },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		bpf_program__set_autoload(all[i].program, km_bpf_has(all[i].tracepoint));
}

static int open_dirtying(void **state, pid_t pid, struct km_err *err)
{
	struct dirtying *skel;
	int rc = km_bpf_check("kvm/kvm_page_fault", err);

	if (rc)
		return rc;
	skel = dirtying__open();
	if (!skel)
		return km_bpf_failed(-errno, "dirtying", err);
	skel->rodata->tgid = (__u32)pid;
	skel->rodata->vmx = !access("/sys/module/kvm_intel", F_OK);
	leave_out(skel);
	rc = dirtying__load(skel);
	if (!rc)
		rc = dirtying__attach(skel);
	if (rc) {
		dirtying__destroy(skel);
		return km_bpf_failed(rc, "dirtying", err);
	}
	*state = skel;
	return 0;
}

static bool name_row(struct km_trace_row *row, const void *map_key)
{
	static const char *const names[KM_DIRTYING_KINDS] = {
		[KM_DIRTYING_FAULT] = "write-protect fault",
		[KM_DIRTYING_FAST] = "fault put right without mmu_lock",
		[KM_DIRTYING_PML] = "PML buffer full",
		[KM_DIRTYING_SPLIT] = "huge page split",
		[KM_DIRTYING_LOCK] = "waiting for mmu_lock",
		[KM_DIRTYING_GET] = "KVM_GET_DIRTY_LOG",
		[KM_DIRTYING_CLEAR] = "KVM_CLEAR_DIRTY_LOG",
		[KM_DIRTYING_RESET] = "KVM_RESET_DIRTY_RINGS",
		[KM_DIRTYING_ARMED] = "page armed again",
	};
	const struct km_dirtying_key *key = map_key;

	if (key->what >= KM_DIRTYING_KINDS)
		return false;
	snprintf(row->what, sizeof(row->what), "%s", names[key->what]);
	row->vcpu = key->vcpu;
	return true;
}

static int read_dirtying(void *state, struct km_trace *out, struct km_err *err)
{
	struct dirtying *skel = state;

	out->n = 0;
	out->lost = skel->bss->lost;
	out->rows = calloc(KM_DIRTYING_KEYS, sizeof(*out->rows));
	if (!out->rows)
		return km_err_set(err, -ENOMEM, "out of memory");
	km_bpf_read_hists(skel->maps.times, name_row, out, KM_DIRTYING_KEYS);
	return 0;
}

const struct km_question km_question_dirtying = {
	.name = "dirtying",
	.asks = "what it costs to track which pages the guest dirties",
	.probes = "tracepoint:kvm:kvm_page_fault, tracepoint:kvmmmu:fast_page_fault, "
		  "tracepoint:kvm:kvm_pml_full, tracepoint:kvmmmu:kvm_mmu_split_huge_page, "
		  "rawtracepoint:kvm_entry, rawtracepoint:contention_begin, "
		  "rawtracepoint:contention_end, tracepoint:syscalls:sys_enter_ioctl, "
		  "tracepoint:syscalls:sys_exit_ioctl, "
		  "kfunc:kvm_arch_mmu_enable_log_dirty_pt_masked",
	.optional = optional,
	.open = open_dirtying,
	.read = read_dirtying,
	.close = close_dirtying,
};
