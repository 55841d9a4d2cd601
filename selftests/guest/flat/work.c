// SPDX-License-Identifier: GPL-2.0
/* The three kinds of work, one small step a call, so that the caller can keep ticking. */
#include "flat.h"

static struct {
	struct segment *copied;
	u32 next, stride;	/* written pages */
	u32 copy_next, round;	/* copied pages */
	u32 file_next;		/* page of the file that the next DMA request reads */
	u32 seg, page;		/* of the sweep */
	u32 turn;		/* rotates the words that are looked at */
} work;

static u32 gcd(u32 a, u32 b)
{
	u32 t;

	while (b) {
		t = a % b;
		a = b;
		b = t;
	}
	return a;
}

/* The golden section visits all pages once a round, each far from the last. */
u32 work_stride(void)
{
	u32 n = layout.written, stride;

	if (params.order != ORDER_SCATTER || n < 8)
		return 1;
	for (stride = n / 8 * 5; gcd(n, stride) != 1; stride++)
		;
	return stride;
}

void work_init(void)
{
	work.copied = memory_segment(KIND_COPIED);
	work.stride = work_stride();
	if (params.quick)
		quick_init();
}

static u32 sample_step(void)
{
	return params.sample ? PAGE_WORDS / params.sample : PAGE_WORDS;
}

/* Words 4.. : a step that starts elsewhere each time reaches every word in the end. */
static int check(const struct want *w, const u32 *page, u32 step)
{
	work.turn = (work.turn + 61) % PAGE_WORDS;
	return want_check(w, page, 4 + work.turn % step, step);
}

/* The CPU: is the page as we left it? Then the next iteration. */
void work_write(void)
{
	u32 i = work.next;
	u32 *page = memory_written_page(i), number = (u32)page >> PAGE_SHIFT;
	struct want w;

	want_written(&w, number, layout.iter[i], memory_ref(number));
	check(&w, page, sample_step());
	if (params.content != CONTENT_SILENT) {
		layout.iter[i]++;
		want_written(&w, number, layout.iter[i], memory_ref(number));
	}
	want_store(&w, page, 4 + w.changed);
	counters.writes++;
	work.next += work.stride;
	if (work.next >= layout.written)
		work.next -= layout.written;
}

/*
 * The device model: BATCH pages in one request. Round r puts the file's batch
 * (r + i) % all into batch i, so each request brings other content unless dsilent is set.
 */
void work_copy(void)
{
	u32 first = work.copy_next, i, from, batches = layout.dma_pages / params.batch;
	struct want w;

	if (params.quick)
		quick_check_copied(first);
	for (i = first; !params.quick && i < first + params.batch; i++) {
		memory_want(&w, work.copied, i);
		check(&w, page_pointer(work.copied->page + i), sample_step());
	}
	from = layout.dma_page + (work.round + first / params.batch) % batches * params.batch;
	if (from != work.file_next || !from)
		fwcfg_select(&layout.file, from * PAGE_SIZE);
	fwcfg_read(page_pointer(work.copied->page + first), params.batch * PAGE_SIZE);
	work.file_next = from + params.batch;
	for (i = 0; i < params.batch; i++)
		layout.source[first + i] = from + i;
	counters.dma += params.batch;
	work.copy_next += params.batch;
	if (work.copy_next < layout.copied)
		return;
	work.copy_next = 0;
	if (!params.dsilent)
		work.round++;
}

/* All RAM, page by page, 16 words of each, others every time. */
void work_sweep(void)
{
	struct segment *s = &layout.seg[work.seg];
	struct want w;

	memory_want(&w, s, work.page);
	check(&w, page_pointer(s->page + work.page), PAGE_WORDS / 16);
	if (++work.page < s->count)
		return;
	work.page = 0;
	if (++work.seg < layout.nseg)
		return;
	work.seg = 0;
	counters.sweeps++;
}
