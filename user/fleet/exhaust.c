// SPDX-License-Identifier: GPL-2.0
#include "exhaust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "assign.h"

struct exhaust {
	struct km_layout *l;
	uint32_t vm[KM_EXHAUST_VMS], nvms; /* that may move, those that have to first */
	uint32_t fixed;			   /* have to and may not */
	/* States that were seen: where everybody is and what room is left. */
	unsigned char *seen;
	uint32_t *bucket; /* of a hash table: the number of a state + 1 */
	size_t key_bytes;
	uint32_t nseen;
	uint32_t least; /* left behind, at best */
	struct km_fleet_move *best;
	uint32_t nbest;
	bool gave_up;
};

#define BUCKETS (1u << 19) /* more than twice KM_EXHAUST_STATES */

static void write_key(const struct exhaust *e, unsigned char *key)
{
	for (uint32_t i = 0; i < e->nvms; i++, key += sizeof(uint32_t)) {
		uint32_t at = e->l->move_of[e->vm[i]];

		at = at == KM_NO_MOVE ? KM_NO_MOVE : e->l->move[at].to;
		memcpy(key, &at, sizeof(at));
	}
	for (uint32_t h = 0; h < e->l->f->nhosts; h++) {
		size_t bytes = e->l->f->host[h].nnodes * sizeof(int64_t);

		memcpy(key, e->l->room->host[h].free_bytes, bytes);
		key += bytes;
	}
}

static uint32_t hash(const unsigned char *key, size_t bytes)
{
	uint64_t h = 14695981039346656037ull; /* FNV-1a */

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ key[i]) * 1099511628211ull;
	return (uint32_t)(h >> 40 ^ h) % BUCKETS;
}

/* Whether this state is new. */
static bool enter(struct exhaust *e)
{
	unsigned char *key = e->seen + e->nseen * e->key_bytes; /* there is one more than states */
	uint32_t b;

	write_key(e, key);
	for (b = hash(key, e->key_bytes); e->bucket[b]; b = (b + 1) % BUCKETS)
		if (!memcmp(e->seen + (e->bucket[b] - 1) * e->key_bytes, key, e->key_bytes))
			return false;
	if (e->nseen == KM_EXHAUST_STATES) {
		e->gave_up = true;
		return false;
	}
	e->bucket[b] = ++e->nseen;
	return true;
}

static int keep_best(struct exhaust *e, uint32_t left)
{
	struct km_fleet_move *copy;

	if (left >= e->least)
		return 0;
	copy = realloc(e->best, (e->l->n + 1) * sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, e->l->move, e->l->n * sizeof(*copy));
	e->best = copy;
	e->nbest = e->l->n;
	e->least = left;
	return 0;
}

static int search(struct exhaust *e)
{
	uint32_t left = km_assign_nleft(e->l);
	struct km_split split;
	int rc = keep_best(e, left);

	for (uint32_t i = 0; i < e->nvms; i++)
		for (uint32_t h = 0; h < e->l->f->nhosts; h++) {
			uint32_t vm = e->vm[i];

			if (rc || e->least == e->fixed || e->gave_up)
				return rc;
			if (e->l->move_of[vm] != KM_NO_MOVE || e->l->f->host[h].drain ||
			    h == e->l->f->vm[vm].host ||
			    km_room_fit(e->l->room, vm, h, &split) != KM_FIT_YES)
				continue;
			rc = km_layout_put(e->l, vm, h, &split);
			if (!rc && enter(e))
				rc = search(e);
			if (!rc)
				rc = km_layout_take_back(e->l, vm);
		}
	return rc;
}

/* false: too many. */
static bool who_may_move(struct exhaust *e, const struct km_fleet *f)
{
	for (int has_to = 1; has_to >= 0; has_to--)
		for (uint32_t i = 0; i < f->nvms; i++) {
			if (f->host[f->vm[i].host].drain != has_to)
				continue;
			if (!f->vm[i].movable) {
				e->fixed += (uint32_t)has_to;
				continue;
			}
			if (e->nvms == KM_EXHAUST_VMS)
				return false;
			e->vm[e->nvms++] = i;
		}
	return true;
}

static int make_room_for_keys(struct exhaust *e, const struct km_fleet *f)
{
	e->key_bytes = e->nvms * sizeof(uint32_t);
	for (uint32_t h = 0; h < f->nhosts; h++)
		e->key_bytes += f->host[h].nnodes * sizeof(int64_t);
	e->seen = malloc((KM_EXHAUST_STATES + 1) * e->key_bytes);
	e->bucket = calloc(BUCKETS, sizeof(*e->bucket));
	return e->seen && e->bucket ? 0 : -ENOMEM;
}

static int take_best(struct exhaust *e, struct km_layout **l)
{
	struct km_layout *better = km_layout_new((*l)->f, (*l)->bytes);
	int rc = better ? 0 : -ENOMEM;

	for (uint32_t i = 0; !rc && i < e->nbest; i++)
		rc = km_layout_put(better, e->best[i].vm, e->best[i].to, &e->best[i].split);
	if (rc) {
		km_layout_free(better);
		return rc;
	}
	km_layout_free(*l);
	*l = better;
	return 0;
}

/* Nodes of all hosts: the keys are not to take more than some hundred bytes. */
#define NODES_MAX 64

static uint32_t count_nodes(const struct km_fleet *f)
{
	uint32_t n = 0;

	for (uint32_t h = 0; h < f->nhosts; h++)
		n += f->host[h].nnodes;
	return n;
}

int km_exhaust(struct km_layout **l)
{
	struct exhaust e = { .least = km_assign_nleft(*l) };
	int rc;

	if (count_nodes((*l)->f) > NODES_MAX || !who_may_move(&e, (*l)->f))
		return 0;
	e.l = km_layout_new((*l)->f, (*l)->bytes);
	rc = e.l ? make_room_for_keys(&e, (*l)->f) : -ENOMEM;
	if (!rc && e.least > e.fixed)
		rc = search(&e);
	if (!rc && e.best)
		rc = take_best(&e, l);
	free(e.best);
	free(e.seen);
	free(e.bucket);
	km_layout_free(e.l);
	return rc ? rc : !e.gave_up;
}
