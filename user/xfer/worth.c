// SPDX-License-Identifier: GPL-2.0
#include "worth.h"

#include <stddef.h>

#define PAGE 4096.0

/* A window of the link's speed: long enough for several messages, and for a link that bunches. */
#define WINDOW_NS   5000000ull
/* The weight of a window; of 128 pages' result. */
#define LINK_WEIGHT 0.25
#define RESULT_KEEP 384.0 /* pages */
#define FASTER	    0.95

#define BEGIN_MARGIN  2.0
#define CHANGE_MARGIN 1.5 /* to another level */
#define STAY_MARGIN   1.25
#define KEEPS_UP      0.75

#define GAP_FIRST  4
#define GAP_MIN	   32
#define GAP_MAX	   128
#define TELL_MIN   16 /* pages of a message that tell something */
#define DENSE_PAYS 0.9

/*
 * zstd 1.5.4 on 128 pages of programs and of text, measured in us a page and of the bytes: -3
 * takes 8 to 11 and leaves 0.28 to 0.55, 1 takes 10 to 13 and leaves 0.18 to 0.43, 3 takes 13 to
 * 25 and leaves 0.17 to 0.39. Faster ones than -3 leave far more and take little less.
 */
static const int zstd_level[KM_WORTH_LEVELS] = { -3, 1, 3 };
/* What the first is thought to do until it was tried. */
static const struct km_worth_level guess = { .cpu_ns = 8000, .wall_ns = 8000, .ratio = 0.5 };
/* No level takes less for a page of which little is left. */
#define LEAST_NS 4000.0

int km_worth_zstd_level(int level)
{
	return zstd_level[level < 0 ? 0 : level];
}

unsigned int km_worth_page_bytes(const struct km_worth *w)
{
	const struct km_worth_level *l = w->on ? &w->level[w->on - 1] : NULL;

	return (unsigned int)(l && l->known && l->ratio < 1 ? PAGE * l->ratio : PAGE);
}

static void end_window(struct km_worth *w, const struct km_worth_look *look)
{
	double ns = (double)(look->now_ns - w->from.now_ns);
	double idle = (double)(look->idle_ns - w->from.idle_ns);
	double rate = ns / (double)(look->carried_bytes - w->from.carried_bytes);

	if (w->all_queued)
		w->link_ns = w->link_ns > 0 ? w->link_ns + LINK_WEIGHT * (rate - w->link_ns) : rate;
	else if (w->link_ns > rate) /* it carries that, at least */
		w->link_ns = rate;
	if (w->none_queued && idle < ns / 8)
		w->link_ns *= FASTER;
	if (!km_worth_possible(w))
		w->on = 0;
}

void km_worth_see(struct km_worth *w, const struct km_worth_look *look)
{
	bool first = !w->last.now_ns;

	w->last = *look;
	if (!first) {
		w->all_queued = w->all_queued && look->queued;
		w->none_queued = w->none_queued && !look->queued;
		if (look->now_ns - w->from.now_ns < WINDOW_NS ||
		    look->carried_bytes == w->from.carried_bytes)
			return;
		end_window(w, look);
	}
	w->from = *look;
	w->all_queued = look->queued;
	w->none_queued = !look->queued;
}

bool km_worth_possible(const struct km_worth *w)
{
	return PAGE * w->link_ns > BEGIN_MARGIN * LEAST_NS;
}

/* Of the link's time for a page, what is left over; not above 0: it doesn't pay. */
static double gain(const struct km_worth *w, int i)
{
	const struct km_worth_level *l = w->level[i].known ? &w->level[i] : &guess;
	double margin = w->on == i + 1 ? STAY_MARGIN : w->on ? CHANGE_MARGIN : BEGIN_MARGIN;
	double link_ns = PAGE * w->link_ns;

	if (l->wall_ns > (w->on == i + 1 ? 1 : KEEPS_UP) * link_ns)
		return 0;
	return (1 - l->ratio) * link_ns - margin * l->cpu_ns;
}

static int best_level(const struct km_worth *w)
{
	double best = 0;
	int at = KM_WORTH_RAW;

	for (int i = 0; i < KM_WORTH_LEVELS; i++) {
		double g = gain(w, i);

		if ((!i || w->level[i].known) && g > best) {
			best = g;
			at = i;
		}
	}
	return at;
}

/* Whether it is time. */
static bool due(struct km_worth_trial *t)
{
	if (!t->gap) {
		t->gap = GAP_MIN;
		t->left = GAP_FIRST;
	}
	if (--t->left)
		return false;
	t->gap = t->gap * 2 < GAP_MAX ? t->gap * 2 : GAP_MAX;
	t->left = t->gap;
	return true;
}

/* Another level than the one in force, above and below it in turn. */
static int other_level(struct km_worth *w, int at)
{
	int to;

	if (at == KM_WORTH_RAW)
		return 0;
	w->upwards = !w->upwards;
	to = w->upwards ? at + 1 : at - 1;
	if (to < 0 || to >= KM_WORTH_LEVELS)
		to = w->upwards ? at - 1 : at + 1;
	return to;
}

struct km_worth_plan km_worth_choose(struct km_worth *w, unsigned int light, unsigned int dense)
{
	struct km_worth_plan plan = { KM_WORTH_RAW, false };
	int best = best_level(w);

	if (w->on != best + 1) {
		w->on = best + 1;
		w->trial = (struct km_worth_trial){ 0 };
	}
	if (!km_worth_possible(w))
		return plan;
	plan.level = best;
	plan.dense = w->dense_too;
	if ((light >= TELL_MIN || plan.dense) && due(&w->trial))
		plan.level = other_level(w, best);
	if (dense >= TELL_MIN && due(&w->dense_trial)) {
		plan.dense = true;
		if (plan.level == KM_WORTH_RAW)
			plan.level = 0;
	}
	return plan;
}

static double moved(double from, double to, double pages)
{
	return from + (to - from) * pages / (pages + RESULT_KEEP);
}

void km_worth_packed(struct km_worth *w, struct km_worth_plan plan, const struct km_worth_result *r)
{
	struct km_worth_level *l = &w->level[plan.level < 0 ? 0 : plan.level];
	double light = r->light, n = light + r->dense, ratio;

	if (plan.level == KM_WORTH_RAW || n < TELL_MIN)
		return;
	ratio = (double)r->bytes / PAGE / n;
	if (r->dense >= TELL_MIN) {
		/* Light pages do as they did; the rest is the dense ones'. */
		double of_light = light * (l->known ? l->ratio : guess.ratio);
		double of_dense = ((double)r->bytes / PAGE - of_light) / r->dense;

		w->dense_too = of_dense < DENSE_PAYS;
	}
	if (r->dense && !w->dense_too)
		return; /* a trial of other pages than are packed */
	if (!l->known)	/* that the thread had to wait for a CPU may be chance */
		*l = (struct km_worth_level){ true, (double)r->cpu_ns / n, (double)r->cpu_ns / n,
					      ratio };
	l->ratio = moved(l->ratio, ratio, n);
	l->cpu_ns = moved(l->cpu_ns, (double)r->cpu_ns / n, n);
	l->wall_ns = moved(l->wall_ns, (double)r->wall_ns / n, n);
}
