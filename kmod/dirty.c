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
#include <linux/slab.h>

#include "compat/compat.h"
#include "dirty.h"
#include "hook.h"
#include "pml.h"
#include "track.h"
#include "vm.h"

/* Preemption is disabled: @other is this CPU's, and that is enough for RCU, too. */
static __always_inline void count(struct km_vm *vm, const struct kvm_memory_slot *slot, u64 rel,
				  const struct kvm_vcpu *vcpu, bool by_pml)
{
	/* There is none when the VM uses a dirty ring. */
	const unsigned long *bitmap = READ_ONCE(slot->dirty_bitmap);
	struct km_dirty_counter *counter;
	struct km_track *track;

	if (likely(vcpu && vcpu->vcpu_idx < vm->dirty.nr_vcpus))
		counter = &vm->dirty.vcpu[vcpu->vcpu_idx];
	else
		counter = this_cpu_ptr(vm->dirty.other);
	if (by_pml && vcpu)
		km_pml_count_drain(counter, vcpu);

	if (bitmap && unlikely(test_bit_le(rel, bitmap))) {
		local64_inc(&counter->repeats);
		return;
	}
	local64_inc(&counter->pages);
	if (by_pml)
		local64_inc(&counter->pml_pages);
	track = km_vm_track(vm);
	if (track)
		km_heat_mark(&track->heat, slot, rel);
}

/*
 * Runs for each page. So all that can be is inlined, and what isn't needed before the one call
 * that is left, kvm_get_running_vcpu(), is read after it: what is kept over a call takes a
 * register that must be saved and restored.
 *
 * The caller keeps kvm and slot alive, as the function that was hooked uses them as well.
 */
static void notrace hook(unsigned long ip, unsigned long parent_ip,
			 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct kvm_memory_slot *slot =
		(const struct kvm_memory_slot *)km_compat_ftrace_arg(fregs, 1);
	const struct kvm_vcpu *vcpu;
	const struct kvm *kvm;
	struct km_vm *vm;
	bool by_pml;
	u64 rel;

	/* The slot may be NULL, and most slots aren't logging. */
	if (!slot || !kvm_slot_dirty_track_enabled(slot))
		return;

	by_pml = km_pml_drains(parent_ip);
	preempt_disable_notrace();
	vcpu = km_compat_running_vcpu();
	kvm = (const struct kvm *)km_compat_ftrace_arg(fregs, 0);
	rel = km_compat_ftrace_arg(fregs, 2) - slot->base_gfn;
	vm = km_vm_find_rcu(kvm);
	/* KVM drops what isn't so with a warning: mark_page_dirty_in_slot(). */
	if (vm && likely(rel < slot->npages && (!vcpu || vcpu->kvm == kvm)))
		count(vm, slot, rel, vcpu, by_pml);
	preempt_enable_notrace();
}

KM_HOOK(dirty_hook, "mark_page_dirty_in_slot", hook);

/* Where ftrace can't be used the VM isn't counted, and km_dirty::counting says so. */
void km_dirty_start(struct km_dirty *dirty)
{
	dirty->counting = !km_hook_get(&dirty_hook);
	dirty->counts_pml = dirty->counting && km_pml_start();
}

void km_dirty_stop(struct km_dirty *dirty)
{
	if (dirty->counts_pml)
		km_pml_stop();
	if (dirty->counting)
		km_hook_put(&dirty_hook);
}

void km_dirty_fini(void)
{
	km_hook_fini(&dirty_hook);
	km_pml_fini();
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
	counts->pml.pages = local64_read(&counter->pml_pages);
	counts->pml.drains = local64_read(&counter->pml_drains);
	counts->pml.full = local64_read(&counter->pml_full);
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

	*counts = (struct km_counts){};
	for_each_possible_cpu(cpu) {
		read_counter(per_cpu_ptr(dirty->other, cpu), &one);
		counts->pages += one.pages;
		counts->repeats += one.repeats;
	}
}

/* Pages, by all vCPUs and by none. */
u64 km_dirty_total(const struct km_dirty *dirty)
{
	struct km_counts one;
	unsigned int i;
	u64 pages;

	km_dirty_read_other(dirty, &one);
	pages = one.pages;
	for (i = 0; i < dirty->nr_vcpus; i++) {
		km_dirty_read_vcpu(dirty, i, &one);
		pages += one.pages;
	}
	return pages;
}
