/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels, so that the rest of the module need not know.
 * have.h says what is there; probe.sh makes it.
 */
#ifndef KM_COMPAT_H
#define KM_COMPAT_H

#include <linux/cpufreq.h>
#include <linux/device.h>
#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <linux/magic.h>
#include <linux/pm_qos.h>
#include <linux/sched/signal.h>
#include <net/genetlink.h>

#include "have.h"

/* The nth argument of the function that was entered. */
static __always_inline unsigned long
km_compat_ftrace_arg(struct ftrace_regs *fregs, unsigned int n)
{
#ifdef HAVE_FTRACE_REGS_GET_ARGUMENT
	return ftrace_regs_get_argument(fregs, n);
#else
	/*
	 * Not ftrace_get_regs(): it answers NULL unless all registers were
	 * asked for, but those that hold arguments are always saved.
	 */
	return regs_get_kernel_argument(&fregs->regs, n);
#endif
}

/*
 * Makes the functions of @ops's filter call @addr by themselves; and no more, returning when
 * no task is in there (@ops being a module's). Kernels without such calls say -ENOTSUPP.
 */
#if defined(HAVE_FTRACE_DIRECT_OPS) || defined(HAVE_FTRACE_DIRECT_MULTI)
/* Another ops may send the function elsewhere (livepatch): what is called returns there. */
static inline int km_compat_share(struct ftrace_ops *ops, enum ftrace_ops_cmd cmd)
{
	return 0;
}
#endif

#if defined(HAVE_FTRACE_DIRECT_OPS)
static inline int km_compat_register_direct(struct ftrace_ops *ops, unsigned long addr)
{
	ops->ops_func = km_compat_share;
	return register_ftrace_direct(ops, addr);
}

static inline int km_compat_unregister_direct(struct ftrace_ops *ops, unsigned long addr)
{
	return unregister_ftrace_direct(ops, addr, false);
}
#elif defined(HAVE_FTRACE_DIRECT_MULTI)
static inline int km_compat_register_direct(struct ftrace_ops *ops, unsigned long addr)
{
	int err;

	ops->ops_func = km_compat_share;
	err = register_ftrace_direct_multi(ops, addr);
	/* Else it could never be tried again: 6.1 leaves them as they were. */
	if (err) {
		ops->func = NULL;
		ops->trampoline = 0;
	}
	return err;
}

static inline int km_compat_unregister_direct(struct ftrace_ops *ops, unsigned long addr)
{
	return unregister_ftrace_direct_multi(ops, addr);
}
#else
static inline int km_compat_register_direct(struct ftrace_ops *ops, unsigned long addr)
{
	return -ENOTSUPP;
}

static inline int km_compat_unregister_direct(struct ftrace_ops *ops, unsigned long addr)
{
	return -ENOTSUPP;
}
#endif

static inline struct nlattr **km_compat_dump_attrs(struct netlink_callback *cb)
{
#ifdef HAVE_GENL_INFO_DUMP
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

/* Says what is wrong with a CPU, and where it can, with which. @what is a literal. */
#ifdef HAVE_NL_SET_ERR_MSG_FMT
#define KM_COMPAT_ERR_CPU(extack, cpu, what)	NL_SET_ERR_MSG_FMT(extack, "CPU %u " what, cpu)
#else
#define KM_COMPAT_ERR_CPU(extack, cpu, what)	do {	\
	(void)(cpu);					\
	NL_SET_ERR_MSG(extack, "a CPU " what);		\
} while (0)
#endif

static inline int km_compat_nr_as_ids(struct kvm *kvm)
{
#ifdef HAVE_KVM_ARCH_NR_MEMSLOT_AS_IDS
	return kvm_arch_nr_memslot_as_ids(kvm);
#else
	return KVM_ADDRESS_SPACE_NUM;
#endif
}

/* Most address spaces that a VM of this kernel can have. */
#ifdef HAVE_KVM_ARCH_NR_MEMSLOT_AS_IDS
#define KM_COMPAT_MAX_AS_IDS	KVM_MAX_NR_ADDRESS_SPACES
#else
#define KM_COMPAT_MAX_AS_IDS	KVM_ADDRESS_SPACE_NUM
#endif

/* The process that @mm belongs to, or NULL. Call it under rcu_read_lock(). */
static inline struct task_struct *km_compat_mm_owner(struct mm_struct *mm)
{
#ifdef HAVE_MM_OWNER
	return rcu_dereference(mm->owner);
#else
	return NULL;
#endif
}

/* Id of the thread that ran @vcpu last, in the reader's PID namespace, or 0. */
static inline pid_t km_compat_vcpu_tid(struct kvm_vcpu *vcpu)
{
	pid_t tid;

#ifdef HAVE_KVM_VCPU_PID_LOCK
	read_lock(&vcpu->pid_lock);
	tid = pid_vnr(vcpu->pid);
	read_unlock(&vcpu->pid_lock);
#else
	rcu_read_lock();
	tid = pid_vnr(rcu_dereference(vcpu->pid));
	rcu_read_unlock();
#endif
	return tid;
}

static inline bool km_compat_file_is_kvm(struct file *file)
{
#ifdef HAVE_EXPORT_FILE_IS_KVM
	return file_is_kvm(file);
#else
	/*
	 * User space can't choose the name of an anonymous inode, and no other
	 * code makes one of this name. The owner is NULL on 6.1 (kvm_vm_fops).
	 */
	const struct module *owner = file->f_op->owner;

	return file_inode(file)->i_sb->s_magic == ANON_INODE_FS_MAGIC &&
	       !strcmp(file->f_path.dentry->d_name.name, "kvm-vm") &&
	       (!owner || !strncmp(owner->name, "kvm", 3));
#endif
}

/* The vCPU that this thread is running, or NULL. Safe in any context. */
static __always_inline struct kvm_vcpu *km_compat_running_vcpu(void)
{
#ifdef HAVE_EXPORT_KVM_GET_RUNNING_VCPU
	return kvm_get_running_vcpu();
#else
	return NULL;
#endif
}

#ifdef HAVE_EXPORT_KVM_GET_RUNNING_VCPU
#define KM_COMPAT_KNOWS_VCPU	true
#else
#define KM_COMPAT_KNOWS_VCPU	false
#endif

/* What __kvm_set_memory_region() takes. */
#ifdef HAVE_KVM_USERSPACE_MEMORY_REGION2
#define km_compat_region	kvm_userspace_memory_region2
#else
#define km_compat_region	kvm_userspace_memory_region
#endif

/* Under a policy's governors lie the folders of what they are set to. NULL: nowhere. */
static inline struct kobject *km_compat_governor_parent(struct cpufreq_policy *policy)
{
#ifdef CONFIG_CPU_FREQ
	return get_governor_parent_kobj(policy);
#else
	return NULL;
#endif
}

/* Puts the limits in force that are asked for. With the policy's rwsem held for writing. */
static inline void km_compat_refresh_limits(struct cpufreq_policy *policy)
{
#ifdef CONFIG_CPU_FREQ
	refresh_frequency_limits(policy);
#endif
}

/* The lowest that anybody asks for. dev_pm_qos_read_value() is not exported. */
static inline s32 km_compat_resume_latency(struct device *dev)
{
	s32 value = PM_QOS_RESUME_LATENCY_NO_CONSTRAINT;

#ifdef CONFIG_PM
	spin_lock_irq(&dev->power.lock);
	if (!IS_ERR_OR_NULL(dev->power.qos))
		value = READ_ONCE(dev->power.qos->resume_latency.target_value);
	spin_unlock_irq(&dev->power.lock);
#endif
	return value;
}

/* Can the module switch a slot's dirty logging on and off? With slots_lock held. */
#ifdef HAVE_EXPORT___KVM_SET_MEMORY_REGION
#define KM_COMPAT_CAN_DRIVE	true
static inline int km_compat_set_region(struct kvm *kvm, const struct km_compat_region *region)
{
	return __kvm_set_memory_region(kvm, region);
}
#else
#define KM_COMPAT_CAN_DRIVE	false
static inline int km_compat_set_region(struct kvm *kvm, const struct km_compat_region *region)
{
	return -EOPNOTSUPP;
}
#endif

#endif /* KM_COMPAT_H */
