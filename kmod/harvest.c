// SPDX-License-Identifier: GPL-2.0
/* The pages of one harvest, kept until the next one that is to be kept. */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "drive.h"
#include "harvest.h"
#include "slot.h"

/*
 * The words that aren't 0. A bitmap from the first dirty page to the last would take more
 * time to zero than all else of the harvest of a large slot with few dirty pages.
 */
struct part {
	struct list_head node;
	u32 as_id;
	u64 gfn;		/* of word 0 */
	unsigned int nr;
	u16 *at;		/* which words they are */
	unsigned long words[];
};

struct km_harvest *km_harvest_make(void)
{
	struct km_harvest *harvest = kzalloc(sizeof(*harvest), GFP_KERNEL);

	if (harvest)
		INIT_LIST_HEAD(&harvest->parts);
	return harvest;
}

static struct part *make_part(const struct km_harvested *from, size_t *size)
{
	struct part *part;

	*size = struct_size(part, words, from->nr_words) + array_size(from->nr_words, sizeof(u16));
	part = kvmalloc(*size, GFP_KERNEL);
	if (!part)
		return NULL;
	part->as_id = km_slot_key_as_id(from->key);
	part->gfn = from->base_gfn + from->first;
	part->at = (u16 *)(part->words + from->nr_words);
	part->nr = from->nr_words;
	return part;
}

/*
 * What comes is sorted and doesn't overlap. A slot may have become another in the midst of
 * a harvest, so each part has its own gfn. The VMM can write to the words that we are given.
 */
void km_harvest_add(struct km_harvest *harvest, const struct km_harvested *from)
{
	unsigned int i, last = BITS_TO_LONGS(from->nr_bits) - 1;
	struct part *part;
	size_t size;

	part = make_part(from, &size);
	if (!part) {
		harvest->short_of_memory = true;
		return;
	}
	for (i = 0; i < from->nr_words; i++) {
		part->at[i] = from->at[i];
		part->words[i] = READ_ONCE(from->words[from->at[i]]);
		if (from->at[i] == last)
			part->words[i] &= BITMAP_LAST_WORD_MASK(from->nr_bits);
	}
	list_add_tail(&part->node, &harvest->parts);
	harvest->bytes += size;
	harvest->pages += from->nr_dirty;
}

/* NULL is fine. */
void km_harvest_free(struct km_harvest *harvest)
{
	struct part *part, *next;

	if (!harvest)
		return;
	list_for_each_entry_safe(part, next, &harvest->parts, node)
		kvfree(part);
	kfree(harvest);
}

/* The length of the run of set bits that starts at @pos, which goes to its end. */
static u32 take_run(const struct part *part, struct km_harvest_pos *pos)
{
	unsigned long end;
	u32 length = 0;

	for (;;) {
		end = find_next_zero_bit(&part->words[pos->word], BITS_PER_LONG, pos->bit);
		length += end - pos->bit;
		pos->bit = end;
		if (end < BITS_PER_LONG || pos->word + 1 == part->nr ||
		    part->at[pos->word + 1] != part->at[pos->word] + 1 ||
		    !(part->words[pos->word + 1] & 1))
			return length;
		pos->word++;
		pos->bit = 0;
	}
}

static int walk_part(const struct part *part, struct km_harvest_pos *pos, km_extent_fn fn,
		     void *ctx)
{
	struct km_harvest_extent extent = { .as_id = part->as_id };
	struct km_harvest_pos next;
	int err;

	for (; pos->word < part->nr; pos->word++, pos->bit = 0) {
		while ((pos->bit = find_next_bit(&part->words[pos->word], BITS_PER_LONG,
						 pos->bit)) < BITS_PER_LONG) {
			next = *pos;
			extent.gfn = part->gfn + (u64)part->at[pos->word] * BITS_PER_LONG +
				     pos->bit;
			extent.npages = take_run(part, &next);
			err = fn(&extent, ctx);
			if (err)
				return err;
			*pos = next;
		}
	}
	return 0;
}

/* Calls @fn for each run of dirty pages from @pos on; stops, to go on there, if it fails. */
int km_harvest_walk(struct km_harvest *harvest, struct km_harvest_pos *pos,
		    km_extent_fn fn, void *ctx)
{
	struct part *part;
	u32 nr = 0;
	int err;

	list_for_each_entry(part, &harvest->parts, node) {
		if (nr++ < pos->part)
			continue;
		err = walk_part(part, pos, fn, ctx);
		if (err)
			return err;
		*pos = (struct km_harvest_pos){ .part = nr };
	}
	return 0;
}
