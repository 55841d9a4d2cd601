// SPDX-License-Identifier: GPL-2.0
#include "improve.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "assign.h"

/* How many scores late acceptance looks back, and after how many tries that found nothing better
 * than the best so many are taken as they come. */
#define BACK 16
#define IDLE 200

struct search {
	struct km_layout *l;
	struct km_sim *sim;
	const struct km_improve *how;
	struct km_improved *out;
	struct km_fleet_move *best; /* all moves of the layout, with their times */
	double best_score, score;   /* the latter of what was last accepted */
	double back[BACK];
	uint32_t idle; /* tries since the best */
	struct km_sim_rules rules;
	uint32_t *turn; /* by guest: who begins first; all different */
	uint32_t *rank; /* the same by place in the layout */
	uint32_t *near; /* guests of moves that the last to end competes with */
	uint32_t nnear;
	bool *avoid;  /* by host, for picking one */
	bool *leaves; /* by host that stays: a guest leaves it, so who goes there is left alone */
	unsigned int most; /* moves at a time of any host */
	uint64_t cost;
	uint64_t random;
};

static const double shares[] = { 0, 0.4, 0.6, 0.8, 1 };
#define SHARES (sizeof(shares) / sizeof(*shares))

static uint32_t pick_random(struct search *s, uint32_t n)
{
	s->random ^= s->random << 13; /* xorshift64, Marsaglia 2003 */
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)(s->random >> 32) % n;
}

/* The makespan, and a little of all ends, since many plans end with the same move; above all how
 * many guests are late. */
#define OF_ENDS 1e-4

static double score_of(const struct search *s, const struct km_sim_result *r)
{
	double ends = 0;

	for (uint32_t i = 0; i < s->l->n; i++)
		ends += s->l->move[i].end_s;
	return KM_SIM_LATE_S * r->late + r->makespan_s + OF_ENDS * ends / s->l->n;
}

/* What comes to more than that much is infinitely bad; 0: nothing is. */
static int simulate(struct search *s, const struct km_sim_rules *how, double give_up, double *score)
{
	struct km_sim_rules rules = *how;
	struct km_sim_result r;
	int rc;

	rules.give_up_s = give_up;
	rc = km_sim_run(s->sim, s->l->move, s->l->n, &rules, &r);
	if (rc < 0)
		return rc;
	s->cost += r.cost;
	*score = rc ? INFINITY : score_of(s, &r);
	if (s->best_score > 0 && *score >= s->best_score)
		return 0;
	s->out->better += s->best_score > 0;
	s->idle = 0;
	s->best_score = *score;
	s->out->result = r;
	s->out->rules = *how;
	s->out->rules.rank = NULL;
	memcpy(s->best, s->l->move, s->l->n * sizeof(*s->best));
	return 0;
}

static bool good_enough(const struct search *s)
{
	return s->cost >= s->how->cost ||
	       (!s->out->result.late && s->best_score > 0 &&
		s->out->result.makespan_s <= s->how->good_s * (1 + 1e-6));
}

static int try_rules(struct search *s)
{
	const struct km_fleet *f = s->l->f;
	double score;
	int rc = 0;

	s->most = 1;
	for (uint32_t i = 0; i < s->l->n; i++)
		if (f->host[s->l->move[i].from].max_out > s->most)
			s->most = f->host[s->l->move[i].from].max_out;
	for (unsigned int k = s->most; !rc; k = k / 2) {
		/* What is likely to be worse comes last, as it is given up then. */
		for (size_t i = SHARES; !rc && i-- > 0;)
			if (!good_enough(s))
				rc = simulate(
					s, &(struct km_sim_rules){ .most = k, .share = shares[i] },
					s->best_score, &score);
		if (k == 1)
			break;
	}
	return rc;
}

static int by_start(const void *a, const void *b)
{
	const struct km_fleet_move *x = a, *y = b;

	if (x->start_s < y->start_s || x->start_s > y->start_s)
		return x->start_s < y->start_s ? -1 : 1;
	return x->vm < y->vm ? -1 : 1;
}

/* As the best plan so far begins them. */
static void find_turns(struct search *s)
{
	memcpy(s->l->move, s->best, s->l->n * sizeof(*s->best));
	qsort(s->best, s->l->n, sizeof(*s->best), by_start);
	for (uint32_t i = 0; i < s->l->n; i++)
		s->turn[s->best[i].vm] = i;
	memcpy(s->best, s->l->move, s->l->n * sizeof(*s->best));
}

/* Those that are away from or to a host of the last to end, as just simulated. */
static void find_near(struct search *s)
{
	const struct km_fleet_move *m = s->l->move;
	uint32_t last = 0;

	for (uint32_t i = 0; i < s->l->n; i++)
		if (m[i].end_s > m[last].end_s)
			last = i;
	s->nnear = 0;
	for (uint32_t i = 0; i < s->l->n; i++)
		if (m[i].from == m[last].from || m[i].to == m[last].to)
			s->near[s->nnear++] = m[i].vm;
}

/*
 * 1: taken. Late acceptance (Burke and Bykov, 2017): no worse than what was accepted some
 * tries ago, or than the last, so that the search gets out of where no single step helps.
 */
static int attempt(struct search *s)
{
	double *back = &s->back[s->out->tries % BACK], score;
	int rc;

	for (uint32_t i = 0; i < s->l->n; i++)
		s->rank[i] = s->turn[s->l->move[i].vm];
	s->rules.rank = s->rank;
	rc = simulate(s, &s->rules, *back > s->score ? *back : s->score, &score);
	if (rc)
		return rc;
	rc = score <= *back || score <= s->score;
	if (rc) {
		s->score = score;
		find_near(s);
	}
	*back = s->score;
	return rc;
}

static void swap_turns(struct search *s, uint32_t a, uint32_t b)
{
	uint32_t turn = s->turn[a];

	s->turn[a] = s->turn[b];
	s->turn[b] = turn;
}

/* One that matters, or now and then any. */
static uint32_t pick_guest(struct search *s)
{
	if (pick_random(s, 4))
		return s->near[pick_random(s, s->nnear)];
	return s->l->move[pick_random(s, s->l->n)].vm;
}

static int reorder(struct search *s)
{
	uint32_t vm = pick_guest(s), other = pick_guest(s);
	int rc;

	swap_turns(s, vm, other);
	rc = attempt(s);
	if (!rc)
		swap_turns(s, vm, other);
	return rc;
}

static int change_rules(struct search *s)
{
	struct km_sim_rules was = s->rules;
	int rc;

	s->rules.most = 1 + pick_random(s, s->most);
	s->rules.share = shares[pick_random(s, SHARES)];
	rc = attempt(s);
	if (!rc)
		s->rules = was;
	return rc;
}

/* To any host with room; or to where links are done soonest, some hosts left out by lot. */
static bool pick_host(struct search *s, uint32_t vm, uint32_t was, uint32_t *host,
		      struct km_split *split)
{
	const struct km_fleet *f = s->l->f;

	for (uint32_t k = pick_random(s, 2) * 8; k; k--) {
		*host = pick_random(s, f->nhosts);
		if (*host != was && !f->host[*host].drain && !s->leaves[*host] &&
		    km_room_fit(s->l->room, vm, *host, split) == KM_FIT_YES)
			return true;
	}
	memcpy(s->avoid, s->leaves, f->nhosts * sizeof(*s->avoid));
	s->avoid[was] = true;
	for (uint32_t k = pick_random(s, 4); k; k--)
		s->avoid[pick_random(s, f->nhosts)] = true;
	return km_assign_pick(s->l, vm, KM_PICK_BALANCED, s->avoid, host, split);
}

/* What waits in layout.h rely on is not touched. */
static bool bound_to(const struct search *s, uint32_t vm)
{
	const struct km_fleet_move *m = &s->l->move[s->l->move_of[vm]];

	return s->leaves[m->to] || !s->l->f->host[m->from].drain;
}

static int take_back(struct search *s, uint32_t vm, struct km_fleet_move *was)
{
	*was = s->l->move[s->l->move_of[vm]];
	return km_layout_take_back(s->l, vm);
}

static int put_back(struct search *s, const struct km_fleet_move *was)
{
	return km_layout_put(s->l, was->vm, was->to, &was->split);
}

static int retarget(struct search *s)
{
	uint32_t vm = pick_guest(s), host;
	struct km_fleet_move was;
	struct km_split split;
	int rc;

	if (bound_to(s, vm))
		return 0;
	rc = take_back(s, vm, &was);
	if (rc)
		return rc;
	if (!pick_host(s, vm, was.to, &host, &split))
		return put_back(s, &was);
	rc = km_layout_put(s->l, vm, host, &split);
	if (!rc)
		rc = attempt(s);
	if (rc)
		return rc;
	rc = km_layout_take_back(s->l, vm);
	return rc ? rc : put_back(s, &was);
}

/* Each to the other's host, if it has room there. 1: it has, and they go there. */
static int put_crosswise(struct search *s, const struct km_fleet_move *a,
			 const struct km_fleet_move *b)
{
	struct km_split split;
	int rc;

	if (km_room_fit(s->l->room, a->vm, b->to, &split) != KM_FIT_YES)
		return 0;
	rc = km_layout_put(s->l, a->vm, b->to, &split);
	if (rc)
		return rc;
	if (km_room_fit(s->l->room, b->vm, a->to, &split) == KM_FIT_YES)
		rc = km_layout_put(s->l, b->vm, a->to, &split);
	else
		return km_layout_take_back(s->l, a->vm);
	return rc ? rc : 1;
}

/* Where every host is full, or has one of the same group, destinations can only be exchanged. */
static int exchange(struct search *s)
{
	uint32_t vm = pick_guest(s), other = pick_guest(s);
	struct km_fleet_move a, b;
	int rc;

	if (bound_to(s, vm) || bound_to(s, other) ||
	    s->l->move[s->l->move_of[vm]].to == s->l->move[s->l->move_of[other]].to)
		return 0;
	rc = take_back(s, vm, &a);
	if (!rc)
		rc = take_back(s, other, &b);
	if (!rc)
		rc = put_crosswise(s, &a, &b);
	if (rc > 0) {
		rc = attempt(s);
		if (rc)
			return rc;
		rc = take_back(s, vm, &(struct km_fleet_move){ 0 });
		if (!rc)
			rc = take_back(s, other, &(struct km_fleet_move){ 0 });
	}
	if (!rc)
		rc = put_back(s, &a);
	return rc ? rc : put_back(s, &b);
}

static void accept_from(struct search *s, double score)
{
	s->idle = 0;
	for (int i = 0; i < BACK; i++)
		s->back[i] = score;
}

static int step(struct search *s)
{
	if (!pick_random(s, 8))
		return change_rules(s);
	if (pick_random(s, 2))
		return reorder(s);
	return pick_random(s, 3) ? retarget(s) : exchange(s);
}

static int local_search(struct search *s)
{
	int rc = 0;

	s->rules = s->out->rules;
	s->score = s->best_score;
	accept_from(s, s->score);
	find_turns(s);
	find_near(s);
	for (; rc >= 0 && s->out->tries < s->how->tries && !good_enough(s); s->out->tries++) {
		if (s->idle++ == IDLE)
			accept_from(s, 1e300);
		rc = step(s);
	}
	return rc < 0 ? rc : 0;
}

static int improve(struct search *s)
{
	int rc = km_layout_waits(s->l);

	for (uint32_t i = 0; i < s->l->n; i++)
		s->leaves[s->l->move[i].from] = !s->l->f->host[s->l->move[i].from].drain;
	if (!rc)
		rc = try_rules(s);
	s->out->better = 0;
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
	s.avoid = calloc(l->f->nhosts, sizeof(*s.avoid));
	s.leaves = calloc(l->f->nhosts, sizeof(*s.leaves));
	if (s.sim && s.best && s.turn && s.rank && s.near && s.avoid && s.leaves)
		rc = improve(&s);
	km_sim_free(s.sim);
	free(s.best);
	free(s.turn);
	free(s.rank);
	free(s.near);
	free(s.avoid);
	free(s.leaves);
	return rc;
}
