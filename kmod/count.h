/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What runs for each page that becomes dirty: the quick way, inlined in whatever is hooked.
 * count.c does what it can't, and describes the rules.
 */
#ifndef KM_COUNT_H
#define KM_COUNT_H

#include <linux/kvm_host.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <asm/current.h>

#include "dirty.h"
#include "heat.h"
#include "pml.h"

/*
 * What was found out for a report by a vCPU's thread, kept for the next one of the same slot
 * and thread on this CPU. The thread is known by its first preempt notifier, which is that
 * of its vCPU from vcpu_load() to vcpu_put(). So the vCPU is known as well, and its VM.
 */
struct km_recent {
	const struct kvm_memory_slot *slot;	/* NULL: nothing is kept */
	const struct hlist_node *notifier;
	struct km_dirty_counter *counter;
	struct km_heat_slot *table;		/* NULL: not tracked */
};

/* By the slot's id, modulo this: guests have a few slots that they write to. */
#define KM_RECENTS	8

DECLARE_PER_CPU_ALIGNED(struct km_recent [KM_RECENTS], km_recents);

/*
 * Counts a report of page @rel. Either @table or @heat may be there. @ring: the VM has no
 * bitmaps.
 */
static __always_inline void km_count(struct km_dirty_counter *counter, struct km_heat_slot *table,
				     struct km_heat *heat, const struct kvm_memory_slot *slot,
				     u64 rel, bool ring, const struct kvm_vcpu *vcpu, bool by_pml)
{
	if (by_pml)
		km_pml_count_drain(counter, vcpu);
	if (!ring && unlikely(test_bit_le(rel, slot->dirty_bitmap))) {
		local64_inc(&counter->repeats);
		return;
	}
	if (table && likely(rel < slot->npages))
		km_heat_mark(table, rel);
	if (heat)
		km_heat_mark_slowly(heat, slot, rel);
	local64_inc(&counter->pages);
	if (by_pml)
		local64_inc(&counter->pml_pages);
}

/*
 * Counts a report of a page of a slot that logs, if the last one was like it; else false.
 * Calls nothing, so that the hook needs to save as little as can be. KVM sets the page's bit
 * next, and checks @gfn no more than this does.
 */
static __always_inline bool km_count_quickly(const struct kvm_memory_slot *slot, gfn_t gfn,
					     const unsigned long *parent_ip)
{
	struct km_recent *recent;
	u64 rel = gfn - slot->base_gfn;
	bool done = false, by_pml = false;

	preempt_disable_notrace();
	recent = &raw_cpu_ptr(km_recents)[(u16)slot->id % KM_RECENTS];
	/* Others set it to NULL at any time: this one may still use what it has found. */
	if (unlikely(data_race(recent->slot != slot)))
		goto out;
	if (unlikely(recent->notifier != current->preempt_notifiers.first))
		goto out;
	if (static_branch_unlikely(&km_pml_counts) && !km_pml_knows(*parent_ip, &by_pml))
		goto out;
	/* A constant each: less to keep in registers, and so to save. */
	if (by_pml)
		km_count(recent->counter, recent->table, NULL, slot, rel, false,
			 container_of(recent->notifier, struct kvm_vcpu, preempt_notifier.link),
			 true);
	else
		km_count(recent->counter, recent->table, NULL, slot, rel, false, NULL, false);
	done = true;
out:
	preempt_enable_notrace();
	return done;
}

void km_count_slowly(const struct kvm *kvm, const struct kvm_memory_slot *slot, gfn_t gfn,
		     unsigned long parent_ip);
void km_count_forget(void);

int km_count_hook(void);
void km_count_unhook(void);
void km_count_fini(void);

#endif /* KM_COUNT_H */
