// SPDX-License-Identifier: GPL-2.0
#include "flows.h"

#include <errno.h>
#include <stdlib.h>

/* So little over is nothing over. */
#define SLACK (1 + 1e-9)

struct flow {
	struct km_path path;
	uint32_t at[KM_PATH_MAX]; /* its place in each link's list */
	double rate;
	uint32_t seen;
};

struct link {
	double rate;
	double bounds; /* what its flows could take together */
	uint32_t *flow;
	uint32_t n, room;
	uint32_t seen;
	/* While rates are found: */
	double left;
	uint32_t unfixed;
};

struct km_flows {
	struct flow *flow;
	struct link *link;
	uint32_t nlinks;
	uint32_t now;	  /* what is seen has this number */
	uint32_t *part;	  /* flows that hang together */
	uint32_t *shared; /* and the links by which they do */
	uint32_t npart, nshared;
};

struct km_flows *km_flows_new(const struct km_fleet *f, uint32_t n)
{
	struct km_flows *fl = calloc(1, sizeof(*fl));

	if (!fl)
		return NULL;
	fl->nlinks = km_fleet_resources(f);
	fl->flow = calloc(n + 1, sizeof(*fl->flow));
	fl->part = calloc(n + 1, sizeof(*fl->part));
	fl->link = calloc(fl->nlinks + 1, sizeof(*fl->link));
	fl->shared = calloc(fl->nlinks + 1, sizeof(*fl->shared));
	if (!fl->flow || !fl->part || !fl->link || !fl->shared) {
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
	free(fl->part);
	free(fl->link);
	free(fl->shared);
	free(fl);
}

static bool may_be_full(const struct link *l)
{
	return l->bounds > l->rate * SLACK;
}

static void take_in(struct km_flows *fl, uint32_t flow)
{
	if (fl->flow[flow].seen == fl->now)
		return;
	fl->flow[flow].seen = fl->now;
	fl->part[fl->npart++] = flow;
}

static void begin_part(struct km_flows *fl)
{
	fl->now++;
	fl->npart = fl->nshared = 0;
}

/* All flows that hang together with those that were taken in. */
static void spread(struct km_flows *fl)
{
	for (uint32_t i = 0; i < fl->npart; i++) {
		const struct km_path *p = &fl->flow[fl->part[i]].path;

		for (unsigned int k = 0; k < p->n; k++) {
			struct link *l = &fl->link[p->r[k]];

			if (l->seen == fl->now || !may_be_full(l))
				continue;
			l->seen = fl->now;
			l->left = l->rate;
			l->unfixed = l->n;
			fl->shared[fl->nshared++] = p->r[k];
			for (uint32_t j = 0; j < l->n; j++)
				take_in(fl, l->flow[j]);
		}
	}
}

static void fix(struct km_flows *fl, uint32_t flow, double rate)
{
	struct flow *f = &fl->flow[flow];

	f->rate = rate;
	for (unsigned int k = 0; k < f->path.n; k++) {
		struct link *l = &fl->link[f->path.r[k]];

		if (l->seen != fl->now)
			continue;
		l->left = l->left > rate ? l->left - rate : 0;
		l->unfixed--;
	}
}

/* The link that gives each of its flows least; NULL when none has flows any more. */
static struct link *tightest(const struct km_flows *fl, double *share)
{
	struct link *best = NULL;

	for (uint32_t i = 0; i < fl->nshared; i++) {
		struct link *l = &fl->link[fl->shared[i]];

		if (!l->unfixed || (best && l->left / l->unfixed >= *share))
			continue;
		best = l;
		*share = l->left / l->unfixed;
	}
	return best;
}

/* Gives those that can't have more than share what they can have; the least that others can. */
static double fix_bound(struct km_flows *fl, double share)
{
	double least = 1e300;

	for (uint32_t i = 0; i < fl->npart; i++) {
		struct flow *f = &fl->flow[fl->part[i]];

		if (f->rate >= 0)
			continue;
		if (f->path.bound <= share)
			fix(fl, fl->part[i], f->path.bound);
		else if (f->path.bound < least)
			least = f->path.bound;
	}
	return least;
}

/*
 * Water-filling (Bertsekas and Gallager, Data Networks, 6.5.2): a flow whose own bound is
 * below what the tightest link gives has its bound, else the tightest link's flows have
 * what that gives. That only rises, so bounds are looked at when it has come to the least.
 */
static void find_rates(struct km_flows *fl)
{
	double share = 0, least = 0;
	struct link *l;

	for (uint32_t i = 0; i < fl->npart; i++)
		fl->flow[fl->part[i]].rate = -1;
	while ((l = tightest(fl, &share))) {
		if (least <= share) {
			least = fix_bound(fl, share);
			continue; /* that link may give more now */
		}
		for (uint32_t i = 0; i < l->n; i++)
			if (fl->flow[l->flow[i]].rate < 0)
				fix(fl, l->flow[i], share);
	}
	fix_bound(fl, 1e300);
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

	f->path = *path;
	for (unsigned int k = 0; k < path->n; k++) {
		struct link *l = &fl->link[path->r[k]];

		f->at[k] = l->n;
		if (append(l, flow))
			return -ENOMEM;
		l->bounds += path->bound;
	}
	begin_part(fl);
	take_in(fl, flow);
	spread(fl);
	find_rates(fl);
	return 0;
}

/* The last of the list takes its place there. */
static void drop(struct km_flows *fl, uint32_t resource, uint32_t at, double bound)
{
	struct link *l = &fl->link[resource];
	struct flow *last = &fl->flow[l->flow[l->n - 1]];

	l->flow[at] = l->flow[l->n - 1];
	for (unsigned int k = 0; k < last->path.n; k++)
		if (last->path.r[k] == resource)
			last->at[k] = at;
	l->n--;
	l->bounds = l->n ? l->bounds - bound : 0; /* no sum of rounding errors */
}

void km_flows_remove(struct km_flows *fl, uint32_t flow)
{
	struct flow *f = &fl->flow[flow];

	begin_part(fl);
	for (unsigned int k = 0; k < f->path.n; k++) {
		struct link *l = &fl->link[f->path.r[k]];
		bool full = may_be_full(l);

		drop(fl, f->path.r[k], f->at[k], f->path.bound);
		for (uint32_t i = 0; full && i < l->n; i++)
			take_in(fl, l->flow[i]);
	}
	f->path.n = 0;
	spread(fl);
	find_rates(fl);
}

double km_flows_rate(const struct km_flows *fl, uint32_t flow)
{
	return fl->flow[flow].rate;
}

const uint32_t *km_flows_changed(const struct km_flows *fl, uint32_t *n)
{
	*n = fl->npart;
	return fl->part;
}
