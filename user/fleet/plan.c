// SPDX-License-Identifier: GPL-2.0
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "assign.h"
#include "exhaust.h"
#include "makeroom.h"

/* Of all simulations in one plan: some twenty seconds. */
#define COST 40000000ull

static uint32_t must_stay(const struct km_fleet *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->nvms; i++)
		n += f->host[f->vm[i].host].drain && !f->vm[i].movable;
	return n;
}

/* Packed tightly, if that leaves fewer behind. */
static int pack(struct km_layout **l, enum km_turn turn)
{
	struct km_layout *tight = km_layout_new((*l)->f, (*l)->bytes), *other;
	int rc = tight ? km_assign_all(tight, KM_PICK_TIGHT, turn) : -ENOMEM;

	if (!rc && km_assign_nleft(tight) < km_assign_nleft(*l)) {
		other = *l;
		*l = tight;
		tight = other;
	}
	km_layout_free(tight);
	return rc;
}

/* Destinations for all, or as many as possible; 1: it was proved that there can't be more. */
static int place(struct km_layout **l)
{
	uint32_t fixed = must_stay((*l)->f);
	int rc = km_assign_all(*l, KM_PICK_BALANCED, KM_LARGEST_FIRST);

	if (!rc && km_assign_nleft(*l) > fixed)
		rc = pack(l, KM_LARGEST_FIRST);
	if (!rc && km_assign_nleft(*l) > fixed)
		rc = pack(l, KM_SMALLEST_FIRST);
	if (!rc && km_assign_nleft(*l) > fixed)
		rc = km_makeroom(*l);
	if (!rc && km_assign_nleft(*l) > fixed)
		return km_exhaust(l);
	return rc ? rc : 1;
}

static void why_left(const struct km_layout *l, struct km_left *left)
{
	const struct km_fleet *f = l->f;
	struct km_split split;

	left->movable = f->vm[left->vm].movable;
	for (uint32_t h = 0; h < f->nhosts; h++) {
		enum km_fit fit;
		uint32_t *example;

		if (f->host[h].drain)
			continue;
		fit = km_room_ever(l->room, left->vm, h);
		if (fit == KM_FIT_YES)
			fit = km_room_fit(l->room, left->vm, h, &split);
		example = &left->example[fit];
		if (!left->hosts[fit]++ ||
		    km_room_memory(l->room, h) > km_room_memory(l->room, *example))
			*example = h;
	}
}

/* Whether it could go nowhere whatever is done. */
static bool hopeless(const struct km_left *left)
{
	return !left->movable || !(left->hosts[KM_FIT_YES] + left->hosts[KM_FIT_GROUP] +
				   left->hosts[KM_FIT_VCPUS] + left->hosts[KM_FIT_MEMORY]);
}

static bool all_hopeless(const struct km_fleet_plan *p)
{
	for (uint32_t i = 0; i < p->nleft; i++)
		if (!hopeless(&p->left[i]))
			return false;
	return true;
}

static int list_left(const struct km_layout *l, struct km_fleet_plan *p)
{
	p->left = calloc(km_assign_nleft(l) + 1, sizeof(*p->left));
	if (!p->left)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->f->nvms; i++) {
		if (!km_assign_left(l, i))
			continue;
		p->left[p->nleft].vm = i;
		why_left(l, &p->left[p->nleft++]);
	}
	return 0;
}

struct begun {
	double start_s;
	uint32_t move;
};

static int by_start(const void *a, const void *b)
{
	const struct begun *x = a, *y = b;

	if (x->start_s < y->start_s || x->start_s > y->start_s)
		return x->start_s < y->start_s ? -1 : 1;
	return x->move < y->move ? -1 : 1;
}

/* The layout's moves become the plan's. */
static int list_moves(struct km_layout *l, struct km_fleet_plan *p)
{
	struct begun *b = calloc(l->n + 1, sizeof(*b));

	p->order = calloc(l->n + 1, sizeof(*p->order));
	if (!b || !p->order) {
		free(b);
		return -ENOMEM;
	}
	p->move = l->move;
	p->nmoves = l->n;
	l->move = NULL;
	for (uint32_t i = 0; i < p->nmoves; i++) {
		b[i] = (struct begun){ p->move[i].start_s, i };
		p->nchain += !p->f->host[p->move[i].from].drain;
	}
	if (p->nmoves)
		qsort(b, p->nmoves, sizeof(*b), by_start);
	for (uint32_t i = 0; i < p->nmoves; i++)
		p->order[i] = b[i].move;
	free(b);
	return 0;
}

static int find_bound(const struct km_layout *l, const struct km_move_model *m,
		      const struct km_least *least, struct km_bound *b)
{
	const struct km_fleet *f = l->f;
	bool *goes = calloc(f->nvms + 1, sizeof(*goes));
	int rc;

	if (!goes)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nvms; i++)
		goes[i] = f->host[f->vm[i].host].drain && l->move_of[i] != KM_NO_MOVE;
	rc = km_bound_find(f, m, least, goes, b);
	free(goes);
	return rc;
}

static int plan(const struct km_move_model *m, uint32_t tries, const struct km_least *least,
		struct km_fleet_plan *p)
{
	struct km_layout *l = km_layout_new(p->f, least->bytes);
	struct km_improve how = { .tries = tries, .cost = COST };
	int rc = l ? place(&l) : -ENOMEM;

	p->fewest = rc > 0;
	if (rc >= 0)
		rc = list_left(l, p);
	p->fewest |= all_hopeless(p);
	if (!rc)
		rc = find_bound(l, m, least, &p->bound);
	how.good_s = p->bound.seconds;
	if (!rc)
		rc = km_improve(l, m, &how, &p->improved);
	if (!rc)
		rc = list_moves(l, p);
	km_layout_free(l);
	p->makespan_s = p->improved.result.makespan_s;
	p->late = p->improved.result.late;
	return rc;
}

int km_fleet_plan(const struct km_fleet *f, const struct km_move_model *m, uint32_t tries,
		  struct km_fleet_plan *p, struct km_err *err)
{
	struct km_least least;
	int rc = km_bound_least(f, m, &least);

	*p = (struct km_fleet_plan){ .f = f };
	if (!rc) {
		rc = plan(m, tries, &least, p);
		km_bound_least_free(&least);
	}
	if (!rc)
		return 0;
	km_fleet_plan_free(p);
	return km_err_set(err, rc, "%s", rc == -ENOMEM ? "out of memory" : strerror(-rc));
}

void km_fleet_plan_free(struct km_fleet_plan *p)
{
	free(p->move);
	free(p->order);
	free(p->left);
	p->move = NULL;
	p->order = NULL;
	p->left = NULL;
}
