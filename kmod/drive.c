// SPDX-License-Identifier: GPL-2.0
/*
 * Switches a VM's dirty logging on, harvests and re-arms it, switches it off, and gives
 * way when the VMM logs by itself.
 *
 * Whose is a slot's log?
 *
 * The VMM's, unless @ours says otherwise. A slot becomes ours when it isn't logging and
 * we switch it on; it is the VMM's again from the moment at which the VMM calls
 * KVM_SET_USER_MEMORY_REGION for it, whatever it asks for: if it switches logging on,
 * KVM finds nothing to change and tells nobody, but from then on the VMM relies on every
 * bit. Had we cleared one after that, a page of the guest would be lost.
 *
 * All that matters happens under kvm->slots_lock, KVM's own:
 *   - __kvm_set_memory_region() is called with it held. Its hook (watch.c), in the VMM's
 *     thread, takes the slot from us (km_drive_vmm_sets()).
 *   - We call the same function with it held, after a look at @ours.
 *   - KVM_CLEAR_DIRTY_LOG takes it, calls kvm_arch_sync_dirty_log(), and only then reads
 *     which bits it is to clear. The hook of that one, in our thread, looks at @ours; if
 *     the slot was taken, it zeroes the request (driver_syncs()). Nothing is cleared.
 * So there is no moment between the VMM's claim and our last change.
 *
 * KVM_CLEAR_DIRTY_LOG works without KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 as well
 * (kvm_clear_dirty_log_protect()); what the VMM did enable stays as it is. With its
 * KVM_DIRTY_LOG_INITIALLY_SET a slot that is switched on has every bit set, and nothing
 * is armed before it is cleared, so such a slot's first harvest says nothing.
 *
 * The bits are read from the slot's bitmap. With PML those of the last 512 writes of each
 * running vCPU may come one harvest later: kvm_arch_sync_dirty_log() kicks the vCPUs, and
 * does so after we have read.
 */
#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "drive.h"
#include "harvest.h"
#include "hook.h"
#include "slot.h"
#include "track.h"
#include "vm.h"
#include "watch.h"

/* Of a request: its structure has a page, the bits have the rest. 8 GiB of guest memory. */
#define HEADER_BYTES	PAGE_SIZE
#define BITS_BYTES	(256u << 10)
#define BITS		(BITS_BYTES * BITS_PER_BYTE)
static_assert(BITS_TO_LONGS(BITS) <= U16_MAX + 1);	/* km_harvested::at */

static struct km_drive *drive_of(struct km_vm *vm)
{
	struct km_track *track = vm ? km_vm_track(vm) : NULL;

	return track ? &track->drive : NULL;
}

/*
 * Somebody adds, deletes, moves or changes a slot; unless it is us, the slot is the VMM's.
 * With slots_lock held, in a hook: ahead of the change.
 */
void notrace km_drive_vmm_sets(struct km_vm *vm, const struct km_compat_region *region)
{
	u32 as_id = region->slot >> 16, id = (u16)region->slot;
	struct km_drive *drive = drive_of(vm);

	if (!drive || READ_ONCE(drive->driver) == current || !km_drive_owns(drive, as_id, id))
		return;
	clear_bit(id, drive->ours[as_id]);
	if (region->flags & KVM_MEM_LOG_DIRTY_PAGES) {
		WRITE_ONCE(drive->gave_way, true);
		km_track_kick(drive);
	}
}

/* KVM is about to read which bits to clear. With slots_lock held. */
static void notrace driver_syncs(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct kvm *kvm = (const struct kvm *)km_compat_ftrace_arg(fregs, 0);
	const struct kvm_memory_slot *slot =
		(const struct kvm_memory_slot *)km_compat_ftrace_arg(fregs, 1);
	struct km_drive *drive;

	rcu_read_lock();
	drive = drive_of(km_vm_find_rcu(kvm));
	if (drive && READ_ONCE(drive->driver) == current &&
	    !km_drive_owns(drive, slot->as_id, slot->id)) {
		memset(drive->scratch.kernel + HEADER_BYTES, 0, BITS_BYTES);
		drive->void_clear = true;
	}
	rcu_read_unlock();
}

KM_HOOK(sync_hook, "kvm_arch_sync_dirty_log", driver_syncs);

bool km_drive_owns(const struct km_drive *drive, u32 as_id, u32 id)
{
	return as_id < KM_COMPAT_MAX_AS_IDS && id < KVM_USER_MEM_SLOTS &&
	       test_bit(id, drive->ours[as_id]);
}

int km_drive_init(struct km_drive *drive)
{
	unsigned int as_id;

	for (as_id = 0; as_id < KM_COMPAT_MAX_AS_IDS; as_id++) {
		drive->ours[as_id] = bitmap_zalloc(KVM_USER_MEM_SLOTS, GFP_KERNEL_ACCOUNT);
		drive->fresh[as_id] = bitmap_zalloc(KVM_USER_MEM_SLOTS, GFP_KERNEL_ACCOUNT);
		if (!drive->ours[as_id] || !drive->fresh[as_id]) {
			km_drive_free(drive);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Doesn't sleep. No hook may be using @drive. */
void km_drive_free(struct km_drive *drive)
{
	unsigned int as_id;

	for (as_id = 0; as_id < KM_COMPAT_MAX_AS_IDS; as_id++) {
		bitmap_free(drive->ours[as_id]);
		bitmap_free(drive->fresh[as_id]);
	}
}

/*
 * The calling thread, which uses the VMM's mm or knows that it is gone, drives until
 * km_drive_exit().
 */
void km_drive_enter(struct km_drive *drive)
{
	WRITE_ONCE(drive->driver, current);
}

void km_drive_exit(struct km_drive *drive)
{
	WRITE_ONCE(drive->driver, NULL);
}

/* What driving needs; km_drive_release() undoes it, whatever this returns. */
int km_drive_prepare(struct km_drive *drive)
{
	int err;

	if (!KM_COMPAT_CAN_DRIVE)
		return -EOPNOTSUPP;
	if (!drive->hooked) {
		err = km_watch_hook();
		if (err)
			return err;
		err = km_hook_get(&sync_hook);
		if (err) {
			km_watch_unhook();
			return err;
		}
		drive->hooked = true;
	}
	if (!drive->at)
		drive->at = kvmalloc_array(BITS_TO_LONGS(BITS), sizeof(*drive->at),
					   GFP_KERNEL_ACCOUNT);
	if (!drive->at)
		return -ENOMEM;
	if (drive->scratch.user)
		return 0;
	return km_scratch_map(&drive->scratch, HEADER_BYTES + BITS_BYTES);
}

/* With slots_lock held. Nothing else about the slot changes: a wrong gfn would move it. */
static int set_logging(struct kvm *kvm, const struct kvm_memory_slot *slot, bool on)
{
	struct km_compat_region region = {
		.slot = km_slot_key(slot->as_id, slot->id),
		.flags = on ? KVM_MEM_LOG_DIRTY_PAGES : 0,
		.guest_phys_addr = slot->base_gfn << PAGE_SHIFT,
		.memory_size = slot->npages << PAGE_SHIFT,
		.userspace_addr = slot->userspace_addr,
	};

	return km_compat_set_region(kvm, &region);
}

static int take_slot(struct km_drive *drive, struct kvm *kvm, u32 as_id, u32 id)
{
	const struct kvm_memory_slot *slot;
	int err = 0;

	mutex_lock(&kvm->slots_lock);
	slot = id_to_memslot(__kvm_memslots(kvm, as_id), id);
	if (slot && km_slot_is_usable(slot) && !kvm_slot_dirty_track_enabled(slot) &&
	    !READ_ONCE(drive->gave_way)) {
		err = set_logging(kvm, slot, true);
		if (!err) {
			set_bit(id, drive->ours[as_id]);
			__set_bit(id, drive->fresh[as_id]);
		}
	}
	mutex_unlock(&kvm->slots_lock);
	return err;
}

/* Switches on what isn't. Stops at the first error; what was taken stays. */
int km_drive_take(struct km_drive *drive, struct kvm *kvm, const struct km_slot_list *list)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < list->nr && !err; i++) {
		if (!list->ids[i].logging)
			err = take_slot(drive, kvm, list->ids[i].as_id, list->ids[i].id);
		cond_resched();
	}
	return err;
}

static void release_slot(struct km_drive *drive, struct kvm *kvm, u32 as_id, u32 id)
{
	const struct kvm_memory_slot *slot;

	mutex_lock(&kvm->slots_lock);
	if (test_and_clear_bit(id, drive->ours[as_id])) {
		slot = id_to_memslot(__kvm_memslots(kvm, as_id), id);
		if (slot && kvm_slot_dirty_track_enabled(slot))
			/* It can't fail: nothing is allocated to switch a log off. */
			WARN_ON_ONCE(set_logging(kvm, slot, false));
	}
	mutex_unlock(&kvm->slots_lock);
}

/*
 * Switches off what is still ours, and undoes km_drive_prepare(). @kvm is NULL when the
 * VMM has exited: then nothing is switched off, and any thread may call it.
 */
void km_drive_release(struct km_drive *drive, struct kvm *kvm)
{
	unsigned int as_id;
	unsigned long id;

	for (as_id = 0; as_id < KM_COMPAT_MAX_AS_IDS; as_id++) {
		for_each_set_bit(id, drive->ours[as_id], KVM_USER_MEM_SLOTS) {
			if (kvm)
				release_slot(drive, kvm, as_id, id);
			cond_resched();
		}
		bitmap_zero(drive->ours[as_id], KVM_USER_MEM_SLOTS);
		bitmap_zero(drive->fresh[as_id], KVM_USER_MEM_SLOTS);
	}
	km_scratch_unmap(&drive->scratch);
	kvfree(drive->at);
	drive->at = NULL;
	if (drive->hooked) {
		km_hook_put(&sync_hook);
		km_watch_unhook();
		drive->hooked = false;
	}
}

/* One slot's harvest. */
struct harvest {
	struct km_drive *drive;
	struct kvm *kvm;
	struct file *file;
	u32 as_id, id;
	bool says_nothing;
};

/*
 * Copies up to @nr words, which change meanwhile, to @to, which holds zeros. A slot's bitmap
 * is nearly all zeros, mostly: nothing but this looks at each of its words, and KVM.
 */
static void copy_words(struct km_harvested *part, unsigned long *to, u16 *at,
		       const unsigned long *from, unsigned long nr)
{
	unsigned long i, word;

	for (i = km_harvest_next(from, nr, 0); i < nr; i = km_harvest_next(from, nr, i + 1)) {
		word = READ_ONCE(from[i]);
		to[i] = word;
		at[part->nr_words++] = i;
		part->nr_dirty += hweight_long(word);
	}
	part->words = to;
	part->at = at;
	if (part->nr_words)
		part->nr_bits = min_t(u64, (at[part->nr_words - 1] + 1ul) * BITS_PER_LONG,
				      part->npages - part->first);
}

/*
 * Copies the next words of the slot's bitmap that hold a set bit to the scratch, from page
 * @first on. False if there are none.
 */
static bool read_bits(const struct harvest *h, u64 first, struct km_harvested *part)
{
	unsigned long *to = h->drive->scratch.kernel + HEADER_BYTES;
	const struct kvm_memory_slot *slot;
	const unsigned long *bitmap;
	unsigned long word, words;
	int srcu;

	*part = (struct km_harvested){ .key = km_slot_key(h->as_id, h->id) };
	srcu = srcu_read_lock(&h->kvm->srcu);
	slot = id_to_memslot(__kvm_memslots(h->kvm, h->as_id), h->id);
	bitmap = slot ? READ_ONCE(slot->dirty_bitmap) : NULL;
	if (bitmap) {
		part->base_gfn = slot->base_gfn;
		part->npages = slot->npages;
		words = BITS_TO_LONGS(slot->npages);
		word = km_harvest_next(bitmap, words, BIT_WORD(first));
		part->first = (u64)word * BITS_PER_LONG;
		if (word < words)
			copy_words(part, to, h->drive->at, bitmap + word,
				   min(words - word, BITS_TO_LONGS(BITS)));
	}
	srcu_read_unlock(&h->kvm->srcu, srcu);
	return part->nr_words;
}

/* The bits that the scratch holds. KVM wants whole words, but at the slot's end. */
static int clear_bits(struct harvest *h, const struct km_harvested *part)
{
	struct km_scratch *scratch = &h->drive->scratch;
	struct kvm_clear_dirty_log *request = scratch->kernel;
	long ret;

	*request = (struct kvm_clear_dirty_log){
		.slot = part->key,
		.first_page = part->first,
		.num_pages = min_t(u64, round_up(part->nr_bits, 64), part->npages - part->first),
		.dirty_bitmap = (void __user *)(scratch->user + HEADER_BYTES),
	};
	h->drive->void_clear = false;
	ret = vfs_ioctl(h->file, KVM_CLEAR_DIRTY_LOG, scratch->user);
	return ret ?: h->drive->void_clear ? -ECANCELED : 0;
}

/* The scratch holds zeros again. */
static void forget_bits(const struct km_harvested *part)
{
	unsigned int i;

	for (i = 0; i < part->nr_words; i++)
		part->words[part->at[i]] = 0;
}

static int harvest_slot(struct harvest *h, km_harvest_fn fn, void *ctx)
{
	struct km_harvested part;
	u64 first = 0;
	int err;

	while (read_bits(h, first, &part)) {
		err = clear_bits(h, &part);
		if (!err && !h->says_nothing)
			fn(&part, ctx);
		forget_bits(&part);
		if (err)
			return err;
		first = part.first + round_up(part.nr_bits, BITS_PER_LONG);
		cond_resched();
	}
	return 0;
}

/*
 * Calls @fn for each run of bits that were taken. A slot that the VMM has taken back or
 * changed meanwhile is left out, which is no error.
 */
int km_drive_harvest(struct km_drive *drive, struct kvm *kvm, struct file *file,
		     km_harvest_fn fn, void *ctx)
{
	struct harvest h = { .drive = drive, .kvm = kvm, .file = file };
	bool all_set = kvm->manual_dirty_log_protect & KVM_DIRTY_LOG_INITIALLY_SET;
	unsigned long id;
	int err;

	for (h.as_id = 0; h.as_id < KM_COMPAT_MAX_AS_IDS; h.as_id++) {
		for_each_set_bit(id, drive->ours[h.as_id], KVM_USER_MEM_SLOTS) {
			h.id = id;
			h.says_nothing = all_set && test_bit(id, drive->fresh[h.as_id]);
			err = harvest_slot(&h, fn, ctx);
			if (!err)
				__clear_bit(id, drive->fresh[h.as_id]);
			else if (km_drive_owns(drive, h.as_id, id))
				return err;
		}
	}
	return 0;
}

u64 km_drive_bytes(const struct km_drive *drive)
{
	return 2 * KM_COMPAT_MAX_AS_IDS * BITS_TO_LONGS(KVM_USER_MEM_SLOTS) * sizeof(long) +
	       READ_ONCE(drive->scratch.size) +
	       (READ_ONCE(drive->at) ? BITS_TO_LONGS(BITS) * sizeof(*drive->at) : 0);
}

void km_drive_fini(void)
{
	km_hook_fini(&sync_hook);
}
