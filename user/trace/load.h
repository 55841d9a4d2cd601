/* SPDX-License-Identifier: GPL-2.0 */
/* What loading an eBPF program needs of the kernel and of the caller, in words. */
#ifndef KM_LOAD_H
#define KM_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <bpf/libbpf.h>
#include "../../bpf/guest.h"
#include "../../bpf/hist.h"
#include "trace.h"

/* Before a load: BTF, the rights, and a tracepoint ("kvm/kvm_exit"). -ENOENT or -EPERM,
 * and err says what is missing. */
int km_bpf_check(const char *tracepoint, struct km_err *err);

/* Whether the kernel has a tracepoint; "" for whether tracefs is mounted at all. */
bool km_bpf_has(const char *tracepoint);

/* After libbpf returned rc for a question: rc, with what libbpf said in err. */
int km_bpf_failed(int rc, const char *question, struct km_err *err);

/* Puts the vCPUs' threads that the VMM's names tell into a map by thread; its values, of at
 * most 64 bytes, begin with the vCPU's number and are 0 otherwise. */
void km_bpf_add_vcpus(int map, pid_t pid);

/* A map of histograms, as rows after those there are, with the most time first, max in all.
 * name says what and whose a key's row is (keys have at most 32 bytes), false for no row. */
void km_bpf_read_hists(const struct bpf_map *map, bool (*name)(struct km_trace_row *, const void *),
		       struct km_trace *out, size_t max);

/* Rows with the most time first. */
void km_trace_sort(struct km_trace_row *rows, size_t n);

#endif
