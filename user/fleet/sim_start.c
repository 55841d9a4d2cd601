// SPDX-License-Identifier: GPL-2.0
/* Which move begins when. */
#include "sim_priv.h"

#include <string.h>

void km_sim_book(struct km_sim *s, uint32_t move, double sign)
{
	const struct km_path *p = &s->state[move].path;

	for (unsigned int k = 0; k < p->n; k++)
		s->booked[p->r[k]] += sign * p->bound;
}

/* What is booked is a sum of numbers that come and go: less than this is nothing. */
#define NOTHING 1.0

static bool link_allows(const struct km_sim *s, uint32_t resource, double bound)
{
	double booked = s->booked[resource];

	return booked <= NOTHING ||
	       (booked + bound) * s->rules->share <= km_fleet_rate(s->f, resource) + NOTHING;
}

/* If a link on the way does not allow it, that one holds it, and it is not asked about again until
 * that has less to do: only then can the answer be another one. */
static bool links_allow(struct km_sim *s, uint32_t number, const struct km_path *p)
{
	for (unsigned int k = 0; s->rules->share > 0 && k < p->n; k++) {
		if (link_allows(s, p->r[k], p->bound))
			continue;
		km_held_add(s->held, number, p->r[k]);
		return false;
	}
	return true;
}

static bool host_may_send(const struct km_sim *s, uint32_t host)
{
	unsigned int most = s->f->host[host].max_out;

	if (s->f->max_moves && s->running >= s->f->max_moves)
		return false;
	return s->out[host].running < (most < s->rules->most ? most : s->rules->most);
}

static bool host_may_receive(const struct km_sim *s, uint32_t host)
{
	return s->in[host].running < s->f->host[host].max_in;
}

static bool may_start(struct km_sim *s, uint32_t i)
{
	const struct km_fleet_move *m = &s->moves[i];

	return !km_held_is(s->held, i) && host_may_send(s, m->from) && host_may_receive(s, m->to) &&
	       s->over[m->to] >= m->after && links_allow(s, i, &s->state[i].path);
}

/* Where most is left to do, both ends together, goes first, as for open shops ("dense", largest
 * remaining load first); what makes room for others, before everything. */
static double urgency(const struct km_sim *s, uint32_t i)
{
	const struct km_fleet_move *m = &s->moves[i];
	double u = s->out[m->from].work + s->in[m->to].work + s->state[i].work;

	return s->f->host[m->from].drain ? u : u + 1e12;
}

static bool more_urgent(const struct km_sim *s, uint32_t a, uint32_t b)
{
	double x = urgency(s, a), y = urgency(s, b);

	return x > y || (!(x < y) && a < b);
}

static void start(struct km_sim *s, uint32_t i)
{
	struct km_fleet_move *m = &s->moves[i];

	s->state[i].phase = KM_SIM_SETUP;
	m->start_s = s->now;
	s->running++;
	s->out[m->from].running++;
	s->in[m->to].running++;
	s->out[m->from].work -= s->state[i].work;
	s->in[m->to].work -= s->state[i].work;
	km_sim_book(s, i, 1);
	km_heap_set(s->heap, i, s->now + s->model->setup_s);
}

#define NOBODY UINT32_MAX

/* The first of a queue that can begin; drops those that have begun, as far as it is looked
 * through. */
static uint32_t best_of(struct km_sim *s, struct km_sim_queue *q)
{
	uint32_t kept = 0, best = NOBODY, k;

	for (k = 0; k < q->n && (best == NOBODY || !s->rules->rank); k++) {
		uint32_t i = q->move[k];

		if (s->state[i].phase != KM_SIM_WAITS)
			continue;
		q->move[kept++] = i;
		if (may_start(s, i) && (best == NOBODY || more_urgent(s, i, best)))
			best = i;
	}
	if (kept < k)
		memmove(q->move + kept, q->move + k, (q->n - k) * sizeof(*q->move));
	q->n -= k - kept;
	return best;
}

static bool start_one(struct km_sim *s, struct km_sim_queue *q)
{
	uint32_t best = best_of(s, q);

	if (best != NOBODY)
		start(s, best);
	return best != NOBODY;
}

void km_sim_start_all(struct km_sim *s)
{
	bool any = true;

	while (any) { /* one a host and turn, so that none takes everything */
		any = false;
		for (uint32_t h = 0; h < s->f->nhosts; h++)
			if (host_may_send(s, h) && start_one(s, &s->out[h]))
				any = true;
	}
}

/* As many as can begin. If what all of them pass allows none, none is looked at. */
static void send_from(struct km_sim *s, uint32_t host)
{
	uint32_t all = s->nmoves + host;

	while (host_may_send(s, host))
		if (km_held_is(s->held, all) || !links_allow(s, all, &s->common[host]) ||
		    !start_one(s, &s->out[host]))
			return;
}

static void send_to(struct km_sim *s, uint32_t host)
{
	while (host_may_receive(s, host) && start_one(s, &s->in[host]))
		;
}

/* Those that a link holds, as far as it allows them now: their hosts begin what they can, and what
 * still can't begin then is held by another link, or waits for a move to be over. */
static void start_held_by(struct km_sim *s, uint32_t link)
{
	uint32_t prev = KM_HELD_NONE, number;

	while (link_allows(s, link, s->least) &&
	       (number = km_held_next(s->held, link, prev)) != KM_HELD_NONE) {
		bool is_host = number >= s->nmoves;
		uint32_t host = is_host ? number - s->nmoves : s->moves[number].from;
		const struct km_path *p = is_host ? &s->common[host] : &s->state[number].path;

		if (!link_allows(s, link, p->bound)) {
			prev = number;
			continue;
		}
		km_held_release(s->held, link, prev);
		send_from(s, host);
	}
}

void km_sim_start_held(struct km_sim *s, const struct km_path *freed)
{
	for (unsigned int k = 0; k < freed->n; k++)
		start_held_by(s, freed->r[k]);
}

void km_sim_start_after(struct km_sim *s, const struct km_fleet_move *over)
{
	if (s->f->max_moves && s->running + 1 >= s->f->max_moves) {
		km_sim_start_all(s);
		return;
	}
	send_from(s, over->from);
	send_to(s, over->to);
	send_to(s, over->from);
}
