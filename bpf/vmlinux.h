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

struct trace_event_raw_kvm_page_fault {
	unsigned int vcpu_id;
	__u64 error_code;
};

struct trace_event_raw_kvm_pml_full {
	unsigned int vcpu_id;
};

/* arch/x86/kvm/mmu/mmutrace.h */
struct trace_event_raw_fast_page_fault {
	int vcpu_id;
	__u64 old_spte;
	__u64 new_spte;
};

/* include/trace/events/syscalls.h: what the syscalls' own tracepoints look like, too. */
struct trace_event_raw_sys_enter {
	unsigned long args[6];
};

/* include/trace/events/power.h: what cpu_idle and cpu_frequency look like. */
struct trace_event_raw_cpu {
	__u32 state;
	__u32 cpu_id;
};

/* include/trace/events/kvm.h */
struct trace_event_raw_kvm_userspace_exit {
	int errno;
};

struct trace_event_raw_kvm_vcpu_wakeup {
	__u64 ns;
	_Bool waited;
};

/* x86 has the CPU here since 5.16 (bcf9033e5449). */
struct thread_info {
	__u32 cpu;
};

/* kernel/sched/sched.h */
struct cfs_rq {
	int throttle_count; /* with CONFIG_CFS_BANDWIDTH */
};

struct sched_entity {
	struct cfs_rq *cfs_rq; /* with CONFIG_FAIR_GROUP_SCHED */
};

/* arch/x86/include/asm/ptrace.h */
struct pt_regs {
	unsigned long si;
	unsigned long orig_ax;
};

struct task_struct {
	struct thread_info thread_info;
	struct sched_entity se;
	unsigned int __state; /* state until 5.14 (2f064a59a11f) */
	unsigned int flags;
	int on_cpu;
	int pid;
	int tgid;
	char comm[16];
};

/* kernel/sched/sched.h */
struct rq {
	struct task_struct *curr;
};

/* include/net/sock.h */
struct sock_common {
	__u16 skc_dport; /* big endian */
	__u16 skc_num;
};

struct sock {
	struct sock_common __sk_common;
};

/* include/linux/kvm_host.h */
typedef struct {
} rwlock_t;

struct kvm {
	rwlock_t mmu_lock; /* spinlock_t until 5.12 (531810caa9f4) */
};

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
};

#pragma clang attribute pop

#endif
