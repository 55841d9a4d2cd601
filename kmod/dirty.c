// SPDX-License-Identifier: GPL-2.0
/*
 * Counts the pages that guests dirty.
 *
 * KVM reports each dirtied page by mark_page_dirty_in_slot(), whatever the
 * mechanism: vmx_flush_pml_buffer(), fast_page_fault(), make_spte() and KVM's own
 * writes all end there. One ftrace hook on it serves all VMs. It runs in atomic
 * context, maybe under mmu_lock, maybe with interrupts off, and takes no lock.
 *
 * The function sets the page's bit after the hook ran, so the hook can tell a page
 * that becomes dirty from one that is reported again (handle_changed_spte_dirty_log()
 * of 6.1 repeats what make_spte() has reported; KVM's own writes repeat
 * themselves). Two vCPUs that report the same clean page at the same instant both
 * see a clear bit: such a page counts twice. To be exact there, the hook would have
 * to set KVM's bit itself, and observing must change nothing.
 *
 * Who may add to a counter: a vCPU's, the CPU which that vCPU is loaded on, so one
 * at a time, and the scheduler orders one after the other; @other, the CPU that it
 * belongs to. local64_t makes the addition safe against an interrupt on the same
 * CPU that gets here, too (kvm_xen_set_evtchn_fast()).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "compat/compat.h"
#include "dirty.h"
#include "vm.h"

#define LINGER_JIFFIES	HZ

/* By name: 6.18 exports it to KVM's own modules only. */
static unsigned char hooked_name[] = "mark_page_dirty_in_slot";

/* Protects what follows, and with it the hook's presence. */
static DEFINE_MUTEX(hook_lock);
static unsigned int hook_users;
static bool hooked;

static void count(struct km_dirty *dirty, struct kvm *kvm,
		  const struct kvm_memory_slot *slot, gfn_t gfn)
{
	struct kvm_vcpu *vcpu = km_compat_running_vcpu();
	struct km_dirty_counter *counter;
	const unsigned long *bitmap;
	u64 rel = gfn - slot->base_gfn;

	/* KVM drops these with a warning: mark_page_dirty_in_slot(). */
	if (unlikely((vcpu && vcpu->kvm != kvm) || rel >= slot->npages))
		return;

	if (likely(vcpu && vcpu->vcpu_idx < dirty->nr_vcpus))
		counter = &dirty->vcpu[vcpu->vcpu_idx];
	else
		counter = this_cpu_ptr(dirty->other);

	/* There is no bitmap when the VM uses a dirty ring. */
	bitmap = READ_ONCE(slot->dirty_bitmap);
	if (bitmap && test_bit_le(rel, bitmap))
		local64_inc(&counter->repeats);
	else
		local64_inc(&counter->pages);
}

static void notrace hook(unsigned long ip, unsigned long parent_ip,
			 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct kvm *kvm = (struct kvm *)km_compat_ftrace_arg(fregs, 0);
	const struct kvm_memory_slot *slot =
		(const struct kvm_memory_slot *)km_compat_ftrace_arg(fregs, 1);
	gfn_t gfn = km_compat_ftrace_arg(fregs, 2);
	struct km_vm *vm;

	/* The slot may be NULL, and most slots aren't logging. */
	if (!slot || !kvm_slot_dirty_track_enabled(slot))
		return;

	/*
	 * The caller keeps kvm and slot alive, as the function that was hooked
	 * uses them as well. FTRACE_OPS_FL_RECURSION disabled preemption, which
	 * this_cpu_ptr() in count() needs.
	 */
	rcu_read_lock();
	vm = km_vm_find_rcu(kvm);
	if (vm)
		count(&vm->dirty, kvm, slot, gfn);
	rcu_read_unlock();
}

static struct ftrace_ops hook_ops = {
	.func	= hook,
	/*
	 * PERMANENT: else writing 0 to kernel.ftrace_enabled would silently stop
	 * the counting. Neither IPMODIFY nor SAVE_REGS: nothing is changed.
	 */
	.flags	= FTRACE_OPS_FL_RECURSION | FTRACE_OPS_FL_RCU |
		  FTRACE_OPS_FL_PERMANENT,
};

static int hook_add(void)
{
	int err;

	/*
	 * Must not be ignored: an ops whose filter is empty hooks every function
	 * of the kernel.
	 */
	err = ftrace_set_filter(&hook_ops, hooked_name, sizeof(hooked_name) - 1, 1);
	if (err)
		return err;
	return register_ftrace_function(&hook_ops);
}

static void hook_remove(void)
{
	/* Returns when no CPU and no preempted task is in the hook any more. */
	int err = unregister_ftrace_function(&hook_ops);

	/* Only if ftrace has shut itself down after a bug; then nothing calls us. */
	WARN_ON_ONCE(err);
}

static void unhook(struct work_struct *work)
{
	mutex_lock(&hook_lock);
	if (hooked && !hook_users) {
		hook_remove();
		hooked = false;
	}
	mutex_unlock(&hook_lock);
}

/*
 * The hook outlives its last user by LINGER_JIFFIES. Removing it waits until every task
 * has been seen outside of ftrace's trampolines (synchronize_rcu_tasks()), and who comes
 * meanwhile must wait as well, in a doit handler: without this, a client that takes one
 * VM after another would at each.
 */
static DECLARE_DELAYED_WORK(unhook_work, unhook);

/* Where ftrace can't be used the VM isn't counted, and km_dirty::counting says so. */
void km_dirty_start(struct km_dirty *dirty)
{
	int err = 0;

	mutex_lock(&hook_lock);
	if (!hooked)
		err = hook_add();
	if (!err) {
		hooked = true;
		hook_users++;
	}
	mutex_unlock(&hook_lock);

	if (err)
		pr_warn_ratelimited("can't hook %s (%d): pages are not counted\n",
				    hooked_name, err);
	dirty->counting = !err;
}

void km_dirty_stop(struct km_dirty *dirty)
{
	if (!dirty->counting)
		return;
	mutex_lock(&hook_lock);
	if (!--hook_users)
		schedule_delayed_work(&unhook_work, LINGER_JIFFIES);
	mutex_unlock(&hook_lock);
}

/*
 * All users have gone. The filter isn't freed before: ftrace_free_filter() leaves
 * dangling pointers, which the next ftrace_set_filter() would free again. That one
 * replaces a filter that is there.
 */
void km_dirty_fini(void)
{
	cancel_delayed_work_sync(&unhook_work);
	unhook(NULL);
	ftrace_free_filter(&hook_ops);
}

/*
 * Room for twice as many vCPUs as there are now, and for 64 at least: the hook
 * can't allocate when another is plugged in.
 */
int km_dirty_init(struct km_dirty *dirty, unsigned int nr_vcpus)
{
	nr_vcpus = clamp(2 * nr_vcpus, 64u, 2u * KVM_MAX_VCPUS);

	dirty->vcpu = kvcalloc(nr_vcpus, sizeof(*dirty->vcpu), GFP_KERNEL_ACCOUNT);
	if (!dirty->vcpu)
		return -ENOMEM;

	dirty->other = alloc_percpu_gfp(struct km_dirty_counter, GFP_KERNEL_ACCOUNT);
	if (!dirty->other) {
		kvfree(dirty->vcpu);
		return -ENOMEM;
	}
	dirty->nr_vcpus = nr_vcpus;
	return 0;
}

/* Doesn't sleep. No hook may be using @dirty. */
void km_dirty_free(struct km_dirty *dirty)
{
	free_percpu(dirty->other);
	kvfree(dirty->vcpu);
}

static void read_counter(const struct km_dirty_counter *counter,
			 struct km_counts *counts)
{
	counts->pages = local64_read(&counter->pages);
	counts->repeats = local64_read(&counter->repeats);
}

/* @idx must be less than km_dirty::nr_vcpus. */
void km_dirty_read_vcpu(const struct km_dirty *dirty, unsigned int idx,
			struct km_counts *counts)
{
	read_counter(&dirty->vcpu[idx], counts);
}

void km_dirty_read_other(const struct km_dirty *dirty, struct km_counts *counts)
{
	struct km_counts one;
	int cpu;

	counts->pages = 0;
	counts->repeats = 0;
	for_each_possible_cpu(cpu) {
		read_counter(per_cpu_ptr(dirty->other, cpu), &one);
		counts->pages += one.pages;
		counts->repeats += one.repeats;
	}
}
