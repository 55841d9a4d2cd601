/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_HARVEST_H
#define KM_HARVEST_H

#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/types.h>

struct km_harvested;

/* Pages of one harvest: what was taken of each slot's bitmap, in its order. */
struct km_harvest {
	struct list_head parts;
	u64 pages, bytes;
	bool short_of_memory;	/* not all are in here */
};

struct km_harvest_extent {
	u32 as_id;
	u64 gfn;
	u32 npages;
};

/* Where a walk goes on. */
struct km_harvest_pos {
	u32 part, word, bit;
};

typedef int (*km_extent_fn)(const struct km_harvest_extent *extent, void *ctx);

/* The first word that isn't 0, from @i on; @nr if there is none. Mostly there isn't. */
static inline unsigned long km_harvest_next(const unsigned long *words, unsigned long nr,
					    unsigned long i)
{
	for (; i + 4 <= nr; i += 4)
		if (READ_ONCE(words[i]) | READ_ONCE(words[i + 1]) | READ_ONCE(words[i + 2]) |
		    READ_ONCE(words[i + 3]))
			break;
	while (i < nr && !READ_ONCE(words[i]))
		i++;
	return i;
}

struct km_harvest *km_harvest_make(void);
void km_harvest_add(struct km_harvest *harvest, const struct km_harvested *part);
void km_harvest_free(struct km_harvest *harvest);
int km_harvest_walk(struct km_harvest *harvest, struct km_harvest_pos *pos,
		    km_extent_fn fn, void *ctx);

#endif /* KM_HARVEST_H */
