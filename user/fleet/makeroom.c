// SPDX-License-Identifier: GPL-2.0
#include "makeroom.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "assign.h"

/* What was done to the layout and may have to be undone. */
struct step {
	uint32_t vm, host; /* host: where it was to go when it was taken back, else KM_NO_MOVE */
	struct km_split split;
};

struct makeroom {
	struct km_layout *l;
	struct step *step;
	uint32_t nsteps, space;
	bool *busy;		/* hosts on which room is being made */
	uint32_t *first, *next; /* guests by host, as the inventory has them */
	uint64_t looks, limit;
	int rc;
};

static struct step *log_step(struct makeroom *m)
{
	if (m->nsteps == m->space) {
		uint32_t space = m->space ? 2 * m->space : 64;
		struct step *more = realloc(m->step, space * sizeof(*more));

		if (!more) {
			m->rc = -ENOMEM;
			return NULL;
		}
		m->step = more;
		m->space = space;
	}
	return &m->step[m->nsteps++];
}

static void put(struct makeroom *m, uint32_t vm, uint32_t host, const struct km_split *split)
{
	struct step *s = log_step(m);

	if (!s)
		return;
	*s = (struct step){ .vm = vm, .host = KM_NO_MOVE };
	m->rc = km_layout_put(m->l, vm, host, split);
	if (m->rc)
		m->nsteps--;
}

static void take_back(struct makeroom *m, uint32_t vm)
{
	struct km_fleet_move *move = &m->l->move[m->l->move_of[vm]];
	struct step *s = log_step(m);

	if (!s)
		return;
	*s = (struct step){ .vm = vm, .host = move->to, .split = move->split };
	m->rc = km_layout_take_back(m->l, vm);
}

static void undo(struct makeroom *m, uint32_t until)
{
	while (m->nsteps > until) {
		struct step *s = &m->step[--m->nsteps];
		int rc = s->host == KM_NO_MOVE ? km_layout_take_back(m->l, s->vm) :
						 km_layout_put(m->l, s->vm, s->host, &s->split);

		m->rc = m->rc ? m->rc : rc;
	}
}

static bool find_place(struct makeroom *m, uint32_t vm, unsigned int depth);

/* A guest that is on that host, or is to go there, goes somewhere else. */
static bool send_away(struct makeroom *m, uint32_t vm, unsigned int depth)
{
	uint32_t before = m->nsteps;

	m->looks += m->l->n / 16; /* as below: those that have to be moved up */
	if (m->l->move_of[vm] != KM_NO_MOVE)
		take_back(m, vm);
	if (!m->rc && find_place(m, vm, depth))
		return true;
	undo(m, before);
	return false;
}

/* Everybody there who could be sent away, the smallest first; may be more than there is room
 * for in the list. */
static uint32_t who_is_there(struct makeroom *m, uint32_t host, uint32_t *who, uint32_t space)
{
	const struct km_layout *l = m->l;
	uint32_t n = 0;

	m->looks += l->n / 16; /* they are short */
	for (uint32_t i = 0; i < l->n && n < space; i++)
		if (l->move[i].to == host && l->f->host[l->move[i].from].drain)
			who[n++] = l->move[i].vm;
	for (uint32_t i = m->first[host]; i != KM_NO_MOVE && n < space; i = m->next[i])
		if (l->f->vm[i].movable && l->move_of[i] == KM_NO_MOVE)
			who[n++] = i;
	for (uint32_t i = 1; i < n; i++) /* few: insertion sort */
		for (uint32_t k = i;
		     k && l->f->vm[who[k]].memory_bytes < l->f->vm[who[k - 1]].memory_bytes; k--) {
			uint32_t swap = who[k];

			who[k] = who[k - 1];
			who[k - 1] = swap;
		}
	return n;
}

/* The room as if it weren't there, and back. */
static void lift(struct makeroom *m, uint32_t vm)
{
	const struct km_fleet_move *move = &m->l->move[m->l->move_of[vm]];

	if (m->l->move_of[vm] == KM_NO_MOVE)
		km_room_leave(m->l->room, vm);
	else
		km_room_undo_arrive(m->l->room, vm, move->to, &move->split);
}

static void lower(struct makeroom *m, uint32_t vm)
{
	const struct km_fleet_move *move = &m->l->move[m->l->move_of[vm]];
	int rc;

	if (m->l->move_of[vm] == KM_NO_MOVE)
		rc = km_room_undo_leave(m->l->room, vm);
	else
		rc = km_room_arrive(m->l->room, vm, move->to, &move->split);
	m->rc = m->rc ? m->rc : rc;
}

static bool fits(struct makeroom *m, uint32_t vm, uint32_t host, struct km_split *split)
{
	m->looks++;
	return km_room_fit(m->l->room, vm, host, split) == KM_FIT_YES;
}

/* All of them away, then the guest in. */
static bool exchange(struct makeroom *m, uint32_t vm, uint32_t host, const uint32_t *away,
		     uint32_t naway, unsigned int depth)
{
	uint32_t before = m->nsteps;
	struct km_split split;
	bool ok = true;

	m->busy[host] = true;
	for (uint32_t i = 0; ok && i < naway; i++)
		ok = send_away(m, away[i], depth);
	m->busy[host] = false;
	if (ok && !m->rc && fits(m, vm, host, &split)) {
		put(m, vm, host, &split);
		if (!m->rc)
			return true;
	}
	undo(m, before);
	return false;
}

#define THERE_MAX 512

/* One guest away, whichever; else several, the largest first, until it would fit. */
static bool make_room_on(struct makeroom *m, uint32_t vm, uint32_t host, unsigned int depth)
{
	uint32_t who[THERE_MAX], n = who_is_there(m, host, who, THERE_MAX), k = 0;
	struct km_split split;
	bool enough = false;

	for (uint32_t i = 0; i < n && !m->rc && m->looks < m->limit; i++) {
		lift(m, who[i]);
		enough = fits(m, vm, host, &split);
		lower(m, who[i]);
		if (enough && exchange(m, vm, host, &who[i], 1, depth))
			return true;
	}
	for (enough = false; !m->rc && !enough && k < n && k < KM_MAKEROOM_AWAY; k++) {
		lift(m, who[n - 1 - k]);
		enough = fits(m, vm, host, &split);
	}
	for (uint32_t i = 0; i < k; i++)
		lower(m, who[n - 1 - i]);
	return enough && k > 1 && !m->rc && exchange(m, vm, host, &who[n - k], k, depth);
}

static bool find_place(struct makeroom *m, uint32_t vm, unsigned int depth)
{
	const struct km_fleet *f = m->l->f;
	struct km_split split;
	uint32_t host;

	m->looks += f->nhosts;
	if (km_assign_pick(m->l, vm, KM_PICK_TIGHT, m->busy, &host, &split)) {
		put(m, vm, host, &split);
		return !m->rc;
	}
	for (host = 0; depth && host < f->nhosts; host++) {
		if (m->rc || m->looks >= m->limit)
			return false;
		if (f->host[host].drain || m->busy[host] || host == f->vm[vm].host ||
		    km_room_ever(m->l->room, vm, host) != KM_FIT_YES)
			continue;
		if (make_room_on(m, vm, host, depth - 1))
			return true;
	}
	return false;
}

static int index_guests(struct makeroom *m)
{
	const struct km_fleet *f = m->l->f;

	m->busy = calloc(f->nhosts + 1, sizeof(*m->busy));
	m->first = malloc((f->nhosts + 1) * sizeof(*m->first));
	m->next = malloc((f->nvms + 1) * sizeof(*m->next));
	if (!m->busy || !m->first || !m->next)
		return -ENOMEM;
	memset(m->first, 0xff, f->nhosts * sizeof(*m->first));
	for (uint32_t i = f->nvms; i-- > 0;) {
		m->next[i] = m->first[f->vm[i].host];
		m->first[f->vm[i].host] = i;
	}
	return 0;
}

/* In as few steps as it can be. */
static void make_place(struct makeroom *m, uint32_t vm, uint64_t looks)
{
	for (unsigned int depth = 1; !m->rc && depth <= KM_MAKEROOM_DEPTH; depth++) {
		m->nsteps = 0;
		m->limit = m->looks + looks;
		if (find_place(m, vm, depth))
			return;
	}
}

int km_makeroom(struct km_layout *l)
{
	uint64_t each = KM_MAKEROOM_LOOKS / KM_MAKEROOM_DEPTH / (km_assign_nleft(l) + 1);
	struct makeroom m = { .l = l };

	m.rc = index_guests(&m);
	for (uint32_t i = 0; !m.rc && i < l->f->nvms; i++)
		if (km_assign_left(l, i) && l->f->vm[i].movable)
			make_place(&m, i, each > KM_MAKEROOM_EACH ? each : KM_MAKEROOM_EACH);
	free(m.busy);
	free(m.first);
	free(m.next);
	free(m.step);
	return m.rc;
}
