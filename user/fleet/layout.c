// SPDX-License-Identifier: GPL-2.0
#include "layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct km_layout *km_layout_new(const struct km_fleet *f, const double *bytes)
{
	struct km_layout *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->f = f;
	l->bytes = bytes;
	l->room = km_room_new(f);
	l->move_of = malloc((f->nvms + 1) * sizeof(*l->move_of));
	l->load = calloc(km_fleet_resources(f) + 1, sizeof(*l->load));
	if (!l->room || !l->move_of || !l->load) {
		km_layout_free(l);
		return NULL;
	}
	memset(l->move_of, 0xff, f->nvms * sizeof(*l->move_of));
	return l;
}

void km_layout_free(struct km_layout *l)
{
	if (!l)
		return;
	km_room_free(l->room);
	free(l->move);
	free(l->move_of);
	free(l->load);
	free(l);
}

static void add_load(struct km_layout *l, const struct km_fleet_move *m, double sign)
{
	struct km_path path;

	km_fleet_path(l->f, m->from, m->to, &path);
	for (unsigned int k = 0; k < path.n; k++)
		l->load[path.r[k]] += sign * l->bytes[m->vm];
}

int km_layout_put(struct km_layout *l, uint32_t vm, uint32_t host, const struct km_split *split)
{
	struct km_fleet_move *m;
	int rc;

	if (l->n == l->space) {
		l->space = l->space ? 2 * l->space : 64;
		m = realloc(l->move, l->space * sizeof(*m));
		if (!m)
			return -ENOMEM;
		l->move = m;
	}
	rc = km_room_arrive(l->room, vm, host, split);
	if (rc)
		return rc;
	km_room_leave(l->room, vm);
	l->move_of[vm] = l->n;
	l->move[l->n] = (struct km_fleet_move){
		.vm = vm, .from = l->f->vm[vm].host, .to = host, .split = *split
	};
	add_load(l, &l->move[l->n++], 1);
	return 0;
}

int km_layout_take_back(struct km_layout *l, uint32_t vm)
{
	uint32_t at = l->move_of[vm];
	struct km_fleet_move *m = &l->move[at];

	km_room_undo_arrive(l->room, vm, m->to, &m->split);
	add_load(l, m, -1);
	l->move_of[vm] = KM_NO_MOVE;
	memmove(m, m + 1, (--l->n - at) * sizeof(*m));
	for (uint32_t i = at; i < l->n; i++)
		l->move_of[l->move[i].vm] = i;
	return km_room_undo_leave(l->room, vm);
}

/* Whether anything that the move takes is overdrawn. */
static bool overdrawn(const struct km_room *r, const struct km_fleet_move *m)
{
	const struct km_fleet_host *h = &r->f->host[m->to];
	const struct km_fleet_vm *v = &r->f->vm[m->vm];

	for (unsigned int i = 0; i < h->nnodes; i++)
		if (m->split.bytes[i] && r->host[m->to].free_bytes[i] < 0)
			return true;
	for (unsigned int g = 0; g < v->ngroups; g++)
		if (km_room_members(r, v->group[g], m->to) > 1)
			return true;
	return h->vcpus_max && v->vcpus && r->host[m->to].vcpus > h->vcpus_max;
}

/* The moves away from the host that come before the i-th in order, from the *next-th on. */
static bool leave_next(struct km_layout *l, struct km_room *r, uint32_t host, uint32_t i,
		       uint32_t *next)
{
	for (; *next < i; ++*next) {
		if (l->move[*next].from != host)
			continue;
		km_room_leave(r, l->move[(*next)++].vm);
		return true;
	}
	return false;
}

static int waits_of(struct km_layout *l, struct km_room *r, uint32_t host)
{
	uint32_t next = 0, gone = 0;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < l->n; i++) {
		struct km_fleet_move *m = &l->move[i];

		if (m->to != host)
			continue;
		rc = km_room_arrive(r, m->vm, host, &m->split);
		while (!rc && overdrawn(r, m)) {
			if (!leave_next(l, r, host, i, &next))
				rc = -EINVAL;
			gone++;
		}
		m->after = gone;
	}
	return rc;
}

int km_layout_waits(struct km_layout *l)
{
	struct km_room *r = km_room_new(l->f);
	int rc = r ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < l->n; i++)
		l->move[i].after = 0;
	for (uint32_t i = 0; !rc && i < l->n; i++) {
		bool first = !l->f->host[l->move[i].from].drain;

		for (uint32_t k = 0; first && k < i; k++)
			first = l->move[k].from != l->move[i].from;
		if (first)
			rc = waits_of(l, r, l->move[i].from);
	}
	km_room_free(r);
	return rc;
}
