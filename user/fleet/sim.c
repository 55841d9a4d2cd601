// SPDX-License-Identifier: GPL-2.0
#include "sim_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct km_sim *km_sim_new(const struct km_fleet *f, const struct km_move_model *m, uint32_t nmoves)
{
	struct km_sim *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->f = f;
	s->model = m;
	s->nmoves = nmoves;
	s->state = calloc(nmoves + 1, sizeof(*s->state));
	s->out = calloc(f->nhosts + 1, sizeof(*s->out));
	s->in = calloc(f->nhosts + 1, sizeof(*s->in));
	s->common = calloc(f->nhosts + 1, sizeof(*s->common));
	s->from = calloc(nmoves + 1, sizeof(*s->from));
	s->queued = calloc(2 * (size_t)nmoves + 1, sizeof(*s->queued));
	s->order = calloc(nmoves + 1, sizeof(*s->order));
	s->from_at = calloc(f->nhosts + 2, sizeof(*s->from_at));
	s->over = calloc(f->nhosts + 1, sizeof(*s->over));
	s->booked = calloc(km_fleet_resources(f) + 1, sizeof(*s->booked));
	s->held = km_held_new(nmoves + f->nhosts, km_fleet_resources(f));
	s->flows = km_flows_new(f, nmoves);
	s->heap = km_heap_new(nmoves);
	if (s->state && s->out && s->in && s->common && s->queued && s->order && s->from &&
	    s->from_at && s->over && s->booked && s->held && s->flows && s->heap)
		return s;
	km_sim_free(s);
	return NULL;
}

void km_sim_free(struct km_sim *s)
{
	if (!s)
		return;
	free(s->state);
	free(s->out);
	free(s->in);
	free(s->common);
	free(s->from);
	free(s->queued);
	free(s->order);
	free(s->from_at);
	free(s->over);
	free(s->booked);
	km_held_free(s->held);
	km_flows_free(s->flows);
	km_heap_free(s->heap);
	free(s);
}

static uint32_t end_of(const struct km_fleet_move *m, bool source)
{
	return source ? m->from : m->to;
}

/* Counting sort, in which that order stays within a host; host h has sorted[at[h]] to before
 * sorted[at[h + 1]]. */
static void sort_by_host(const struct km_sim *s, bool source, const uint32_t *order,
			 uint32_t *sorted, uint32_t *at)
{
	memset(at, 0, (s->f->nhosts + 2) * sizeof(*at));
	for (uint32_t i = 0; i < s->n; i++)
		at[end_of(&s->moves[i], source) + 2]++;
	for (uint32_t h = 0; h < s->f->nhosts; h++)
		at[h + 2] += at[h + 1];
	for (uint32_t i = 0; i < s->n; i++)
		sorted[at[end_of(&s->moves[order[i]], source) + 1]++] = order[i];
}

static void fill_queues(struct km_sim *s)
{
	uint32_t *to = s->queued, *from = s->queued + s->n, *at = s->from_at;

	for (uint32_t i = 0; i < s->n; i++)
		s->order[i] = i;
	sort_by_host(s, true, s->order, s->from, at);
	for (uint32_t i = 0; s->rules->rank && i < s->n; i++)
		s->order[s->rules->rank[i]] = i;
	sort_by_host(s, false, s->order, to, at);
	for (uint32_t h = 0; h < s->f->nhosts; h++)
		s->in[h] = (struct km_sim_queue){ .move = to + at[h], .n = at[h + 1] - at[h] };
	sort_by_host(s, true, s->order, from, at);
	for (uint32_t h = 0; h < s->f->nhosts; h++)
		s->out[h] = (struct km_sim_queue){ .move = from + at[h], .n = at[h + 1] - at[h] };
}

static bool passes(const struct km_path *p, uint32_t resource)
{
	for (unsigned int k = 0; k < p->n; k++)
		if (p->r[k] == resource)
			return true;
	return false;
}

static void find_common(struct km_sim *s, uint32_t host)
{
	struct km_path *common = &s->common[host];
	const struct km_sim_queue *q = &s->out[host];

	for (uint32_t i = 0; i < q->n; i++) {
		const struct km_path *p = &s->state[q->move[i]].path;
		unsigned int kept = 0;

		if (i == 0)
			*common = *p;
		for (unsigned int k = 0; k < common->n; k++)
			if (passes(p, common->r[k]))
				common->r[kept++] = common->r[k];
		common->n = kept;
		common->bound = p->bound < common->bound ? p->bound : common->bound;
	}
}

static void begin(struct km_sim *s)
{
	fill_queues(s);
	memset(s->over, 0, s->f->nhosts * sizeof(*s->over));
	memset(s->booked, 0, km_fleet_resources(s->f) * sizeof(*s->booked));
	s->running = s->nover = s->late = 0;
	s->now = 0;
	s->least = 1e300;
	km_heap_clear(s->heap);
	km_flows_clear(s->flows);
	km_held_clear(s->held);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct km_fleet_move *m = &s->moves[i];
		struct km_sim_state *st = &s->state[i];

		st->phase = KM_SIM_WAITS;
		km_fleet_path(s->f, m->from, m->to, &st->path);
		s->least = st->path.bound < s->least ? st->path.bound : s->least;
		st->work = s->model->first(&s->f->vm[m->vm]) / st->path.bound;
		s->out[m->from].work += st->work;
		s->in[m->to].work += st->work;
	}
	for (uint32_t h = 0; h < s->f->nhosts; h++)
		find_common(s, h);
}

/* After a flow has come or gone. */
static void follow_rates(struct km_sim *s)
{
	uint32_t n;
	const uint32_t *changed = km_flows_changed(s->flows, &n);

	for (uint32_t i = 0; i < n; i++) {
		struct km_sim_state *st = &s->state[changed[i]];
		double rate = km_flows_rate(s->flows, changed[i]);

		st->left -= st->rate * (s->now - st->since);
		if (st->left < 0)
			st->left = 0; /* by rounding */
		st->since = s->now;
		st->rate = rate;
		km_heap_set(s->heap, changed[i], s->now + st->left / rate);
	}
}

static void send(struct km_sim *s, uint32_t i, double bytes)
{
	struct km_sim_state *st = &s->state[i];

	st->left = bytes;
	st->since = st->began = s->now;
	s->moves[i].bytes += bytes;
	km_heap_set(s->heap, i, s->now + bytes / st->rate);
}

static int first_byte(struct km_sim *s, uint32_t i)
{
	struct km_sim_state *st = &s->state[i];

	st->phase = KM_SIM_ROUND;
	st->rate = 0;
	st->since = s->now;
	if (km_flows_add(s->flows, i, &st->path))
		return -ENOMEM;
	follow_rates(s);
	send(s, i, s->model->first(&s->f->vm[s->moves[i].vm]));
	return 0;
}

static void end_round(struct km_sim *s, uint32_t i)
{
	struct km_fleet_move *m = &s->moves[i];
	struct km_sim_state *st = &s->state[i];
	const struct km_fleet_vm *vm = &s->f->vm[m->vm];
	double rest = s->model->dirtied(vm, s->now - st->began);

	m->rounds++;
	if (km_move_stops(s->model, vm, m->rounds, rest, st->rate))
		st->phase = KM_SIM_LAST;
	send(s, i, rest);
}

/* A hair more than allowed is not more. */
#define PAUSE_SLACK (1 + 1e-6)

static void last_byte(struct km_sim *s, uint32_t i)
{
	struct km_fleet_move *m = &s->moves[i];
	struct km_sim_state *st = &s->state[i];

	m->pause_s = s->now - st->began + s->model->settle_s;
	s->late += m->pause_s > s->f->vm[m->vm].max_pause_s * PAUSE_SLACK;
	st->phase = KM_SIM_SETTLE;
	km_flows_remove(s->flows, i);
	follow_rates(s);
	km_heap_set(s->heap, i, s->now + s->model->settle_s);
	km_sim_book(s, i, -1);
	km_sim_start_held(s, &st->path);
}

static void end_move(struct km_sim *s, uint32_t i)
{
	struct km_fleet_move *m = &s->moves[i];
	uint32_t *at = s->from_at;

	s->state[i].phase = KM_SIM_OVER;
	m->end_s = s->now;
	s->running--;
	s->nover++;
	s->out[m->from].running--;
	s->in[m->to].running--;
	while (at[m->from] + s->over[m->from] < at[m->from + 1] &&
	       s->state[s->from[at[m->from] + s->over[m->from]]].phase == KM_SIM_OVER)
		s->over[m->from]++;
	km_sim_start_after(s, m);
}

static int event(struct km_sim *s, uint32_t i)
{
	switch (s->state[i].phase) {
	case KM_SIM_SETUP:
		return first_byte(s, i);
	case KM_SIM_ROUND:
		end_round(s, i);
		return 0;
	case KM_SIM_LAST:
		last_byte(s, i);
		return 0;
	default:
		end_move(s, i);
		return 0;
	}
}

/* The rest of what a move takes, in looks at a flow; by CPU time, about. */
#define MOVE_COST 8

static bool too_bad(const struct km_sim *s)
{
	return s->rules->give_up_s > 0 && s->now + KM_SIM_LATE_S * s->late > s->rules->give_up_s;
}

int km_sim_run(struct km_sim *s, struct km_fleet_move *moves, uint32_t n,
	       const struct km_sim_rules *rules, struct km_sim_result *result)
{
	uint32_t i;
	int rc = 0;

	s->moves = moves;
	s->n = n;
	s->rules = rules;
	for (i = 0; i < n; i++) {
		moves[i].start_s = moves[i].end_s = moves[i].pause_s = moves[i].bytes = 0;
		moves[i].rounds = 0;
	}
	begin(s);
	km_sim_start_all(s);
	while (!rc && km_heap_pop(s->heap, &i, &s->now))
		rc = too_bad(s) ? 1 : event(s, i);
	if (!rc && s->nover < n)
		rc = -EDEADLK;
	/* The last event is the end of a move. */
	*result = (struct km_sim_result){ .makespan_s = s->now, .late = s->late, .over = s->nover };
	result->cost = km_flows_looks(s->flows) + (uint64_t)MOVE_COST * s->nover;
	return rc;
}
