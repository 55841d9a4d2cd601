/* SPDX-License-Identifier: GPL-2.0 */
/* What loading an eBPF program needs of the kernel and of the caller, in words. */
#ifndef KM_LOAD_H
#define KM_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include "../../bpf/hist.h"
#include "trace.h"

/* Before a load: BTF, the rights, and a tracepoint ("kvm/kvm_exit"). -ENOENT or -EPERM,
 * and err says what is missing. */
int km_bpf_check(const char *tracepoint, struct km_err *err);

/* Whether the kernel has a tracepoint; "" for whether tracefs is mounted at all. */
bool km_bpf_has(const char *tracepoint);

/* After libbpf returned rc for a question: rc, with what libbpf said in err. */
int km_bpf_failed(int rc, const char *question, struct km_err *err);

/* What a program kept, into a row. */
void km_bpf_hist_copy(struct km_trace_row *row, const struct km_bpf_hist *h);

/* Rows with the most time first. */
void km_trace_sort(struct km_trace_row *rows, size_t n);

#endif
