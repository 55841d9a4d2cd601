/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FLAT_FLAT_H
#define FLAT_FLAT_H

#include "pc.h"

/* What the command line (QEMU's -append) can set; params.c has names and defaults. */
enum content { CONTENT_RANDOM, CONTENT_TEXT, CONTENT_SILENT, CONTENT_ZERO };
enum order { ORDER_SEQ, ORDER_SCATTER };
enum tick_mode { TICK_AUTO, TICK_IRQ, TICK_POLL };

struct params {
	u32 ws;		/* bytes of RAM that the CPU rewrites page by page */
	u32 vram;	/* the same in the VGA's memory, when there is one */
	u32 rate;	/* pages a second by the CPU, 0: as fast as it can */
	u32 bytes;	/* bytes changed by each such write, 8 to 4096 */
	u32 vary;	/* from 8 bytes to so many, by page */
	u32 content;
	u32 order;
	u32 dma;	/* bytes of RAM that fw_cfg DMA overwrites */
	u32 drate;	/* pages a second by DMA, 0: as fast as it can */
	u32 batch;	/* pages a DMA request */
	u32 dsilent;	/* DMA rewrites each page with what it holds already */
	u32 dlast;	/* pages at the file's end that DMA alone copies, 0: all are everybody's */
	u32 zero;	/* percentage of zero pages in the RAM that nobody writes */
	u32 sweep;	/* pages a second checked by the rolling sweep */
	u32 sample;	/* words of a page's body checked before each overwrite */
	u32 quick;	/* few instructions a page: quick.c */
	u32 disks;	/* IDE disks that it writes, of 16 MiB at least, and checks */
	u32 diskrate;	/* sectors a second on all, 0: as fast as it can */
	u32 tick;	/* ms between ticks */
	u32 tickmode;
	u32 status;	/* ms between status lines */
	u32 seed;
};

struct counters {
	u64 writes;	/* pages written by the CPU */
	u64 dma;	/* pages written by the device model */
	u64 disk;	/* sectors written */
	u64 verified;	/* pages found as they should be */
	u64 wrong;	/* pages found otherwise */
	u32 sweeps;	/* complete sweeps of all RAM */
};

extern struct params params;
extern struct counters counters;

/* params.c */
void params_parse(const char *cmdline);

/* console.c: printf with %s %c %u %x (u32) and %U (u64) */
void console_init(void);
void print(const char *fmt, ...);
int console_asked(void);
void die(const char *why) __attribute__((noreturn));

/* tick.c */
struct ticker {
	volatile u32 count;	/* ticks since the start */
	u32 time;		/* ticks that there should have been, by the TSC */
	u32 rest;		/* and what is no whole one yet, in units of 1024 TSC cycles */
	u32 maxgap;		/* greatest distance between two, in units of 1024 TSC cycles */
	u32 last;		/* when the last was, in those units */
	u32 next;		/* poll mode: when the next is due */
	u32 period;		/* distance of two ticks, in those units */
	u32 backward;		/* how often the TSC went back */
	u32 looked;		/* when the work loop last looked at the clock, in those units */
	u32 stalled;		/* what it has missed, in those units */
	u32 mips;		/* instructions a microsecond, roughly */
	int irq;		/* ticks come by interrupt */
};

extern struct ticker ticker;

void tick_init(void);
void tick_poll(void);
void tick_idle(u32 seen);
void tick_look(void);
void tick_irq(void);
u32 tick_gap_ms(void);
u32 tick_stalled_ms(void);

/* fwcfg.c */
struct fwcfg_file {
	u16 key;
	u32 size;
};

int fwcfg_find(const char *name, struct fwcfg_file *f);
void fwcfg_select(const struct fwcfg_file *f, u32 skip);
void fwcfg_read(void *to, u32 len);
void fwcfg_clear(void *to, u32 len);

/* pci.c */
u32 pci_vga_memory(void);

#define CLUSTER		16	/* filled pages are zero or not in groups of so many */
#define MAGIC_WRITTEN	0x6b6d6731u
#define GOLDEN		0x9e3779b9u
#define HEAD_WORDS	4

/* content.c: what a page must hold */
struct want {
	u32 page;	/* guest physical page number, for messages */
	u32 head[4];	/* the record, or the page's first words */
	u32 base;	/* seeds the words that a write changes */
	u32 base0;	/* seeds the words after them */
	u32 changed;	/* number of body words that a write changes */
	u32 iter;	/* iteration number or number of the file's page, for messages */
	const u32 *ref;	/* words that no write changes are a copy of these instead */
	u8 zero, zero0, text;
	const char *kind;
};

void want_written(struct want *w, u32 page, u32 iter, const u32 *ref);
void want_copied(struct want *w, u32 page, const u32 *ref, u32 file_page);
void want_filled(struct want *w, u32 page, const u32 *ref);
u32 want_changed(u32 page);
void want_store(const struct want *w, u32 *to, u32 words);
int want_check(const struct want *w, const u32 *at, u32 from, u32 step);

/* memory.c: where everything lies */
enum kind { KIND_WRITTEN, KIND_COPIED, KIND_FILLED };

struct segment {
	u32 page;	/* first guest physical page number */
	u32 count;
	enum kind kind;
	u32 index;	/* of the first page in the table of its kind */
};

struct layout {
	struct segment seg[8];
	u32 nseg;
	u32 written;	/* pages of KIND_WRITTEN, in one or two segments */
	u32 copied;
	u32 *iter;	/* what each written page must hold: iteration */
	u32 *source;	/* what each copied page must hold: page of the file */
	u32 *ref;	/* the fw_cfg file as read at the start */
	u32 ref_pages;
	u32 fill_pages;	/* of them, those from the start that pages begin as */
	u32 dma_page;	/* from this one on DMA copies */
	u32 dma_pages;
	struct fwcfg_file file;
};

extern struct layout layout;

void memory_lay_out(const void *multiboot_info);
void memory_fill(void);
void memory_want(struct want *w, const struct segment *s, u32 i);
const u32 *memory_ref(u32 page);
u32 *memory_written_page(u32 index);
struct segment *memory_segment(enum kind kind);

/* quick.c */
#define QUICK_RUN	8	/* pages a call of quick_write() */

void quick_init(void);
void quick_write(void);
void quick_check_copied(u32 first);

/* disk.c */
void disk_work(void);

/* work.c */
void work_init(void);
void work_write(void);
void work_copy(void);
void work_sweep(void);

u32 work_stride(void);

static inline u32 mix(u32 x)
{
	x ^= x >> 16;
	x *= 0x85ebca6bu;
	x ^= x >> 13;
	return x;
}

static inline void *page_pointer(u32 page)
{
	return (void *)(page << PAGE_SHIFT);
}

#endif
