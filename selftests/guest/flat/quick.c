// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's work with few instructions a page (quick=1), for who needs 10,000 pages a second
 * of a KVM that interprets one or two million instructions in it. A written page holds here
 * exactly what content.c says, so the sweep, which asks that, proves these lines; what is looked
 * at before an overwrite is less: the page's number, its iteration and the last word that changes,
 * or one word of a copied page, another each time.
 */
#include "flat.h"

static struct {
	u32 first;		/* page number of the first written page */
	u32 *iter;		/* their table */
	u32 count, next, stride;
	struct round {
		u32 iter;
		u32 base;	/* what the words after the head need of it */
	} is, will;		/* what a page holds, and what it gets */
	u32 sum;		/* what the checksum of the head that it gets needs */
	u8 changed[16];		/* words, by the page's number */
	u32 copied;		/* page number of the first copied page */
	u32 word;		/* of a copied page, to look at next */
} quick;

static void begin_round(u32 is)
{
	u32 will = is + 1;

	quick.is = (struct round){ is, is * GOLDEN };
	quick.will = (struct round){ will, will * GOLDEN };
	quick.sum = mix(params.seed + will * GOLDEN);
}

void quick_init(void)
{
	struct segment *written = memory_segment(KIND_WRITTEN);
	struct segment *copied = memory_segment(KIND_COPIED);
	u32 i;

	if (params.content != CONTENT_RANDOM || params.vram || params.bytes > 256)
		die("quick=1 takes content=random, no vram= and bytes= of up to 256");
	if (layout.written % QUICK_RUN)
		die("quick=1 takes a ws= of whole runs");
	for (i = 0; i < ARRAY_SIZE(quick.changed); i++)
		quick.changed[i] = want_changed(i);
	quick.first = written ? written->page : 0;
	quick.iter = layout.iter;
	quick.count = layout.written;
	quick.stride = work_stride();
	quick.copied = copied ? copied->page : 0;
	begin_round(0);
}

/* Says what is wrong with a page. */
static void tell_written(u32 i)
{
	u32 page = quick.first + i;
	struct want w;

	want_written(&w, page, layout.iter[i], memory_ref(page));
	want_check(&w, page_pointer(page), HEAD_WORDS, 1);
}

static int is_right(const u32 *at, u32 head, u32 base0, u32 changed)
{
	const struct round *is = &quick.is;
	u32 last = HEAD_WORDS - 1 + changed;

	if (at[0] != head || at[2] != is->iter)
		return 0;
	/* At iteration 0 it holds what the file had. */
	return !changed || !is->iter || at[last] == mix(base0 + is->base) + last * GOLDEN;
}

/* A compiler takes twice as many instructions. */
static void store_words(u32 *to, u32 word, u32 count)
{
	__asm__ volatile("1: stosl\n\taddl %3, %%eax\n\tloop 1b"
			 : "+D"(to), "+a"(word), "+c"(count)
			 : "i"(GOLDEN)
			 : "memory", "cc");
}

static void write_one(u32 i)
{
	u32 page = quick.first + i, *to = page_pointer(page);
	u32 head = MAGIC_WRITTEN ^ page, base0 = mix(page ^ params.seed);
	u32 changed = quick.changed[page & 15];

	if (!is_right(to, head, base0, changed)) {
		tell_written(i);
		counters.verified--;
	}
	layout.iter[i] = quick.will.iter;
	to[2] = quick.will.iter;
	to[3] = mix(head + quick.sum);
	if (changed)
		store_words(to + HEAD_WORDS, mix(base0 + quick.will.base) + HEAD_WORDS * GOLDEN,
			    changed);
}

/* QUICK_RUN pages; the count is a multiple of it, so a round ends with a call. */
void quick_write(void)
{
	u32 n;

	for (n = 0; n < QUICK_RUN; n++) {
		write_one(quick.next);
		quick.next += quick.stride;
		if (quick.next >= quick.count)
			quick.next -= quick.count;
	}
	counters.writes += QUICK_RUN;
	counters.verified += QUICK_RUN;
	/* Every page has had its turn when the first one's comes again. */
	if (!quick.next)
		begin_round(quick.will.iter);
}

static void tell_copied(u32 i)
{
	struct want w;

	want_copied(&w, quick.copied + i, layout.ref, layout.source[i]);
	want_check(&w, page_pointer(quick.copied + i), HEAD_WORDS, 1);
}

/* A batch came from pages of the file that lie together. */
void quick_check_copied(u32 first)
{
	const u32 *at = (u32 *)page_pointer(quick.copied + first) + quick.word;
	const u32 *wanted = layout.ref + layout.source[first] * PAGE_WORDS + quick.word;
	u32 i;

	for (i = 0; i < params.batch; i++) {
		if (*at != *wanted) {
			tell_copied(first + i);
			counters.verified--;
		}
		at += PAGE_WORDS;
		wanted += PAGE_WORDS;
	}
	counters.verified += params.batch;
	quick.word = (quick.word + 61) % PAGE_WORDS;
}
