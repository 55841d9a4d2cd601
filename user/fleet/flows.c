// SPDX-License-Identifier: GPL-2.0
#include "flows.h"

#include <errno.h>
#include <stdlib.h>
#include "heap.h"

/* So little is nothing: rates that differ by less are equal, and a link that lacks less is full. */
#define SLACK 1e-9

struct flow {
	double rate;	     /* while rates are found: negative = not yet */
	uint32_t bottleneck; /* a resource */
	uint32_t open;	     /* by number: its rate is found anew */
	const struct km_path *path;
	uint32_t at[KM_PATH_MAX]; /* its place in each link's list */
};

struct link {
	double rate;
	uint32_t *flow;
	uint32_t n, room;
	/* While rates are found: */
	uint32_t open; /* by number: an open flow passes */
	uint32_t unfixed;
	double left;
	double level; /* what those have of which it is the bottleneck; NO_LEVEL: there are none */
	double most;  /* of any open flow */
};

#define NO_LEVEL 1e300

struct km_flows {
	struct flow *flow;
	struct link *link;
	uint32_t nlinks;
	uint32_t now;	  /* what is open has this number */
	uint32_t *open;	  /* flows */
	uint32_t *passed; /* and the links on their ways */
	uint32_t nopen, npassed;
	uint64_t looks;
	struct km_heap *heap; /* of links, by what they can give each flow */
};

struct km_flows *km_flows_new(const struct km_fleet *f, uint32_t n)
{
	struct km_flows *fl = calloc(1, sizeof(*fl));

	if (!fl)
		return NULL;
	fl->nlinks = km_fleet_resources(f);
	fl->flow = calloc(n + 1, sizeof(*fl->flow));
	fl->open = calloc(n + 1, sizeof(*fl->open));
	fl->link = calloc(fl->nlinks + 1, sizeof(*fl->link));
	fl->passed = calloc(fl->nlinks + 1, sizeof(*fl->passed));
	fl->heap = km_heap_new(fl->nlinks);
	if (!fl->flow || !fl->open || !fl->link || !fl->passed || !fl->heap) {
		km_flows_free(fl);
		return NULL;
	}
	for (uint32_t i = 0; i < fl->nlinks; i++)
		fl->link[i].rate = km_fleet_rate(f, i);
	return fl;
}

void km_flows_free(struct km_flows *fl)
{
	if (!fl)
		return;
	for (uint32_t i = 0; fl->link && i < fl->nlinks; i++)
		free(fl->link[i].flow);
	free(fl->flow);
	free(fl->open);
	free(fl->link);
	free(fl->passed);
	km_heap_free(fl->heap);
	free(fl);
}

void km_flows_clear(struct km_flows *fl)
{
	for (uint32_t i = 0; i < fl->nlinks; i++)
		fl->link[i].n = 0;
	fl->looks = 0;
}

static bool more_than(double a, double b)
{
	return a > b * (1 + SLACK);
}

static void open_flow(struct km_flows *fl, uint32_t flow)
{
	struct flow *f = &fl->flow[flow];

	if (f->open == fl->now)
		return;
	f->open = fl->now;
	fl->open[fl->nopen++] = flow;
	for (unsigned int k = 0; k < f->path->n; k++) {
		struct link *l = &fl->link[f->path->r[k]];

		if (l->open == fl->now)
			continue;
		l->open = fl->now;
		fl->passed[fl->npassed++] = f->path->r[k];
	}
}

/* What the open flows can share: all that the others leave. */
static void clear_rates(struct km_flows *fl)
{
	for (uint32_t i = 0; i < fl->nopen; i++)
		fl->flow[fl->open[i]].rate = -1;
	for (uint32_t i = 0; i < fl->npassed; i++) {
		struct link *l = &fl->link[fl->passed[i]];

		l->left = l->rate;
		l->unfixed = 0;
		l->level = NO_LEVEL;
		l->most = 0;
		for (uint32_t j = 0; j < l->n; j++) {
			const struct flow *f = &fl->flow[l->flow[j]];

			if (f->open == fl->now)
				l->unfixed++;
			else
				l->left -= f->rate;
		}
		l->left = l->left > 0 ? l->left : 0;
		km_heap_set(fl->heap, fl->passed[i], l->left / l->unfixed);
	}
}

static void fix(struct km_flows *fl, struct flow *f, uint32_t bottleneck, double rate)
{
	f->rate = rate;
	f->bottleneck = bottleneck;
	for (unsigned int k = 0; k < f->path->n; k++) {
		struct link *l = &fl->link[f->path->r[k]];

		l->left = l->left > rate ? l->left - rate : 0;
		l->most = l->most > rate ? l->most : rate;
		l->unfixed--;
	}
}

/*
 * Water-filling (ibid.): the link that gives each of its flows least gives it to them.  What
 * the others can give only rises by that, so it is worked out when a link is the next.
 */
static void fill(struct km_flows *fl)
{
	uint32_t left = fl->nopen, r;
	double share;

	while (left && km_heap_pop(fl->heap, &r, &share)) {
		struct link *l = &fl->link[r];

		if (!l->unfixed)
			continue;
		if (l->left / l->unfixed > share) {
			km_heap_set(fl->heap, r, l->left / l->unfixed);
			continue;
		}
		l->level = share;
		left -= l->unfixed;
		for (uint32_t i = 0; i < l->n; i++)
			if (fl->flow[l->flow[i]].rate < 0)
				fix(fl, &fl->flow[l->flow[i]], r, share);
	}
	km_heap_clear(fl->heap);
}

/* Opens who has more than those that are held back here; and who was held back here itself, if
 * the link is not full any more, or open flows have more. */
static void open_unfair(struct km_flows *fl, uint32_t resource)
{
	const struct link *l = &fl->link[resource];
	bool full = l->left <= l->rate * SLACK;

	for (uint32_t i = 0; i < l->n; i++) {
		const struct flow *f = &fl->flow[l->flow[i]];

		if (f->open != fl->now &&
		    (more_than(f->rate, l->level) ||
		     (f->bottleneck == resource && (!full || more_than(l->most, f->rate)))))
			open_flow(fl, l->flow[i]);
	}
}

static void find_rates(struct km_flows *fl)
{
	uint32_t nopen;

	do {
		uint32_t npassed = fl->npassed;

		nopen = fl->nopen;
		fl->looks += nopen;
		clear_rates(fl);
		fill(fl);
		for (uint32_t i = 0; i < npassed; i++)
			open_unfair(fl, fl->passed[i]);
	} while (fl->nopen > nopen);
}

static void open_none(struct km_flows *fl)
{
	fl->now++;
	fl->nopen = fl->npassed = 0;
}

static void open_held_by(struct km_flows *fl, const struct km_path *path)
{
	for (unsigned int k = 0; k < path->n; k++) {
		const struct link *l = &fl->link[path->r[k]];

		for (uint32_t i = 0; i < l->n; i++)
			if (fl->flow[l->flow[i]].bottleneck == path->r[k])
				open_flow(fl, l->flow[i]);
	}
}

static int append(struct link *l, uint32_t flow)
{
	if (l->n == l->room) {
		uint32_t room = l->room ? 2 * l->room : 4;
		uint32_t *more = realloc(l->flow, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->flow = more;
		l->room = room;
	}
	l->flow[l->n++] = flow;
	return 0;
}

int km_flows_add(struct km_flows *fl, uint32_t flow, const struct km_path *path)
{
	struct flow *f = &fl->flow[flow];

	open_none(fl);
	open_held_by(fl, path);
	f->path = path;
	for (unsigned int k = 0; k < path->n; k++) {
		f->at[k] = fl->link[path->r[k]].n;
		if (append(&fl->link[path->r[k]], flow))
			return -ENOMEM;
	}
	open_flow(fl, flow);
	find_rates(fl);
	return 0;
}

/* The last of the list takes its place there. */
static void drop(struct km_flows *fl, uint32_t resource, uint32_t at)
{
	struct link *l = &fl->link[resource];
	struct flow *last = &fl->flow[l->flow[--l->n]];

	l->flow[at] = l->flow[l->n];
	for (unsigned int k = 0; k < last->path->n; k++)
		if (last->path->r[k] == resource)
			last->at[k] = at;
}

void km_flows_remove(struct km_flows *fl, uint32_t flow)
{
	struct flow *f = &fl->flow[flow];

	for (unsigned int k = 0; k < f->path->n; k++)
		drop(fl, f->path->r[k], f->at[k]);
	open_none(fl);
	open_held_by(fl, f->path);
	find_rates(fl);
}

double km_flows_rate(const struct km_flows *fl, uint32_t flow)
{
	return fl->flow[flow].rate;
}

const uint32_t *km_flows_changed(const struct km_flows *fl, uint32_t *n)
{
	*n = fl->nopen;
	return fl->open;
}

uint64_t km_flows_looks(const struct km_flows *fl)
{
	return fl->looks;
}
