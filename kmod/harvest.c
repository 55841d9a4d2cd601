// SPDX-License-Identifier: GPL-2.0
/* The pages of one harvest, kept until the next one that is to be kept. */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "drive.h"
#include "harvest.h"
#include "slot.h"

struct kept {
	u64 base_gfn, npages;
	unsigned long bits[];
};

static size_t size_of(u64 npages)
{
	struct kept *kept;

	return struct_size(kept, bits, BITS_TO_LONGS(npages));
}

struct km_harvest *km_harvest_make(void)
{
	struct km_harvest *harvest = kzalloc(sizeof(*harvest), GFP_KERNEL);

	if (harvest)
		xa_init(&harvest->slots);
	return harvest;
}

static struct kept *bits_for(struct km_harvest *harvest, const struct km_harvested *part)
{
	struct kept *kept = xa_load(&harvest->slots, part->key);

	if (kept)
		return kept;
	kept = kvzalloc(size_of(part->npages), GFP_KERNEL);
	if (!kept)
		return NULL;
	kept->base_gfn = part->base_gfn;
	kept->npages = part->npages;
	if (xa_err(xa_store(&harvest->slots, part->key, kept, GFP_KERNEL))) {
		kvfree(kept);
		return NULL;
	}
	harvest->bytes += size_of(part->npages);
	return kept;
}

/* The runs of one harvest don't overlap; a slot may have become another in its midst. */
void km_harvest_add(struct km_harvest *harvest, const struct km_harvested *part)
{
	struct kept *kept = bits_for(harvest, part);

	if (!kept || kept->base_gfn != part->base_gfn || kept->npages != part->npages) {
		harvest->short_of_memory |= !kept;
		return;
	}
	bitmap_copy(kept->bits + BIT_WORD(part->first), part->words, part->nr_bits);
	harvest->pages += part->nr_dirty;
}

/* NULL is fine. */
void km_harvest_free(struct km_harvest *harvest)
{
	unsigned long key;
	struct kept *kept;

	if (!harvest)
		return;
	xa_for_each(&harvest->slots, key, kept)
		kvfree(kept);
	xa_destroy(&harvest->slots);
	kfree(harvest);
}

/* Calls @fn for each run of dirty pages from @pos on; stops, to go on there, if it fails. */
int km_harvest_walk(struct km_harvest *harvest, struct km_harvest_pos *pos,
		    km_extent_fn fn, void *ctx)
{
	struct xarray *slots = &harvest->slots;
	unsigned long key = pos->key, start, end;
	struct km_harvest_extent extent;
	struct kept *kept;
	int err;

	for (kept = xa_find(slots, &key, ULONG_MAX, XA_PRESENT); kept;
	     kept = xa_find_after(slots, &key, ULONG_MAX, XA_PRESENT)) {
		if (pos->key != key)
			*pos = (struct km_harvest_pos){ .key = key };
		while ((start = find_next_bit(kept->bits, kept->npages, pos->page)) <
		       kept->npages) {
			end = find_next_zero_bit(kept->bits, kept->npages, start);
			extent.as_id = km_slot_key_as_id(key);
			extent.gfn = kept->base_gfn + start;
			extent.npages = min_t(u64, end - start, U32_MAX);
			err = fn(&extent, ctx);
			if (err)
				return err;
			pos->page = start + extent.npages;
		}
	}
	return 0;
}
