/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_PML_H
#define KM_PML_H

#include <linux/bits.h>
#include <linux/hash.h>
#include <linux/jump_label.h>
#include <linux/kvm_host.h>
#include <linux/types.h>

#include "dirty.h"

#define KM_PML_CALLERS_SHIFT	4
#define KM_PML_KERNEL_HALF	BIT(BITS_PER_LONG - 1)

bool km_pml_start(void);
void km_pml_stop(void);
void km_pml_fini(void);

DECLARE_STATIC_KEY_FALSE(km_pml_counts);
extern unsigned long km_pml_callers[1 << KM_PML_CALLERS_SHIFT];

bool km_pml_learn(unsigned long ip);

/*
 * For the hook, for each page: is a report that returns to @ip of a page in PML's buffer?
 * False if that must be learned. PML is counted.
 */
static __always_inline bool km_pml_knows(unsigned long ip, bool *drains)
{
	unsigned long known = READ_ONCE(km_pml_callers[hash_long(ip, KM_PML_CALLERS_SHIFT)]);

	*drains = likely(known == ip);
	return *drains || (known | KM_PML_KERNEL_HALF) == ip;
}

/* The same, whether it is known or not, and whether PML is counted or not. */
static inline bool km_pml_drains(unsigned long ip)
{
	bool drains;

	if (!static_branch_unlikely(&km_pml_counts))
		return false;
	return km_pml_knows(ip, &drains) ? drains : km_pml_learn(ip);
}

/* For such a report: the first page of a drain tells of the drain. @counter is @vcpu's. */
static __always_inline void km_pml_count_drain(struct km_dirty_counter *counter,
					       const struct kvm_vcpu *vcpu)
{
	if (counter->pml_exit == vcpu->stat.exits)
		return;
	counter->pml_exit = vcpu->stat.exits;
	local64_inc(&counter->pml_drains);
}

#endif /* KM_PML_H */
