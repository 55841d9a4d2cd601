// SPDX-License-Identifier: GPL-2.0
#include "predict.h"

#include <string.h>

#define SCALE_PAGES  (4ull << 30 >> 12)
#define SEARCH_MAX   64.0
#define SEARCH_STEPS 4

/* Seen of moves between two QEMUs on one machine (make bench, README). */
#define RTT_MS	      0.3
#define SETUP_MS      300
/* As the guest's surroundings see it: hand-overs with next to no page took 10 to 20 ms. */
#define OTHER_MS      10
#define QEMU_PAGE_NS  2700
/* Both QEMUs of a guest that stood still took 20 us a page by QEMU's own pre-copy: the source's
 * half, less its migration thread's. */
#define QEMU_OTHER_NS 7000
/* What moves of guests of 32 and 128 MiB took more of it than by what was measured. */
#define THREADS_NS    3000
#define SETUP_CPU_MS  45
#define IDLE_CPU_MS   20

struct variant {
	double link, writes, costs;
	uint64_t seed;
};

static const struct variant variants[] = {
	{ 1, 1, 1, 1 },	      { 1, 1, 1, 2 },	      { 1, 1, 1, 3 },
	{ 0.9, 1, 1, 4 },     { 1.1, 1, 1, 5 },	      { 1, 0.75, 0.75, 6 },
	{ 1, 1.33, 1.33, 7 }, { 0.9, 1.33, 1.33, 8 }, { 1.1, 0.75, 0.75, 9 },
};
#define VARIANTS (sizeof(variants) / sizeof(*variants))

void km_predict_hosts(struct km_reh_hosts *h)
{
	h->rtt_ms = RTT_MS;
	h->qemu_page_ns = QEMU_PAGE_NS;
	h->qemu_other_ns = QEMU_OTHER_NS;
	h->threads_ns = THREADS_NS;
	h->setup_ms = SETUP_MS;
	h->other_ms = OTHER_MS;
	h->setup_cpu_ms = SETUP_CPU_MS;
	h->idle_cpu_ms = IDLE_CPU_MS;
}

/* The guest and the hosts, both `by` times smaller, as the variant has them. */
static void vary(struct km_reh_guest *g, struct km_reh_hosts *h, const struct variant *v, double by)
{
	h->link_bytes_per_s *= v->link / by;
	h->qemu_page_ns *= by;
	h->qemu_other_ns *= v->costs * by;
	h->threads_ns *= v->costs * by;
	km_costs_times(&h->costs, v->costs * by);
	h->delta_bytes = (uint64_t)((double)h->delta_bytes / by);
	for (unsigned int i = 0; i < g->regions; i++) {
		struct km_reh_region *r = &g->region[i];

		r->writes_per_s *= v->writes / by;
		if (r->pages)
			r->pages = (double)r->pages > by ? (uint64_t)((double)r->pages / by) : 1;
	}
}

static void enlarge(struct km_reh_result *r, double by)
{
	uint64_t *n[] = { &r->wire_bytes,   &r->listed_pages, &r->zero_pages, &r->raw_pages,
			  &r->packed_pages, &r->delta_pages,  &r->same_pages, &r->later_pages };

	for (unsigned int i = 0; i < sizeof(n) / sizeof(*n); i++)
		*n[i] = (uint64_t)((double)*n[i] * by);
	for (unsigned int i = 0; i < r->rounds && i < KM_REH_ROUNDS_MAX; i++) {
		r->round[i].listed_pages = (uint64_t)((double)r->round[i].listed_pages * by);
		r->round[i].wire_bytes = (uint64_t)((double)r->round[i].wire_bytes * by);
	}
}

static double scale_of(const struct km_reh_guest *g)
{
	uint64_t pages = 0;

	for (unsigned int i = 0; i < g->regions; i++)
		pages += g->region[i].pages;
	return pages > SCALE_PAGES ? (double)pages / (double)SCALE_PAGES : 1;
}

static int rehearse(const struct km_reh_guest *guest, const struct km_reh_hosts *hosts,
		    const struct km_reh_goal *goal, const struct variant *v,
		    struct km_reh_result *r)
{
	double by = scale_of(guest);
	struct km_reh_guest g = *guest;
	struct km_reh_hosts h = *hosts;
	int rc;

	vary(&g, &h, v, by);
	rc = km_rehearse(&g, &h, goal, v->seed, r);
	if (!rc)
		enlarge(r, by);
	return rc;
}

static void widen(struct km_interval *r, double v, bool first)
{
	if (first)
		*r = (struct km_interval){ v, v, v };
	if (v < r->low)
		r->low = v;
	if (v > r->high)
		r->high = v;
}

static void widen_all(struct km_prediction *p, const struct km_reh_result *r, bool first)
{
	const double of[KM_FIGURES] = {
		[KM_FIGURE_TOTAL_MS] = r->total_ms,
		[KM_FIGURE_PAUSE_MS] = r->pause_ms,
		[KM_FIGURE_WIRE_BYTES] = (double)r->wire_bytes,
		[KM_FIGURE_SOURCE_CPU_MS] = r->cpu_ms[KM_REH_SOURCE],
		[KM_FIGURE_DESTINATION_CPU_MS] = r->cpu_ms[KM_REH_DESTINATION],
	};

	for (enum km_figure f = 0; f < KM_FIGURES; f++)
		widen(&p->range[f], of[f], first);
}

static bool met(const struct km_reh_result *r, const struct km_reh_goal *goal)
{
	return r->moved && r->pause_ms <= goal->max_pause_ms * KM_PREDICT_AS_GOOD_AS;
}

/* Up to the next power of two, and then three times the half of what is between. */
static int search(const struct km_reh_guest *guest, const struct km_reh_hosts *hosts,
		  const struct km_reh_goal *goal, struct km_prediction *p)
{
	struct variant v = { .link = 2, .writes = 1, .costs = 1, .seed = 1 };
	struct km_reh_result r = { 0 };
	double low = 1, high = 0;
	int rc = 0;

	for (unsigned int i = 0; !rc && (!(high > 0) ? v.link <= SEARCH_MAX : i < SEARCH_STEPS);
	     i++) {
		rc = rehearse(guest, hosts, goal, &v, &r);
		if (met(&r, goal) && !(high > 0))
			i = 0;
		*(met(&r, goal) ? &high : &low) = v.link;
		v.link = high > 0 ? (low + high) / 2 : 2 * v.link;
	}
	p->needed_bytes_per_s = high > 0 ? hosts->link_bytes_per_s * high : -1;
	return rc;
}

/* A pause depends on the moment at which QEMU looks, and is another each time: of the variants, in
 * which that differs as well, the one in the middle.  Of those that move, which are some. */
static double middle_pause(const struct km_reh_result r[VARIANTS])
{
	double sorted[VARIANTS];
	unsigned int n = 0;

	for (unsigned int i = 0; i < VARIANTS; i++) {
		unsigned int at = n;

		if (!r[i].moved)
			continue;
		for (; at && sorted[at - 1] > r[i].pause_ms; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = r[i].pause_ms;
		n++;
	}
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

int km_predict(const struct km_reh_guest *guest, const struct km_reh_hosts *hosts,
	       const struct km_reh_goal *goal, struct km_prediction *p)
{
	struct km_reh_result r[VARIANTS];
	int rc = 0;

	memset(p, 0, sizeof(*p));
	for (unsigned int i = 0; !rc && i < VARIANTS; i++) {
		rc = rehearse(guest, hosts, goal, &variants[i], &r[i]);
		p->rehearsals += !rc;
		if (rc || (!i && !r[0].moved)) /* the others would tell no more */
			break;
		p->moved += r[i].moved;
	}
	if (rc)
		return rc;
	if (!r[0].moved) {
		p->likely = r[0];
		return search(guest, hosts, goal, p);
	}
	p->likely = r[0];
	p->likely.pause_ms = middle_pause(r);
	widen_all(p, &p->likely, true);
	for (unsigned int i = 0; i < VARIANTS; i++)
		if (r[i].moved)
			widen_all(p, &r[i], false);
	return met(&p->likely, goal) ? 0 : search(guest, hosts, goal, p);
}
