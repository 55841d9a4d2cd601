// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that knows what every page of its RAM must hold, and says so when one does not.
 * It keeps a table of the iteration it wrote last into each page, so a page that a
 * migration lost, or brought in an older version, is found before it is overwritten.
 */
#include "flat.h"

#define MULTIBOOT_MAGIC	0x2badb002u
#define CATCH_UP_TICKS	20	/* work missed for longer is not made up for */
#define PAGE_COST	1000	/* rates are per second, budgets grow by the ms */

struct counters counters;

struct budget {
	u32 rate;	/* pages a second, 0: no limit */
	u32 have;
};

static void budget_grow(struct budget *b, u32 ticks)
{
	u32 each = b->rate * params.tick, most = each * CATCH_UP_TICKS;

	if (most < PAGE_COST * 256)
		most = PAGE_COST * 256;
	b->have += each * (ticks < CATCH_UP_TICKS ? ticks : CATCH_UP_TICKS);
	if (b->have > most)
		b->have = most;
}

static int budget_take(struct budget *b, u32 pages)
{
	if (!b->rate)
		return 1;
	if (b->have < pages * PAGE_COST)
		return 0;
	b->have -= pages * PAGE_COST;
	return 1;
}

static void say_status(void)
{
	print("flat: tick=%u writes=%U verified=%U wrong=%U dma=%U maxgap_ms=%u "
	      "sweeps=%u up_ms=%U backward=%u stalled_ms=%u disk=%U\n", ticker.count, counters.writes,
	      counters.verified, counters.wrong, counters.dma, tick_gap_ms(),
	      counters.sweeps, (u64)ticker.count * params.tick, ticker.backward,
	      tick_stalled_ms(), counters.disk);
}

/*
 * 1 if another budget may have grown: by the ticks that came, or with quick=1 by those that should
 * have come, so that a vCPU which shares its CPU keeps its rate.
 */
static int on_tick(u32 *seen, u32 *said, struct budget *budgets, u32 n)
{
	static u32 time;
	u32 t = ticker.count, grown = t - *seen, i;

	if (!grown)
		return 0;
	if (params.quick)
		grown = ticker.time - time;
	time = ticker.time;
	for (i = 0; i < n; i++)
		budget_grow(&budgets[i], grown);
	*seen = t;
	if ((t - *said) * params.tick >= params.status || (t % 8 == 0 && console_asked())) {
		*said = t;
		say_status();
	}
	return 1;
}

static void run(void)
{
	struct budget b[] = {
		{ params.rate, 0 }, { params.drate, 0 }, { params.sweep, 0 },
		{ params.diskrate, 0 },
	};
	/* The first time at once: who waits for a guest that works waits for that. */
	u32 seen = ticker.count, said = seen - params.status / params.tick;
	int busy;

	for (;;) {
		tick_look();
		tick_poll();
		busy = on_tick(&seen, &said, b, ARRAY_SIZE(b));
		if (layout.written && params.quick && budget_take(&b[0], QUICK_RUN)) {
			quick_write();
			busy = 1;
		}
		if (layout.written && !params.quick && budget_take(&b[0], 1)) {
			work_write();
			busy = 1;
		}
		if (layout.copied && budget_take(&b[1], params.batch)) {
			work_copy();
			busy = 1;
		}
		if (params.sweep && budget_take(&b[2], 1)) {
			work_sweep();
			busy = 1;
		}
		if (params.disks && budget_take(&b[3], 1)) {
			disk_work();
			busy = 1;
		}
		if (!busy)
			tick_idle(seen);
	}
}

static struct segment *last_segment(enum kind kind)
{
	struct segment *s = 0;
	u32 i;

	for (i = 0; i < layout.nseg; i++)
		if (layout.seg[i].kind == kind)
			s = &layout.seg[i];
	return s;
}

/* An address of each kind of page, for tests that spoil one. */
static u32 middle(enum kind kind)
{
	struct segment *s = last_segment(kind);

	return s ? (s->page + s->count / 2) << PAGE_SHIFT : 0;
}

/* Where most of the pages lie that nobody writes, for a test that compares them. */
static void say_filled(void)
{
	struct segment *s = last_segment(KIND_FILLED);

	print("flat: filled first=0x%x end=0x%x\n", s->page << PAGE_SHIFT,
	      (s->page + s->count) << PAGE_SHIFT);
}

void main(u32 magic, const u32 *info);

void main(u32 magic, const u32 *info)
{
	console_init();
	if (magic != MULTIBOOT_MAGIC)
		die("not started by a multiboot loader");
	params_parse((const char *)info[4]);
	memory_lay_out(info);
	print("flat: filling\n");
	memory_fill();
	tick_init();
	work_init();
	say_filled();
	print("flat: ready written=%u copied=%u file=%u seed=%u mips=%u ticks=%s "
	      "written_gpa=0x%x copied_gpa=0x%x filled_gpa=0x%x\n", layout.written,
	      layout.copied, layout.ref_pages, params.seed, ticker.mips,
	      ticker.irq ? "irq" : "poll", middle(KIND_WRITTEN), middle(KIND_COPIED),
	      middle(KIND_FILLED));
	run();
}
