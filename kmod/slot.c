// SPDX-License-Identifier: GPL-2.0
/*
 * Reads a VM's memory slots and their dirty bitmaps.
 *
 * All of it under kvm->srcu: kvm_swap_active_memslots() (install_new_memslots()
 * before 6.2) waits for readers before it changes or frees the set of slots that
 * was replaced, and with it bitmaps that are no longer used.
 */
#include <linux/bitops.h>
#include <linux/bsearch.h>
#include <linux/kvm_host.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "compat/compat.h"
#include "slot.h"

/*
 * One number for the state of all slots, as netlink has 32 bits for it. The top bit
 * of a generation says that an update is under way (KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS)
 * when the new slots are already in use.
 */
static unsigned int sequence(struct kvm_memslots **slots, int nr)
{
	unsigned int seq = 0;
	u64 generation;
	int i;

	for (i = 0; i < nr; i++) {
		generation = READ_ONCE(slots[i]->generation);
		seq = seq * 31 + ((u32)generation ^ (u32)(generation >> 32));
	}
	return seq ?: 1;	/* 0 means "not set": genl_dump_check_consistent() */
}

/* Another number whenever the slots are others; never 0. */
unsigned int km_slot_sequence(struct kvm *kvm)
{
	struct kvm_memslots *slots[KM_COMPAT_MAX_AS_IDS];
	int i, srcu, nr = km_compat_nr_as_ids(kvm);
	unsigned int seq;

	srcu = srcu_read_lock(&kvm->srcu);
	for (i = 0; i < nr; i++)
		slots[i] = __kvm_memslots(kvm, i);
	seq = sequence(slots, nr);
	srcu_read_unlock(&kvm->srcu, srcu);
	return seq;
}

/*
 * Calls @fn for each slot from @pos on, by address space and gfn, and leaves the
 * place of the one at which it failed in @pos. All calls see one state of the
 * slots; @seq changes when that state does.
 */
int km_slot_walk(struct kvm *kvm, struct km_slot_pos *pos, unsigned int *seq,
		 km_slot_fn fn, void *ctx)
{
	struct kvm_memslots *slots[KM_COMPAT_MAX_AS_IDS];
	int nr = km_compat_nr_as_ids(kvm);
	struct kvm_memslot_iter iter;
	int i, srcu, err = 0;

	srcu = srcu_read_lock(&kvm->srcu);
	for (i = 0; i < nr; i++)
		slots[i] = __kvm_memslots(kvm, i);
	*seq = sequence(slots, nr);

	for (; pos->as_id < nr; pos->as_id++, pos->gfn = 0) {
		kvm_for_each_memslot_in_gfn_range(&iter, slots[pos->as_id],
						  pos->gfn, ~0ULL) {
			err = fn(iter.slot, ctx);
			if (err)
				goto out;
			pos->gfn = iter.slot->base_gfn + iter.slot->npages;
		}
	}
out:
	srcu_read_unlock(&kvm->srcu, srcu);
	return err;
}

static int count(const struct kvm_memory_slot *slot, void *ctx)
{
	struct km_slot_totals *totals = ctx;

	totals->slots++;
	totals->logging += kvm_slot_dirty_track_enabled(slot);
	return 0;
}

void km_slot_count(struct kvm *kvm, struct km_slot_totals *totals)
{
	struct km_slot_pos pos = {};
	unsigned int seq;

	*totals = (struct km_slot_totals){};
	km_slot_walk(kvm, &pos, &seq, count, totals);
}

/* Made by __x86_set_memory_region(), out of user space's reach. */
bool km_slot_is_internal(const struct kvm_memory_slot *slot)
{
	return slot->id >= KVM_USER_MEM_SLOTS;
}

/* Can it be logged, and is it the guest's to write? */
bool km_slot_is_usable(const struct kvm_memory_slot *slot)
{
	return !km_slot_is_internal(slot) &&
	       !(slot->flags & ~(KVM_MEM_LOG_DIRTY_PAGES));
}

struct fill {
	struct km_slot_list *list;
	unsigned int room;
};

static int list_slot(const struct kvm_memory_slot *slot, void *ctx)
{
	struct fill *fill = ctx;

	if (!km_slot_is_usable(slot))
		return 0;
	if (fill->list->nr == fill->room)
		return -EAGAIN;		/* slots were added since they were counted */
	fill->list->ids[fill->list->nr++] = (struct km_slot_id){
		.as_id = slot->as_id,
		.id = slot->id,
		.gfn = slot->base_gfn,
		.npages = slot->npages,
		.logging = kvm_slot_dirty_track_enabled(slot),
	};
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct km_slot_id *x = a, *y = b;
	u32 kx = km_slot_key(x->as_id, x->id), ky = km_slot_key(y->as_id, y->id);

	return (kx > ky) - (kx < ky);
}

/* The usable slots of one state of the VM. km_slot_list_free() must follow if it is 0. */
int km_slot_list(struct kvm *kvm, struct km_slot_list *list)
{
	struct fill fill = { .list = list };
	struct km_slot_totals totals;
	struct km_slot_pos pos;
	unsigned int seq, tries = 0;
	int err;

	do {
		km_slot_count(kvm, &totals);
		fill.room = totals.slots + 16;
		list->nr = 0;
		list->ids = kvcalloc(fill.room, sizeof(*list->ids), GFP_KERNEL);
		if (!list->ids)
			return -ENOMEM;
		pos = (struct km_slot_pos){};
		err = km_slot_walk(kvm, &pos, &seq, list_slot, &fill);
		if (err)
			kvfree(list->ids);
	} while (err && ++tries < 8);
	if (err)
		return err;
	sort(list->ids, list->nr, sizeof(*list->ids), by_key, NULL);
	return 0;
}

const struct km_slot_id *km_slot_in_list(const struct km_slot_list *list, u32 key)
{
	const struct km_slot_id id = { .as_id = km_slot_key_as_id(key), .id = (u16)key };

	return bsearch(&id, list->ids, list->nr, sizeof(id), by_key);
}

void km_slot_list_free(struct km_slot_list *list)
{
	kvfree(list->ids);
}

/* Sets bits from @bit on for the dirty pages of @extent, returns how many were looked at. */
static u32 test_extent(struct kvm_memslots *slots,
		       const struct km_slot_extent *extent,
		       unsigned long *bitmap, unsigned int bit)
{
	gfn_t end = extent->gfn + extent->npages;
	struct kvm_memslot_iter iter;
	u32 tracked = 0;

	kvm_for_each_memslot_in_gfn_range(&iter, slots, extent->gfn, end) {
		const struct kvm_memory_slot *slot = iter.slot;
		gfn_t first = max_t(gfn_t, slot->base_gfn, extent->gfn);
		gfn_t last = min_t(gfn_t, slot->base_gfn + slot->npages, end);
		const unsigned long *dirty = READ_ONCE(slot->dirty_bitmap);
		unsigned long rel, rel_end = last - slot->base_gfn;

		if (!dirty || !kvm_slot_dirty_track_enabled(slot))
			continue;
		tracked += last - first;
		rel = find_next_bit_le(dirty, rel_end, first - slot->base_gfn);
		while (rel < rel_end) {
			__set_bit_le(bit + (slot->base_gfn + rel - extent->gfn),
				     bitmap);
			rel = find_next_bit_le(dirty, rel_end, rel + 1);
		}
	}
	return tracked;
}

/*
 * Sets a bit in @bitmap, which must be clear, for each page of @extents that is
 * dirty and not harvested. Returns the number of pages that are in slots which log.
 */
u32 km_slot_test(struct kvm *kvm, const struct km_slot_extent *extents,
		 unsigned int nr, unsigned long *bitmap)
{
	unsigned int i, bit = 0;
	u32 tracked = 0;
	int srcu;

	srcu = srcu_read_lock(&kvm->srcu);
	for (i = 0; i < nr; i++) {
		tracked += test_extent(__kvm_memslots(kvm, extents[i].as_id),
				       &extents[i], bitmap, bit);
		bit += extents[i].npages;
	}
	srcu_read_unlock(&kvm->srcu, srcu);
	return tracked;
}
