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
 *
 * Hooked is either way of hook.c's: by direct.c, or where that can't be, by ftrace. Both try
 * km_count_quickly(), with what this CPU keeps of recent reports (km_recents), and come here
 * for the rest. Nothing that is kept is ever used again when it isn't so any more:
 *
 *   - Only the CPU's own tasks write what is kept, with preemption disabled; an interrupt
 *     finds it whole, or without a slot.
 *   - Who takes a VM out of the table, switches tracking on, takes a table of it away, or
 *     sees a slot about to change (watch.c), calls km_count_forget(). Who found out something
 *     meanwhile sees @forgotten change, and keeps nothing.
 *   - Who still uses it just then does so with preemption disabled, and what it points to is
 *     freed after a grace period.
 *   - So a slot's address is that slot's: KVM frees a slot some time after the change that
 *     replaced it, and makes new ones in a later change, before which all is forgotten.
 */
#include <linux/atomic.h>

#include "compat/compat.h"
#include "count.h"
#include "direct.h"
#include "hook.h"
#include "track.h"
#include "vm.h"

DEFINE_PER_CPU_ALIGNED(struct km_recent [KM_RECENTS], km_recents);

static atomic_t forgotten = ATOMIC_INIT(0);

/* After this, nothing is counted by what was found out before. */
void km_count_forget(void)
{
	int cpu, i;

	/* A full barrier: keep() sees it, or else what it kept is seen here. */
	atomic_inc_return(&forgotten);
	for_each_possible_cpu(cpu)
		for (i = 0; i < KM_RECENTS; i++)
			WRITE_ONCE(per_cpu(km_recents, cpu)[i].slot, NULL);
}

/* Preemption is disabled. @seen is @forgotten from before anything was found out. */
static void keep(const struct km_recent *new, unsigned int id, int seen)
{
	struct km_recent *recent = &raw_cpu_ptr(km_recents)[id % KM_RECENTS];

	WRITE_ONCE(recent->slot, NULL);
	barrier();
	recent->notifier = new->notifier;
	recent->counter = new->counter;
	recent->table = new->table;
	barrier();
	WRITE_ONCE(recent->slot, new->slot);
	smp_mb();	/* pairs with km_count_forget()'s */
	if (atomic_read(&forgotten) != seen)
		WRITE_ONCE(recent->slot, NULL);
}

/* Can what @vcpu's thread reports be known by its notifier? */
static bool can_keep(const struct kvm_vcpu *vcpu)
{
	return vcpu && in_task() &&
	       current->preempt_notifiers.first == &vcpu->preempt_notifier.link;
}

static void count(struct km_vm *vm, const struct kvm_memory_slot *slot, u64 rel,
		  const struct kvm_vcpu *vcpu, bool by_pml, int seen)
{
	struct km_recent new = { .slot = slot };
	struct km_track *track = km_vm_track(vm);
	bool ring = !slot->dirty_bitmap;
	struct km_heat *heat = NULL;

	if (likely(vcpu && vcpu->vcpu_idx < vm->dirty.nr_vcpus))
		new.counter = &vm->dirty.vcpu[vcpu->vcpu_idx];
	else
		new.counter = this_cpu_ptr(vm->dirty.other);
	if (track && READ_ONCE(track->heat.on))
		heat = &track->heat;
	km_count(new.counter, NULL, heat, slot, rel, ring, vcpu, by_pml && vcpu);

	/* One of a ring, or whose table isn't there yet, comes here each time. */
	if (heat)
		new.table = km_heat_table(heat, slot);
	if (ring || (heat && !new.table) || !can_keep(vcpu))
		return;
	new.notifier = &vcpu->preempt_notifier.link;
	keep(&new, slot->id, seen);
}

/*
 * The caller keeps @kvm and @slot alive, as the function that was hooked uses them as well,
 * and the slot logs.
 */
void notrace km_count_slowly(const struct kvm *kvm, const struct kvm_memory_slot *slot, gfn_t gfn,
			     unsigned long parent_ip)
{
	bool by_pml = km_pml_drains(parent_ip);
	u64 rel = gfn - slot->base_gfn;
	const struct kvm_vcpu *vcpu;
	struct km_vm *vm;
	int seen;

	/* The per-CPU counters are this CPU's, and that is enough for RCU, too. */
	preempt_disable_notrace();
	seen = atomic_read_acquire(&forgotten);
	vcpu = km_compat_running_vcpu();
	vm = km_vm_find_rcu(kvm);
	/* KVM drops what isn't so with a warning: mark_page_dirty_in_slot(). */
	if (vm && likely(rel < slot->npages && (!vcpu || vcpu->kvm == kvm)))
		count(vm, slot, rel, vcpu, by_pml, seen);
	preempt_enable_notrace();
}

static void notrace hook(unsigned long ip, unsigned long parent_ip,
			 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct kvm *kvm = (const struct kvm *)km_compat_ftrace_arg(fregs, 0);
	const struct kvm_memory_slot *slot =
		(const struct kvm_memory_slot *)km_compat_ftrace_arg(fregs, 1);
	gfn_t gfn = km_compat_ftrace_arg(fregs, 2);

	/* The slot may be NULL, and most slots aren't logging. */
	if (slot && kvm_slot_dirty_track_enabled(slot) &&
	    unlikely(!km_count_quickly(slot, gfn, &parent_ip)))
		km_count_slowly(kvm, slot, gfn, parent_ip);
}

KM_HOOK_DIRECT(dirty_hook, "mark_page_dirty_in_slot", hook, KM_DIRECT_DIRTY);

int km_count_hook(void)
{
	return km_hook_get(&dirty_hook);
}

void km_count_unhook(void)
{
	km_hook_put(&dirty_hook);
}

void km_count_fini(void)
{
	km_hook_fini(&dirty_hook);
}
