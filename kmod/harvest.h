/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_HARVEST_H
#define KM_HARVEST_H

#include <linux/types.h>
#include <linux/xarray.h>

struct km_harvested;

/* Pages of one harvest, a bitmap for each slot that had some. */
struct km_harvest {
	struct xarray slots;	/* by km_slot_key() */
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
	u64 page;		/* of the slot */
	u32 key;
};

typedef int (*km_extent_fn)(const struct km_harvest_extent *extent, void *ctx);

struct km_harvest *km_harvest_make(void);
void km_harvest_add(struct km_harvest *harvest, const struct km_harvested *part);
void km_harvest_free(struct km_harvest *harvest);
int km_harvest_walk(struct km_harvest *harvest, struct km_harvest_pos *pos,
		    km_extent_fn fn, void *ctx);

#endif /* KM_HARVEST_H */
