/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's types, as far as the programs here use them. CO-RE looks each field up in
 * the running kernel's BTF (vmlinux's and the modules'), so order and size don't matter;
 * a field that isn't there fails the load, by name.
 */
#ifndef KM_BPF_VMLINUX_H
#define KM_BPF_VMLINUX_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* arch/x86/kvm/trace.h */
struct trace_event_raw_kvm_exit {
	unsigned int exit_reason;
	__u32 isa;
	unsigned int vcpu_id;
};

#pragma clang attribute pop

#endif
