/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_DRIVE_H
#define KM_DRIVE_H

#include <linux/types.h>

#include "compat/compat.h"
#include "scratch.h"

struct file;
struct km_slot_list;
struct km_vm;
struct kvm;

/*
 * Logging of one VM that the module switched on. Only one thread at a time, the driver,
 * calls into here, and it is named in @driver; the hooks run in whatever thread.
 */
struct km_drive {
	struct task_struct *driver;
	bool hooked;
	struct km_scratch scratch;
	u16 *at;			/* room for km_harvested::at */
	bool void_clear;		/* the driver's hook voided its request */

	/* Slots by their number; changed under kvm->slots_lock. */
	unsigned long *ours[KM_COMPAT_MAX_AS_IDS];
	bool gave_way;			/* the VMM started to log */

	/* Slots whose log has not been harvested yet; the driver's own. */
	unsigned long *fresh[KM_COMPAT_MAX_AS_IDS];
};

/* One run of words of a slot's dirty bitmap that were taken and re-armed. */
struct km_harvested {
	u32 key;
	u64 base_gfn, npages;		/* of the slot */
	u64 first;			/* page of the slot that the first bit is for */
	unsigned long *words;		/* that the VMM can write to */
	unsigned int nr_bits;		/* up to the last that was set */
	unsigned int nr_words;		/* that aren't 0 */
	const u16 *at;			/* which they are */
	unsigned int nr_dirty;
};

typedef void (*km_harvest_fn)(const struct km_harvested *part, void *ctx);

int km_drive_init(struct km_drive *drive);
void km_drive_free(struct km_drive *drive);

void km_drive_enter(struct km_drive *drive);
void km_drive_exit(struct km_drive *drive);

void km_drive_vmm_sets(struct km_vm *vm, const struct km_compat_region *region);

int km_drive_prepare(struct km_drive *drive);

int km_drive_take(struct km_drive *drive, struct kvm *kvm, const struct km_slot_list *list);
int km_drive_harvest(struct km_drive *drive, struct kvm *kvm, struct file *file,
		     km_harvest_fn fn, void *ctx);
void km_drive_release(struct km_drive *drive, struct kvm *kvm);

bool km_drive_owns(const struct km_drive *drive, u32 as_id, u32 id);
u64 km_drive_bytes(const struct km_drive *drive);
void km_drive_fini(void);

#endif /* KM_DRIVE_H */
