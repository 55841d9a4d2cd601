// SPDX-License-Identifier: GPL-2.0
/* Which move begins when. */
#include "sim_priv.h"

void km_sim_book(struct km_sim *s, uint32_t move, double sign)
{
	const struct km_path *p = &s->state[move].path;

	for (unsigned int k = 0; k < p->n; k++)
		s->booked[p->r[k]] += sign * p->bound;
}

/* What is booked is a sum of numbers that come and go: less than this is nothing. */
#define NOTHING 1.0

static bool links_allow(const struct km_sim *s, const struct km_path *p)
{
	for (unsigned int k = 0; s->rules->share > 0 && k < p->n; k++) {
		double booked = s->booked[p->r[k]];

		if (booked > NOTHING &&
		    (booked + p->bound) * s->rules->share > km_fleet_rate(s->f, p->r[k]) + NOTHING)
			return false;
	}
	return true;
}

static void starve(struct km_sim *s, uint32_t host)
{
	if (!s->is_starved[host])
		s->starved[s->nstarved++] = host;
	s->is_starved[host] = true;
}

static bool host_may_send(const struct km_sim *s, uint32_t host)
{
	unsigned int most = s->f->host[host].max_out;

	if (s->f->max_moves && s->running >= s->f->max_moves)
		return false;
	return s->out[host].running < (most < s->rules->most ? most : s->rules->most);
}

static bool may_start(struct km_sim *s, uint32_t i)
{
	const struct km_fleet_move *m = &s->moves[i];

	if (!host_may_send(s, m->from) || s->over[m->to] < m->after ||
	    s->in[m->to].running >= s->f->host[m->to].max_in)
		return false;
	if (links_allow(s, &s->state[i].path))
		return true;
	starve(s, m->from);
	return false;
}

/* Where most is left to do, both ends together, goes first, as for open shops ("dense", largest
 * remaining load first); what makes room for others, before everything. */
static double urgency(const struct km_sim *s, uint32_t i)
{
	const struct km_fleet_move *m = &s->moves[i];
	double u = s->out[m->from].work + s->in[m->to].work + s->state[i].work;

	return s->f->host[m->from].drain ? u : u + 1e12;
}

static bool before(const struct km_sim *s, uint32_t a, uint32_t b)
{
	double x, y;

	if (s->rules->rank)
		return s->rules->rank[a] < s->rules->rank[b];
	x = urgency(s, a);
	y = urgency(s, b);
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

/* The first of a queue that can begin; drops those that have begun. */
static uint32_t best_of(struct km_sim *s, struct km_sim_queue *q)
{
	uint32_t kept = 0, best = NOBODY;

	for (uint32_t k = 0; k < q->n; k++) {
		uint32_t i = q->move[k];

		if (s->state[i].phase != KM_SIM_WAITS)
			continue;
		q->move[kept++] = i;
		if (may_start(s, i) && (best == NOBODY || before(s, i, best)))
			best = i;
	}
	q->n = kept;
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
	while (host_may_send(s, host)) {
		if (!links_allow(s, &s->common[host])) {
			starve(s, host);
			return;
		}
		if (!start_one(s, &s->out[host]))
			return;
	}
}

void km_sim_start_starved(struct km_sim *s)
{
	uint32_t n = s->nstarved;

	s->nstarved = 0;
	for (uint32_t k = 0; k < n; k++)
		s->is_starved[s->starved[k]] = false;
	for (uint32_t k = 0; k < n; k++) /* each adds itself at most, so none is overwritten */
		send_from(s, s->starved[k]);
}

void km_sim_start_after(struct km_sim *s, const struct km_fleet_move *over)
{
	if (s->f->max_moves && s->running + 1 >= s->f->max_moves) {
		km_sim_start_all(s);
		return;
	}
	send_from(s, over->from);
	while (start_one(s, &s->in[over->to]))
		;
	while (start_one(s, &s->in[over->from]))
		;
}
