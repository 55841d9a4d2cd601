// SPDX-License-Identifier: GPL-2.0
/*
 * When was each page last dirtied? One table for each memory slot answers how large the
 * working set is at every time scale, and where it lies.
 *
 * An entry is the tick, of 10 ms, at which the page was last seen to become dirty: 16
 * bits, so that the table takes 1/2048 (0.05 %) of the guest's memory. Ticks go round
 * after 655 s; km_heat_sweep() forgets pages long before theirs comes round again. A
 * second table has the latest tick of each region of 512 pages, so that counting costs
 * little for memory that is cold.
 *
 * The hook writes entries, without a lock: a tick is one store, and two vCPUs that mark
 * the same page store the same. Tables come and go with slots in km_heat_sync(), and
 * are freed after a grace period, for the hook's sake.
 *
 * A VMM may have slots that are far larger than the host's memory and hold nothing. All
 * tables together are kept to those for LIMIT_RATIO times the host's memory.
 */
#include <linux/kvm_host.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/timer.h>

#include "count.h"
#include "heat.h"
#include "slot.h"

#define TICK_NS		(10 * NSEC_PER_MSEC)
#define TICK_JIFFIES	max(HZ / 100, 1)
#define TICKS		65535		/* 1 to this; 0 is no tick */
#define OLDEST		20000		/* ticks: 200 s. Windows end at 60 s */
#define SWEEP_NS	(100 * NSEC_PER_SEC)	/* for all regions: OLDEST + this < TICKS */
#define LIMIT_RATIO	32
#define REGION_PAGES	(1u << KM_HEAT_REGION_SHIFT)

const u32 km_heat_window_ms[KM_HEAT_WINDOWS] = { 10, 100, 1000, 10000, 60000 };

/* Pages for which there are tables, of all VMs. */
static atomic64_t all_pages = ATOMIC64_INIT(0);

DEFINE_PER_CPU(u16, km_heat_tick);

static u16 tick_now(void)
{
	u64 tick = div_u64(ktime_get_ns(), TICK_NS);
	u32 rem;

	div_u64_rem(tick, TICKS, &rem);
	return rem + 1;
}

/*
 * ---- the hook's clock ----
 *
 * A timer sets it on all CPUs, while any VM has heat to mark: whoever marks a page would else
 * look at the jiffies for each, in a page of memory of their own. It is late by a period, and
 * by whatever keeps the timer from its CPU; then the same tick stands for longer, for all.
 */

static DEFINE_MUTEX(clock_lock);
static unsigned int clock_users;

static void set_clock(void)
{
	u16 tick = tick_now();
	int cpu;

	for_each_possible_cpu(cpu)
		WRITE_ONCE(per_cpu(km_heat_tick, cpu), tick);
}

static void on_timer(struct timer_list *timer)
{
	set_clock();
	mod_timer(timer, jiffies + TICK_JIFFIES);
}

static DEFINE_TIMER(clock_timer, on_timer);

static void clock_get(void)
{
	mutex_lock(&clock_lock);
	if (!clock_users++) {
		set_clock();
		mod_timer(&clock_timer, jiffies + TICK_JIFFIES);
	}
	mutex_unlock(&clock_lock);
}

/* Nobody but on_timer() itself can start it again. */
static void clock_put(void)
{
	mutex_lock(&clock_lock);
	if (!--clock_users)
		timer_delete_sync(&clock_timer);
	mutex_unlock(&clock_lock);
}

/* ---- the tables ---- */

/* In ticks. An entry that was written after @now was taken is of age 0. */
static unsigned int age(u16 now, u16 then)
{
	int ticks = now - then;

	if (!then)
		return TICKS;
	if (ticks < 0)
		ticks += TICKS;
	return ticks > TICKS - 1000 ? 0 : ticks;
}

static u64 nr_regions(const struct km_heat_slot *slot)
{
	return DIV_ROUND_UP(slot->npages, REGION_PAGES);
}

void km_heat_init(struct km_heat *heat)
{
	mutex_init(&heat->lock);
	xa_init(&heat->slots);
	heat->swept_ns = ktime_get_ns();
}

/* Of what @slot is now, or NULL. For the hook, as it is switched on. */
struct km_heat_slot *km_heat_table(struct km_heat *heat, const struct kvm_memory_slot *slot)
{
	struct km_heat_slot *table;

	table = xa_load(&heat->slots, km_slot_key(slot->as_id, (u16)slot->id));
	if (!table || table->base_gfn != slot->base_gfn || table->npages != slot->npages)
		return NULL;
	return table;
}

/* For the hook, where it has no table at hand. */
void km_heat_mark_slowly(struct km_heat *heat, const struct kvm_memory_slot *slot, u64 rel)
{
	struct km_heat_slot *table = km_heat_table(heat, slot);

	if (table && rel < table->npages)
		km_heat_mark(table, rel);
	else
		atomic_long_inc(&heat->missed);
}

static void drop(struct km_heat *heat, struct km_heat_slot *table)
{
	xa_erase(&heat->slots, table->key);
	km_count_forget();
	heat->pages -= table->npages;
	heat->regions -= nr_regions(table);
	atomic64_sub(table->npages, &all_pages);
	kvfree_rcu(table, rcu);
}

static struct km_heat_slot *make(const struct km_slot_id *id)
{
	u64 regions = DIV_ROUND_UP(id->npages, REGION_PAGES);
	struct km_heat_slot *table;
	u64 limit = (u64)totalram_pages() * LIMIT_RATIO;

	if (atomic64_add_return(id->npages, &all_pages) > limit) {
		atomic64_sub(id->npages, &all_pages);
		return NULL;
	}
	/* What the VMM asks for is no reason to warn: kvmalloc() does so above 2 GiB. */
	table = kvzalloc(struct_size(table, region, regions + id->npages),
			 GFP_KERNEL | __GFP_NOWARN);
	if (!table) {
		atomic64_sub(id->npages, &all_pages);
		return NULL;
	}
	table->key = km_slot_key(id->as_id, id->id);
	table->base_gfn = id->gfn;
	table->npages = id->npages;
	table->page = table->region + regions;
	return table;
}

static int add(struct km_heat *heat, const struct km_slot_id *id)
{
	struct km_heat_slot *table = make(id);
	int err;

	if (!table)
		return -ENOMEM;
	err = xa_err(xa_store(&heat->slots, table->key, table, GFP_KERNEL));
	if (err) {
		atomic64_sub(table->npages, &all_pages);
		kvfree(table);
		return err;
	}
	heat->pages += table->npages;
	heat->regions += nr_regions(table);
	return 0;
}

static bool same(const struct km_heat_slot *table, const struct km_slot_id *id)
{
	return table->base_gfn == id->gfn && table->npages == id->npages;
}

/* Tables for the slots that there are now. Some may be missing when it fails. */
int km_heat_sync(struct km_heat *heat, struct kvm *kvm)
{
	struct km_slot_list list;
	struct km_heat_slot *table;
	unsigned long key;
	unsigned int i;
	int one, err = km_slot_list(kvm, &list);

	if (err)
		return err;
	mutex_lock(&heat->lock);
	xa_for_each(&heat->slots, key, table) {
		const struct km_slot_id *id = km_slot_in_list(&list, key);

		if (!id || !same(table, id))
			drop(heat, table);
	}
	for (i = 0; i < list.nr; i++) {
		const struct km_slot_id *id = &list.ids[i];

		if (xa_load(&heat->slots, km_slot_key(id->as_id, id->id)))
			continue;
		one = add(heat, id);
		err = err ?: one;
	}
	if (!heat->on)
		clock_get();
	WRITE_ONCE(heat->on, true);
	km_count_forget();
	mutex_unlock(&heat->lock);
	km_slot_list_free(&list);
	return err;
}

/* For good only if the hook can't reach @heat any more. */
void km_heat_clear(struct km_heat *heat)
{
	struct km_heat_slot *table;
	unsigned long key;

	mutex_lock(&heat->lock);
	if (heat->on)
		clock_put();
	WRITE_ONCE(heat->on, false);
	xa_for_each(&heat->slots, key, table)
		drop(heat, table);
	atomic_long_set(&heat->missed, 0);
	mutex_unlock(&heat->lock);
}

static u32 pages_in(const struct km_heat_slot *table, u64 region)
{
	return min_t(u64, REGION_PAGES, table->npages - region * REGION_PAGES);
}

/* An entry that the hook writes meanwhile stays. */
static void forget_old(u16 *entry, u16 now)
{
	u16 then = READ_ONCE(*entry);

	if (then && age(now, then) > OLDEST)
		cmpxchg(entry, then, 0);
}

static void sweep_region(struct km_heat_slot *table, u64 region, u16 now)
{
	u32 i;

	if (!READ_ONCE(table->region[region]))
		return;
	for (i = 0; i < pages_in(table, region); i++)
		forget_old(&table->page[region * REGION_PAGES + i], now);
	/* After its pages: whoever marks one of them in between marks the region later. */
	forget_old(&table->region[region], now);
}

/* Its share of all regions since the last call; every one once in SWEEP_NS, or faster. */
void km_heat_sweep(struct km_heat *heat)
{
	u64 now_ns = ktime_get_ns(), quota;
	struct km_heat_slot *table;
	unsigned long key;
	u16 now = tick_now();

	if (now_ns - heat->swept_ns < NSEC_PER_SEC)
		return;
	mutex_lock(&heat->lock);
	quota = mul_u64_u64_div_u64(heat->regions, now_ns - heat->swept_ns, SWEEP_NS) + 1;
	quota = min(quota, heat->regions);
	heat->swept_ns = now_ns;
	key = heat->sweep_key;
	table = xa_find(&heat->slots, &key, ULONG_MAX, XA_PRESENT);
	while (table && quota) {
		if (heat->sweep_key != key) {
			heat->sweep_key = key;
			heat->sweep_region = 0;
		}
		if (heat->sweep_region < nr_regions(table)) {
			sweep_region(table, heat->sweep_region++, now);
			quota--;
			continue;
		}
		table = xa_find_after(&heat->slots, &key, ULONG_MAX, XA_PRESENT);
	}
	if (!table) {
		heat->sweep_key = 0;
		heat->sweep_region = 0;
	}
	mutex_unlock(&heat->lock);
}

u64 km_heat_bytes(const struct km_heat *heat)
{
	return (READ_ONCE(heat->pages) + READ_ONCE(heat->regions)) * sizeof(u16);
}

/* Pages of a region that were seen within each window. False if none was. */
static bool count_region(const struct km_heat_slot *table, u64 region, u16 now,
			 u32 seen[KM_HEAT_WINDOWS])
{
	unsigned int w, ticks;
	u32 i;

	memset(seen, 0, KM_HEAT_WINDOWS * sizeof(*seen));
	ticks = age(now, READ_ONCE(table->region[region])) * 10;
	if (ticks > km_heat_window_ms[KM_HEAT_WINDOWS - 1])
		return false;
	for (i = 0; i < pages_in(table, region); i++) {
		ticks = age(now, READ_ONCE(table->page[region * REGION_PAGES + i])) * 10;
		for (w = KM_HEAT_WINDOWS; w && ticks <= km_heat_window_ms[w - 1]; w--)
			seen[w - 1]++;
	}
	return true;
}

void km_heat_count(struct km_heat *heat, u64 seen[KM_HEAT_WINDOWS])
{
	struct km_heat_slot *table;
	u32 one[KM_HEAT_WINDOWS];
	u16 now = tick_now();
	unsigned long key;
	unsigned int w;
	u64 r;

	memset(seen, 0, KM_HEAT_WINDOWS * sizeof(*seen));
	mutex_lock(&heat->lock);
	xa_for_each(&heat->slots, key, table) {
		for (r = 0; r < nr_regions(table); r++) {
			if (!count_region(table, r, now, one))
				continue;
			for (w = 0; w < KM_HEAT_WINDOWS; w++)
				seen[w] += one[w];
			cond_resched();
		}
	}
	mutex_unlock(&heat->lock);
}

/* Calls @fn for each region that isn't cold, from @pos on; see km_slot_walk(). */
int km_heat_walk(struct km_heat *heat, struct km_heat_pos *pos, km_heat_fn fn, void *ctx)
{
	struct km_heat_slot *table;
	struct km_heat_region region;
	unsigned long key = pos->key;
	u16 now = tick_now();
	int err = 0;
	u64 r;

	mutex_lock(&heat->lock);
	for (table = xa_find(&heat->slots, &key, ULONG_MAX, XA_PRESENT); table;
	     table = xa_find_after(&heat->slots, &key, ULONG_MAX, XA_PRESENT)) {
		if (pos->key != key)
			*pos = (struct km_heat_pos){ .key = key };
		for (r = pos->region; r < nr_regions(table); r++) {
			if (!count_region(table, r, now, region.seen))
				continue;
			region.as_id = km_slot_key_as_id(key);
			region.gfn = table->base_gfn + (r << KM_HEAT_REGION_SHIFT);
			region.npages = pages_in(table, r);
			pos->region = r;
			err = fn(&region, ctx);
			if (err)
				goto out;
		}
		pos->region = r;
	}
out:
	mutex_unlock(&heat->lock);
	return err;
}
