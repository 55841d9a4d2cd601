// SPDX-License-Identifier: GPL-2.0
#include "improve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "assign.h"

struct search {
	struct km_layout *l;
	struct km_sim *sim;
	const struct km_improve *how;
	struct km_improved *out;
	struct km_fleet_move *best; /* all moves of the layout, with their times */
	double score;
	uint32_t *turn; /* by guest: who begins first; all different */
	uint32_t *rank; /* the same by place in the layout */
	uint32_t *near; /* moves that the last to end competes with */
	bool chains;	/* some make room for others: destinations are left alone */
	uint64_t simulated;
	uint64_t random;
};

static uint32_t pick_random(struct search *s, uint32_t n)
{
	s->random ^= s->random << 13; /* xorshift64, Marsaglia 2003 */
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)(s->random >> 32) % n;
}

/* The makespan, and a little of all ends, since many plans end with the same move. */
#define OF_ENDS 1e-4

static double score_of(const struct search *s, const struct km_sim_result *r)
{
	double ends = 0;

	for (uint32_t i = 0; i < s->l->n; i++)
		ends += s->l->move[i].end_s;
	return r->makespan_s + OF_ENDS * ends / s->l->n;
}

/* 1: it is at least as good as the best, and the best now. */
static int try(struct search *s, const struct km_sim_rules *rules)
{
	struct km_sim_result r;
	double score;
	int rc = km_sim_run(s->sim, s->l->move, s->l->n, rules, &r);

	s->simulated += s->l->n;
	if (rc)
		return rc;
	score = score_of(s, &r);
	if (s->score > 0 &&
	    (r.late > s->out->result.late || (r.late == s->out->result.late && score > s->score)))
		return 0;
	s->out->better += s->score > 0 && (r.late < s->out->result.late || score < s->score);
	s->score = score;
	s->out->result = r;
	s->out->rules = *rules;
	s->out->rules.rank = NULL;
	memcpy(s->best, s->l->move, s->l->n * sizeof(*s->best));
	return 1;
}

static bool good_enough(const struct search *s)
{
	return s->simulated >= s->how->simulate ||
	       (!s->out->result.late && s->score > 0 &&
		s->out->result.makespan_s <= s->how->good_s * (1 + 1e-6));
}

static int try_rules(struct search *s)
{
	static const double shares[] = { 0, 0.4, 0.6, 0.8, 1 };
	const struct km_fleet *f = s->l->f;
	unsigned int most = 1;
	int rc = 0;

	for (uint32_t i = 0; i < s->l->n; i++)
		if (f->host[s->l->move[i].from].max_out > most)
			most = f->host[s->l->move[i].from].max_out;
	for (unsigned int k = most; rc >= 0; k = k / 2) {
		for (size_t i = 0; rc >= 0 && i < sizeof(shares) / sizeof(*shares); i++)
			if (!good_enough(s))
				rc = try(s,
					 &(struct km_sim_rules){ .most = k, .share = shares[i] });
		if (k == 1)
			break;
	}
	return rc < 0 ? rc : 0;
}

static int by_start(const void *a, const void *b)
{
	const struct km_fleet_move *x = a, *y = b;

	if (x->start_s < y->start_s || x->start_s > y->start_s)
		return x->start_s < y->start_s ? -1 : 1;
	return x->vm < y->vm ? -1 : 1;
}

static void turns_as_begun(struct search *s)
{
	qsort(s->best, s->l->n, sizeof(*s->best), by_start);
	for (uint32_t i = 0; i < s->l->n; i++)
		s->turn[s->best[i].vm] = i;
	memcpy(s->best, s->l->move, s->l->n * sizeof(*s->best));
}

/* Those that are away from or to a host of the last to end. */
static uint32_t find_near(struct search *s)
{
	uint32_t last = 0, n = 0;

	for (uint32_t i = 0; i < s->l->n; i++)
		if (s->best[i].end_s > s->best[last].end_s)
			last = i;
	for (uint32_t i = 0; i < s->l->n; i++)
		if (s->best[i].from == s->best[last].from || s->best[i].to == s->best[last].to)
			s->near[n++] = s->best[i].vm;
	return n;
}

static int try_turns(struct search *s)
{
	struct km_sim_rules rules = s->out->rules;

	for (uint32_t i = 0; i < s->l->n; i++)
		s->rank[i] = s->turn[s->l->move[i].vm];
	rules.rank = s->rank;
	return try(s, &rules);
}

static void swap_turns(struct search *s, uint32_t a, uint32_t b)
{
	uint32_t turn = s->turn[a];

	s->turn[a] = s->turn[b];
	s->turn[b] = turn;
}

static int reorder(struct search *s, uint32_t vm, uint32_t other)
{
	int rc;

	swap_turns(s, vm, other);
	rc = try_turns(s);
	if (!rc)
		swap_turns(s, vm, other);
	return rc;
}

/* Elsewhere, to where links are done soonest; up to three hosts are left out by lot, so that it
 * isn't the same each time. */
static int retarget(struct search *s, uint32_t vm, bool * not )
{
	struct km_fleet_move was = s->l->move[s->l->move_of[vm]];
	struct km_split split;
	uint32_t host;
	int rc = km_layout_take_back(s->l, vm);

	if (rc)
		return rc;
	memset(not, 0, s->l->f->nhosts * sizeof(*not ));
	not [was.to] = true;
	for (uint32_t k = pick_random(s, 4); k; k--)
		not [pick_random(s, s->l->f->nhosts)] = true;
	if (!km_assign_pick(s->l, vm, KM_PICK_BALANCED, not, &host, &split))
		return km_layout_put(s->l, vm, was.to, &was.split);
	rc = km_layout_put(s->l, vm, host, &split);
	if (!rc)
		rc = try_turns(s);
	if (rc)
		return rc;
	rc = km_layout_take_back(s->l, vm);
	return rc ? rc : km_layout_put(s->l, vm, was.to, &was.split);
}

static int local_search(struct search *s)
{
	bool *not = calloc(s->l->f->nhosts + 1, sizeof(*not ));
	uint32_t near = 0;
	int rc = not ? 1 : -ENOMEM;

	turns_as_begun(s);
	for (uint32_t i = 0; rc >= 0 && i < s->how->tries && !good_enough(s); i++) {
		uint32_t vm, other;

		s->out->tries++;
		near = rc ? find_near(s) : near; /* as after the last that was kept */
		vm = s->near[pick_random(s, near)];
		other = s->near[pick_random(s, near)];
		if (s->chains || pick_random(s, 2))
			rc = vm == other ? 0 : reorder(s, vm, other);
		else
			rc = retarget(s, vm, not );
	}
	free(not );
	return rc < 0 ? rc : 0;
}

static int improve(struct search *s)
{
	int rc = km_layout_waits(s->l);

	for (uint32_t i = 0; i < s->l->n; i++)
		s->chains |= !s->l->f->host[s->l->move[i].from].drain;
	if (!rc)
		rc = try_rules(s);
	s->out->better = 0;
	memcpy(s->l->move, s->best, s->l->n * sizeof(*s->best));
	if (!rc)
		rc = local_search(s);
	memcpy(s->l->move, s->best, s->l->n * sizeof(*s->best));
	for (uint32_t i = 0; i < s->l->n; i++)
		s->l->move_of[s->l->move[i].vm] = i;
	return rc;
}

int km_improve(struct km_layout *l, const struct km_move_model *m, const struct km_improve *how,
	       struct km_improved *out)
{
	struct search s = { .l = l, .how = how, .out = out, .random = 88172645463325252ull };
	int rc = -ENOMEM;

	*out = (struct km_improved){ 0 };
	if (!l->n)
		return 0;
	s.sim = km_sim_new(l->f, m, l->n);
	s.best = calloc(l->n, sizeof(*s.best));
	s.turn = calloc(l->f->nvms, sizeof(*s.turn));
	s.rank = calloc(l->n, sizeof(*s.rank));
	s.near = calloc(l->n, sizeof(*s.near));
	if (s.sim && s.best && s.turn && s.rank && s.near)
		rc = improve(&s);
	km_sim_free(s.sim);
	free(s.best);
	free(s.turn);
	free(s.rank);
	free(s.near);
	return rc;
}
