/* SPDX-License-Identifier: GPL-2.0 */
/* Names of the reasons for which a vCPU leaves the guest, as bpftrace's users know them
 * from the kernel's own kvm_exit tracepoint. */
#ifndef KM_REASONS_H
#define KM_REASONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* isa as the tracepoint has it (arch/x86/kvm/trace.h). A number without a name comes out as
 * one: "svm 0x99". */
void km_reason_name(char *buf, size_t size, uint32_t isa, uint32_t reason);

#endif
