/* SPDX-License-Identifier: GPL-2.0 */
/* What loading an eBPF program needs of the kernel and of the caller, in words. */
#ifndef KM_LOAD_H
#define KM_LOAD_H

#include "../model.h"

/* Before a load: BTF, the rights, and a tracepoint ("kvm/kvm_exit"). -ENOENT or -EPERM,
 * and err says what is missing. */
int km_bpf_check(const char *tracepoint, struct km_err *err);

/* After libbpf returned rc for a question: rc, with what libbpf said in err. */
int km_bpf_failed(int rc, const char *question, struct km_err *err);

#endif
