/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_SLOT_H
#define KM_SLOT_H

#include <linux/types.h>

struct kvm;
struct kvm_memory_slot;

/* Where a walk over all slots goes on. */
struct km_slot_pos {
	u64 gfn;
	u32 as_id;
};

struct km_slot_extent {
	u64 gfn;
	u32 npages;
	u32 as_id;
};

struct km_slot_totals {
	u32 slots;
	u32 logging;
};

/* Called with kvm->srcu held. Stops the walk by an error. */
typedef int (*km_slot_fn)(const struct kvm_memory_slot *slot, void *ctx);

int km_slot_walk(struct kvm *kvm, struct km_slot_pos *pos, unsigned int *seq,
		 km_slot_fn fn, void *ctx);
void km_slot_count(struct kvm *kvm, struct km_slot_totals *totals);
bool km_slot_is_internal(const struct kvm_memory_slot *slot);
u32 km_slot_test(struct kvm *kvm, const struct km_slot_extent *extents,
		 unsigned int nr, unsigned long *bitmap);

#endif /* KM_SLOT_H */
