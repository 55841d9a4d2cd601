// SPDX-License-Identifier: GPL-2.0
/*
 * What a page holds is a function of its number, its iteration and the seed, so any word
 * can be checked at any time without a copy. A written page:
 *
 *	word 0	MAGIC ^ page number
 *	word 1	seed
 *	word 2	iteration
 *	word 3	checksum of the three
 *	words from 4: those that each write changes, then those that stay as at iteration 0
 *
 * At iteration 0 the words from 4 on are a page of the fw_cfg file, if there is one, as
 * the device model can bring that: a KVM that interprets this guest takes a minute for
 * what we would compute.
 *
 * With content=zero every even iteration makes the page all zero: the case in which a
 * destination must clear a page that it already has.
 */
#include "flat.h"

#define MAGIC_FILLED	0x6b6d6632u

/* Text, eight bytes an entry. With three words of 16 random, zstd makes about a third of it. */
static const char dictionary[64][9] = {
	"the page", " of host", "memory  ", "is sent ", "and then", " written",
	" again; ", "migrate ", "guest is", " running", "on a CPU", " of node",
	"the link", " between", "kernel: ", "hot and ", "cold one", "s, dirty",
	" logging", "bitmap, ", "one word", " at last", "if there", " is time",
	"nothing ", "changes.", "No error", "s found,", "latency ", "in micro",
	"seconds ", "measured", "as value", " of each", "while an", "other is",
	"waiting ", "for data", "to come ", "in order", " to send", "what the",
	" reader ", "expects.", "A stream", " is one ", "of many,", "all have",
	"numbers ", "and sums", "checked ", "by both ", "sides of", " a move.",
	"If it is", " equal, ", "nothing.", "is done:", " so less", " bytes. ",
	"Then end", " and go ", "\non with", "\nthe run",
};

static void want_head(struct want *w, u32 magic, u32 iter)
{
	w->head[0] = magic ^ w->page;
	w->head[1] = params.seed;
	w->head[2] = iter;
	w->head[3] = mix(w->head[0] + mix(params.seed + iter * GOLDEN));
}

/* How many words of PAGE after its head each write changes. */
u32 want_changed(u32 page)
{
	u32 words = (params.bytes - 8) / 4;

	if (words > PAGE_WORDS - HEAD_WORDS)
		words = PAGE_WORDS - HEAD_WORDS;
	return params.vary ? (page & 15) * (words + 1) >> 4 : words;
}

/* REF: the page of the file, or 0. Text is our own: that of the file need not be text. */
void want_written(struct want *w, u32 page, u32 iter, const u32 *ref)
{
	int even = !(iter & 1);

	w->page = page;
	w->iter = iter;
	w->kind = "written";
	w->text = params.content == CONTENT_TEXT;
	w->ref = w->text ? 0 : ref;
	w->zero0 = params.content == CONTENT_ZERO;
	w->zero = w->zero0 && even;
	w->changed = want_changed(page);
	w->base0 = mix(page ^ params.seed);
	w->base = mix(w->base0 + iter * GOLDEN);
	if (w->zero)
		w->head[0] = w->head[1] = w->head[2] = w->head[3] = 0;
	else
		want_head(w, MAGIC_WRITTEN, iter);
}

void want_copied(struct want *w, u32 page, const u32 *ref, u32 file_page)
{
	u32 i;

	w->page = page;
	w->iter = file_page;
	w->kind = "copied";
	w->ref = ref + file_page * PAGE_WORDS;
	w->changed = 0;
	w->zero = w->zero0 = 0;
	for (i = 0; i < HEAD_WORDS; i++)
		w->head[i] = w->ref[i];
}

/* A page that nobody writes after the start: zero, or a copy of the file with a stamp. */
void want_filled(struct want *w, u32 page, const u32 *ref)
{
	want_written(w, page, 0, ref);
	w->kind = "filled";
	w->changed = 0;
	w->text = 0;
	w->zero = w->zero0 = mix(page / CLUSTER * GOLDEN ^ params.seed) % 100 < params.zero;
	if (w->zero) {
		w->head[0] = w->head[1] = w->head[2] = w->head[3] = 0;
		return;
	}
	want_head(w, MAGIC_FILLED, 0);
	w->ref = ref;
}

static u32 want_word(const struct want *w, u32 i)
{
	u32 base, zero;

	if (i < HEAD_WORDS)
		return w->head[i];
	if (i - HEAD_WORDS < w->changed && (w->iter || !w->ref)) {
		base = w->base;
		zero = w->zero;
	} else {
		base = w->base0;
		zero = w->zero0;
		if (!zero && w->ref)
			return w->ref[i];
	}
	if (zero)
		return 0;
	if (w->text && i % 16 >= 3)
		return ((const u32 *)(const void *)
			dictionary[mix(base + (i >> 1) * GOLDEN) % 64])[i & 1];
	return base + i * GOLDEN;
}

void want_store(const struct want *w, u32 *to, u32 words)
{
	u32 i;

	for (i = 0; i < words; i++)
		to[i] = want_word(w, i);
}

static int check_word(const struct want *w, const u32 *at, u32 i)
{
	u32 wanted = want_word(w, i);

	if (at[i] == wanted)
		return 1;
	counters.wrong++;
	print("flat: WRONG page=0x%x word=%u expected=0x%x got=0x%x kind=%s "
	      "iteration=%u holds=%u tick=%u\n", w->page, i, wanted, at[i],
	      w->kind, w->iter, at[2], ticker.count);
	return 0;
}

/* The head and every STEPth word from FROM on; a wrong page is told at once. */
int want_check(const struct want *w, const u32 *at, u32 from, u32 step)
{
	u32 i;

	for (i = 0; i < HEAD_WORDS; i++)
		if (!check_word(w, at, i))
			return 0;
	for (i = from; i < PAGE_WORDS; i += step)
		if (!check_word(w, at, i))
			return 0;
	counters.verified++;
	return 1;
}
