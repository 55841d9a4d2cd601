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

/* A slot of the VMM's own memory: not KVM's, and not one that the guest can't write. */
struct km_slot_id {
	u32 as_id, id;
	u64 gfn, npages;
	bool logging;
};

struct km_slot_list {
	unsigned int nr;
	struct km_slot_id *ids;		/* by key */
};

/* One number for a slot's number and address space, as KVM's ioctls have it, too. */
static inline u32 km_slot_key(u32 as_id, u32 id)
{
	return as_id << 16 | id;
}

static inline u32 km_slot_key_as_id(u32 key)
{
	return key >> 16;
}

/* Called with kvm->srcu held. Stops the walk by an error. */
typedef int (*km_slot_fn)(const struct kvm_memory_slot *slot, void *ctx);

int km_slot_walk(struct kvm *kvm, struct km_slot_pos *pos, unsigned int *seq,
		 km_slot_fn fn, void *ctx);
unsigned int km_slot_sequence(struct kvm *kvm);
void km_slot_count(struct kvm *kvm, struct km_slot_totals *totals);
bool km_slot_is_internal(const struct kvm_memory_slot *slot);
bool km_slot_is_usable(const struct kvm_memory_slot *slot);
int km_slot_list(struct kvm *kvm, struct km_slot_list *list);
const struct km_slot_id *km_slot_in_list(const struct km_slot_list *list, u32 key);
void km_slot_list_free(struct km_slot_list *list);
u32 km_slot_test(struct kvm *kvm, const struct km_slot_extent *extents,
		 unsigned int nr, unsigned long *bitmap);

#endif /* KM_SLOT_H */
