// SPDX-License-Identifier: GPL-2.0
#include "assign.h"

#include <errno.h>
#include <stdlib.h>

bool km_assign_left(const struct km_layout *l, uint32_t vm)
{
	return l->f->host[l->f->vm[vm].host].drain && l->move_of[vm] == KM_NO_MOVE;
}

uint32_t km_assign_nleft(const struct km_layout *l)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->f->nvms; i++)
		n += km_assign_left(l, i);
	return n;
}

/* Of two ways that end at the same time, the one that takes less of all links. */
#define OF_ALL 1e-3

/* Seconds until the slowest link on the way would be done; more than `most` is not looked at
 * any closer. */
static double link_cost(const struct km_layout *l, uint32_t vm, uint32_t host, double most)
{
	double bytes = l->bytes[vm], worst = 0, sum = 0;
	uint32_t down = km_resource_down(host);
	struct km_path p;

	worst = (l->load[down] + bytes) / l->f->host[host].down;
	if (worst >= most)
		return worst;
	km_fleet_path(l->f, l->f->vm[vm].host, host, &p);
	for (unsigned int k = 1; k < p.n; k++) { /* all ways have the source's NIC */
		double s = (l->load[p.r[k]] + bytes) / km_fleet_rate(l->f, p.r[k]);

		worst = s > worst ? s : worst;
		sum += s;
	}
	return worst + OF_ALL * sum;
}

bool km_assign_pick(const struct km_layout *l, uint32_t vm, enum km_pick how, const bool *avoid,
		    uint32_t *host, struct km_split *split)
{
	double least = 1e300, cost;
	struct km_split here;

	for (uint32_t h = 0; h < l->f->nhosts; h++) {
		if (l->f->host[h].drain || h == l->f->vm[vm].host || (avoid && avoid[h]))
			continue;
		cost = how == KM_PICK_TIGHT ? (double)km_room_memory(l->room, h) :
					      link_cost(l, vm, h, least);
		if (cost >= least || km_room_fit(l->room, vm, h, &here) != KM_FIT_YES)
			continue;
		least = cost;
		*host = h;
		*split = here;
	}
	return least < 1e300;
}

struct large {
	uint32_t vm;
	uint64_t bytes;
};

static int larger_first(const void *a, const void *b)
{
	const struct large *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->vm < y->vm ? -1 : 1;
}

int km_assign_all(struct km_layout *l, enum km_pick how, enum km_turn turn)
{
	const struct km_fleet *f = l->f;
	struct large *order = calloc(f->nvms + 1, sizeof(*order));
	uint32_t n = 0, host;
	struct km_split split;
	int rc = order ? 0 : -ENOMEM;

	for (uint32_t i = 0; !rc && i < f->nvms; i++)
		if (km_assign_left(l, i) && f->vm[i].movable)
			order[n++] = (struct large){ i, f->vm[i].memory_bytes };
	if (n)
		qsort(order, n, sizeof(*order), larger_first);
	for (uint32_t i = 0; !rc && i < n; i++) {
		uint32_t vm = order[turn == KM_LARGEST_FIRST ? i : n - 1 - i].vm;

		if (km_assign_pick(l, vm, how, NULL, &host, &split))
			rc = km_layout_put(l, vm, host, &split);
	}
	free(order);
	return rc;
}
