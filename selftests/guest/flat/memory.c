// SPDX-License-Identifier: GPL-2.0
/*
 * All RAM has a known content. From 1 MiB on: the guest itself, its tables, the reference
 * copy of the fw_cfg file, pages the CPU writes, pages the device model writes, and the
 * rest, which is filled once. 64 KiB to 576 KiB is filled as well.
 */
#include "flat.h"

#define LOW_FIRST	0x10
#define LOW_LAST	0x90
#define BIOS_PAGES	8192	/* at either end of RAM, where it may not be zero */
#define MMAP_VALID	(1 << 6)
#define FILE_NAME	"opt/org.kmigrate/data"

/* Multiboot 0.6.96 section 3.3 */
struct multiboot {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods[2], syms[4];
	u32 mmap_length, mmap_address;
};

struct region {
	u32 size;
	u64 base, length;
	u32 type;
} __attribute__((packed));

struct layout layout;

static u32 next_page, end_page;

static u32 ram_end(const struct multiboot *mb)
{
	const struct region *r = (const void *)mb->mmap_address;
	u32 end = mb->mmap_address + mb->mmap_length;
	u64 top;

	if (!(mb->flags & MMAP_VALID))
		die("no memory map");
	while ((u32)r < end) {
		top = r->base + r->length;
		if (r->type == 1 && r->base <= 0x100000 && top > 0x100000 && top >> 32 == 0)
			return (u32)top >> PAGE_SHIFT;
		r = (const void *)((u32)r + r->size + 4);
	}
	die("no memory at 1 MiB");
}

static u32 take(u32 pages)
{
	u32 page = next_page;

	if (pages > end_page - next_page)
		die("not enough memory for this working set");
	next_page += pages;
	return page;
}

static u32 *take_table(u32 words)
{
	return page_pointer(take((words + PAGE_WORDS - 1) / PAGE_WORDS));
}

static void add(enum kind kind, u32 page, u32 count, u32 index)
{
	struct segment *s = &layout.seg[layout.nseg];

	if (!count)
		return;
	s->page = page;
	s->count = count;
	s->kind = kind;
	s->index = index;
	layout.nseg++;
}

static void lay_out_file(void)
{
	u32 pages;

	if (!fwcfg_find(FILE_NAME, &layout.file)) {
		if (params.dma)
			die("dma= needs the fw_cfg file " FILE_NAME);
		return;
	}
	pages = layout.file.size / PAGE_SIZE / params.batch * params.batch;
	if (pages < 2 * params.batch)
		die("the fw_cfg file is too small");
	layout.ref_pages = pages;
	layout.fill_pages = layout.dma_pages = pages;
	if (params.dlast) {
		layout.dma_pages = params.dlast / params.batch * params.batch;
		if (layout.dma_pages < 2 * params.batch || layout.dma_pages >= pages)
			die("dlast= and the fw_cfg file don't fit");
		layout.fill_pages = pages - layout.dma_pages;
		layout.dma_page = layout.fill_pages;
	}
	layout.ref = take_table(pages * PAGE_WORDS);
	fwcfg_select(&layout.file, 0);
	fwcfg_read(layout.ref, pages * PAGE_SIZE);
}

void memory_lay_out(const void *multiboot_info)
{
	extern char image_end[];
	u32 ram = params.ws / PAGE_SIZE, vga = pci_vga_memory(), vram = 0, i;

	next_page = (u32)image_end >> PAGE_SHIFT;
	end_page = ram_end(multiboot_info);
	if (params.vram && !vga)
		die("vram= needs a VGA");
	if (vga)
		vram = params.vram / PAGE_SIZE;
	layout.written = ram + vram;
	layout.copied = params.dma / PAGE_SIZE / params.batch * params.batch;
	layout.iter = take_table(layout.written);
	layout.source = take_table(layout.copied);
	for (i = 0; i < layout.written; i++)
		layout.iter[i] = 0;
	lay_out_file();
	add(KIND_FILLED, LOW_FIRST, LOW_LAST - LOW_FIRST, 0);
	add(KIND_WRITTEN, take(ram), ram, 0);
	add(KIND_WRITTEN, vga >> PAGE_SHIFT, vram, ram);
	add(KIND_COPIED, take(layout.copied), layout.copied, 0);
	add(KIND_FILLED, next_page, end_page - next_page, 0);
}

u32 *memory_written_page(u32 index)
{
	struct segment *s = memory_segment(KIND_WRITTEN);

	if (index >= s->index + s->count)
		s++;
	return page_pointer(s->page + index - s->index);
}

struct segment *memory_segment(enum kind kind)
{
	u32 i;

	for (i = 0; i < layout.nseg; i++)
		if (layout.seg[i].kind == kind)
			return &layout.seg[i];
	return 0;
}

/* The page of the file that PAGE begins as, or 0. */
const u32 *memory_ref(u32 page)
{
	return layout.ref ? layout.ref + page % layout.fill_pages * PAGE_WORDS : 0;
}

/* What page I of segment S must hold now. */
void memory_want(struct want *w, const struct segment *s, u32 i)
{
	u32 page = s->page + i;

	switch (s->kind) {
	case KIND_WRITTEN:
		want_written(w, page, layout.iter[s->index + i], memory_ref(page));
		break;
	case KIND_COPIED:
		want_copied(w, page, layout.ref, layout.source[s->index + i]);
		break;
	case KIND_FILLED:
		want_filled(w, page, memory_ref(page));
		break;
	}
}

/*
 * Zero pages stay untouched, so the host need not have them. RAM is zero at the start but
 * for what the BIOS left: SeaBIOS works a little below the top, 16 MiB and more (its
 * src/malloc.c), and QEMU loads us at the bottom.
 */
static void clear(const struct segment *s, u32 i)
{
	if (i < BIOS_PAGES || i + BIOS_PAGES >= s->count)
		fwcfg_clear(page_pointer(s->page + i), PAGE_SIZE);
}

/* The device model copies where there is a file: it is far faster than we are. */
static void copy(u32 first, u32 count, u32 from)
{
	fwcfg_select(&layout.file, from * PAGE_SIZE);
	fwcfg_read(page_pointer(first), count * PAGE_SIZE);
}

/* As many pages as share a cluster and lie together in the file, to copy them at once. */
static u32 run_length(const struct segment *s, u32 i, u32 from)
{
	u32 n = CLUSTER - (s->page + i) % CLUSTER;

	if (n > s->count - i)
		n = s->count - i;
	if (n > layout.ref_pages - from)
		n = layout.ref_pages - from;
	return n;
}

/* Page I is zero already; so is the rest of its cluster, the last of which it returns, or I. */
static u32 skip_zero(const struct segment *s, u32 i)
{
	u32 last = ((s->page + i) | (CLUSTER - 1)) - s->page;

	if (s->kind != KIND_FILLED || i < BIOS_PAGES || last + BIOS_PAGES >= s->count)
		return i;
	return last;
}

static void fill_segment(const struct segment *s)
{
	u32 i, copied = 0, from;
	struct want w;

	for (i = 0; i < s->count; i++) {
		memory_want(&w, s, i);
		if (w.zero && w.zero0) {
			clear(s, i);
			i = skip_zero(s, i);
			continue;
		}
		if (!w.ref) {
			want_store(&w, page_pointer(s->page + i), PAGE_WORDS);
			continue;
		}
		if (i >= copied) {
			from = (w.ref - layout.ref) / PAGE_WORDS;
			copied = i + run_length(s, i, from);
			copy(s->page + i, copied - i, from);
		}
		want_store(&w, page_pointer(s->page + i), ARRAY_SIZE(w.head));
	}
}

void memory_fill(void)
{
	u32 i;

	for (i = 0; i < layout.copied; i++)
		layout.source[i] = layout.dma_page + i % layout.dma_pages;
	for (i = 0; i < layout.nseg; i++)
		fill_segment(&layout.seg[i]);
}
