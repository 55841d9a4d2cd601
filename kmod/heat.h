/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_HEAT_H
#define KM_HEAT_H

#include <linux/atomic.h>
#include <linux/kvm_host.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "compat/compat.h"

/* Windows over which pages are counted, in milliseconds. */
#define KM_HEAT_WINDOWS		5
extern const u32 km_heat_window_ms[KM_HEAT_WINDOWS];

#define KM_HEAT_REGION_SHIFT	9		/* pages: 2 MiB */

/*
 * When each page of a slot was last seen to become dirty, in ticks; 0 is long ago. Regions stand
 * in front, so that the hook finds them where it has just found @page: in one page of memory,
 * for a slot of up to 4 GiB.
 */
struct km_heat_slot {
	u16 *page;
	u64 base_gfn, npages;
	u32 key;
	struct rcu_head rcu;
	u16 region[];		/* the latest of each region's pages */
};

/* The tables of one VM. Readers of @slots are under @lock, or the hook's RCU. */
struct km_heat {
	struct mutex lock;
	struct xarray slots;	/* by km_slot_key() */
	u64 pages, regions;	/* that the tables are for */
	bool on;
	atomic_long_t missed;	/* marks for which there was no table, while it is on */
	u32 sweep_key;		/* where sweeping goes on */
	u64 sweep_region, swept_ns;
};

struct km_heat_region {
	u32 as_id;
	u64 gfn, npages;
	u32 seen[KM_HEAT_WINDOWS];	/* pages within each window */
};

/* Called with the heat's lock held. */
typedef int (*km_heat_fn)(const struct km_heat_region *region, void *ctx);

/* Where a walk over all regions goes on. */
struct km_heat_pos {
	u64 region;		/* of the slot */
	u32 key;
};

void km_heat_init(struct km_heat *heat);
int km_heat_sync(struct km_heat *heat, struct kvm *kvm);
void km_heat_clear(struct km_heat *heat);
void km_heat_sweep(struct km_heat *heat);

u64 km_heat_bytes(const struct km_heat *heat);
void km_heat_count(struct km_heat *heat, u64 seen[KM_HEAT_WINDOWS]);
int km_heat_walk(struct km_heat *heat, struct km_heat_pos *pos, km_heat_fn fn, void *ctx);

/*
 * The tick, on all CPUs alike: a timer sets it while there is heat to mark. Each CPU has its own,
 * where it has the rest that the hook looks at (km_recents).
 */
DECLARE_PER_CPU(u16, km_heat_tick);

struct km_heat_slot *km_heat_table(struct km_heat *heat, const struct kvm_memory_slot *slot);
void km_heat_mark_slowly(struct km_heat *heat, const struct kvm_memory_slot *slot, u64 rel);

/* For the hook, for each page: atomic context, under RCU. @table is the slot's. */
static __always_inline void km_heat_mark(struct km_heat_slot *table, u64 rel)
{
	u16 tick = raw_cpu_read(km_heat_tick);

	/* A store each, of something that readers may as well see a little later. */
	data_race(table->page[rel] = tick);
	/* The same. */
	data_race(table->region[rel >> KM_HEAT_REGION_SHIFT] = tick);
}

#endif /* KM_HEAT_H */
