// SPDX-License-Identifier: GPL-2.0
#include "bound.h"

#include <errno.h>
#include <stdlib.h>

struct finding {
	const struct km_fleet *f;
	const struct km_move_model *m;
	const struct km_least *least;
	const bool *goes;
	double fewest; /* bytes of a first round for one of memory, of whoever may move */
	struct km_bound *b;
};

void km_bound_least_free(struct km_least *least)
{
	free(least->bytes);
	free(least->seconds);
}

static double best_rate(const struct km_fleet *f, const struct km_fleet_vm *v)
{
	struct km_path p;
	double best = 0;

	for (uint32_t h = 0; h < f->nhosts; h++) {
		if (f->host[h].drain || f->host[h].down <= best ||
		    !km_cpufit_has(f->cpu, f->host[h].cpu, v->cpu))
			continue;
		km_fleet_path(f, v->host, h, &p);
		if (p.bound > best)
			best = p.bound;
	}
	return best;
}

int km_bound_least(const struct km_fleet *f, const struct km_move_model *m, struct km_least *least)
{
	least->bytes = calloc(f->nvms + 1, sizeof(*least->bytes));
	least->seconds = calloc(f->nvms + 1, sizeof(*least->seconds));
	if (!least->bytes || !least->seconds) {
		km_bound_least_free(least);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < f->nvms; i++) {
		const struct km_fleet_vm *v = &f->vm[i];
		bool drain = f->host[v->host].drain;
		double rate = drain ? best_rate(f, v) : 0;
		struct km_alone a = { .bytes = drain ? 0 : m->first(v) };

		if (rate > 0)
			a = km_move_alone(m, v, rate);
		least->bytes[i] = a.bytes;
		least->seconds[i] = a.seconds;
	}
	return 0;
}

static void at_least(struct finding *d, enum km_bound_kind kind, uint32_t which, double seconds)
{
	if (seconds > d->b->seconds)
		*d->b = (struct km_bound){ .seconds = seconds, .kind = kind, .which = which };
}

/* By bytes: links lie idle at both ends. */
static void at_least_bytes(struct finding *d, enum km_bound_kind kind, uint32_t which,
			   double seconds)
{
	if (seconds > 0)
		at_least(d, kind, which, seconds + d->m->setup_s + d->m->settle_s);
}

static int by_sources(struct finding *d)
{
	const struct km_fleet *f = d->f;
	double *bytes = calloc(f->nhosts + 1, sizeof(*bytes));
	double *seconds = calloc(f->nhosts + 1, sizeof(*seconds));
	double all = 0, in = 0;

	for (uint32_t i = 0; bytes && seconds && i < f->nvms; i++) {
		if (!d->goes[i])
			continue;
		at_least(d, KM_BOUND_MOVE, i, d->least->seconds[i]);
		bytes[f->vm[i].host] += d->least->bytes[i];
		seconds[f->vm[i].host] += d->least->seconds[i];
		all += d->least->seconds[i];
	}
	for (uint32_t h = 0; bytes && seconds && h < f->nhosts; h++) {
		at_least_bytes(d, KM_BOUND_OUT, h, bytes[h] / f->host[h].up);
		at_least(d, KM_BOUND_SLOTS_OUT, h, seconds[h] / f->host[h].max_out);
		in += f->host[h].drain ? 0 : f->host[h].max_in;
	}
	if (in > 0)
		at_least(d, KM_BOUND_SLOTS_IN, 0, all / in);
	if (f->max_moves)
		at_least(d, KM_BOUND_SLOTS, 0, all / f->max_moves);
	free(bytes);
	free(seconds);
	return bytes && seconds ? 0 : -ENOMEM;
}

/* What the hosts that offer it can have had by then. */
static double taken_by(const struct km_fleet *f, unsigned int class, double most, double seconds)
{
	double sum = 0;

	for (uint32_t h = 0; h < f->nhosts; h++) {
		double room = 0, by_nic = seconds * f->host[h].down;

		if (f->host[h].drain || !km_cpufit_has(f->cpu, f->host[h].cpu, class))
			continue;
		for (unsigned int n = 0; n < f->host[h].nnodes; n++)
			if (f->host[h].ever_bytes[n] > 0)
				room += most * (double)f->host[h].ever_bytes[n];
		sum += room < by_nic ? room : by_nic;
	}
	return sum;
}

#define NEVER_S 1e9

/* When they can have had so many; 0: never, so there is no such plan. */
static double memory_time(const struct km_fleet *f, unsigned int class, double most, double bytes)
{
	double lo = 0, hi = NEVER_S;

	if (taken_by(f, class, most, hi) < bytes)
		return 0;
	for (int i = 0; i < 60; i++) {
		double t = (lo + hi) / 2;

		if (taken_by(f, class, most, t) < bytes)
			lo = t;
		else
			hi = t;
	}
	return lo;
}

/* All that have to go where this guest can go. */
static void by_destinations(struct finding *d, uint32_t like)
{
	const struct km_fleet *f = d->f;
	unsigned int class = f->vm[like].cpu;
	double bytes = 0, first = 0, most = 0, down = 0;

	for (uint32_t i = 0; i < f->nvms; i++) {
		const struct km_fleet_vm *v = &f->vm[i];
		double once;

		if (!d->goes[i] || !km_cpufit_has(f->cpu, v->cpu, class))
			continue; /* it does not need all of it */
		once = d->m->first(v);
		bytes += d->least->bytes[i];
		first += once;
		if (once > most * (double)v->memory_bytes)
			most = once / (double)v->memory_bytes;
	}
	for (uint32_t h = 0; h < f->nhosts; h++)
		if (!f->host[h].drain && km_cpufit_has(f->cpu, f->host[h].cpu, class))
			down += f->host[h].down;
	if (down > 0)
		at_least_bytes(d, KM_BOUND_IN, like, bytes / down);
	at_least_bytes(d, KM_BOUND_MEMORY, like, memory_time(f, class, most, first));
}

static bool inside(const struct km_fleet_host *h, uint32_t link)
{
	for (unsigned int i = 0; i < h->nlinks; i++)
		if (h->link[i] == link)
			return true;
	return false;
}

/* Whether a host that stays, on that side of the link, offers what it needs. */
static bool offered(const struct km_fleet *f, uint32_t link, bool side, unsigned int class,
		    signed char *known)
{
	if (!known[class])
		known[class] = -1;
	else
		return known[class] > 0;
	for (uint32_t h = 0; known[class] < 0 && h < f->nhosts; h++)
		if (!f->host[h].drain && inside(&f->host[h], link) == side &&
		    km_cpufit_has(f->cpu, f->host[h].cpu, class))
			known[class] = 1;
	return known[class] > 0;
}

/* side: true for who is inside and has to get out, false for who is outside and has to get in. */
static int by_link(struct finding *d, uint32_t link, bool side)
{
	const struct km_fleet *f = d->f;
	signed char *known = calloc(KM_CPUFIT_CLASSES, 1);
	double alien = 0, memory = 0, rate = side ? f->link[link].up : f->link[link].down;

	if (!known)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nvms; i++) {
		const struct km_fleet_vm *v = &f->vm[i];

		if (!d->goes[i] || inside(&f->host[v->host], link) != side)
			continue;
		memory += (double)v->memory_bytes;
		if (!offered(f, link, side, v->cpu, known))
			alien += d->least->bytes[i];
	}
	for (uint32_t h = 0; h < f->nhosts; h++)
		for (unsigned int n = 0; n < f->host[h].nnodes; n++)
			if (!f->host[h].drain && inside(&f->host[h], link) == side &&
			    f->host[h].free_bytes[n] > 0)
				memory -= (double)f->host[h].free_bytes[n];
	free(known);
	at_least_bytes(d, side ? KM_BOUND_LINK_OUT : KM_BOUND_LINK_IN, link, alien / rate);
	at_least_bytes(d, side ? KM_BOUND_LINK_OUT : KM_BOUND_LINK_IN, link,
		       memory * d->fewest / rate);
	return 0;
}

/* Once for each class that anybody who goes has. */
static int by_all_destinations(struct finding *d)
{
	bool *done = calloc(KM_CPUFIT_CLASSES, sizeof(*done));

	if (!done)
		return -ENOMEM;
	for (uint32_t i = 0; i < d->f->nvms; i++) {
		if (!d->goes[i] || done[d->f->vm[i].cpu])
			continue;
		done[d->f->vm[i].cpu] = true;
		by_destinations(d, i);
	}
	free(done);
	return 0;
}

int km_bound_find(const struct km_fleet *f, const struct km_move_model *m,
		  const struct km_least *least, const bool *goes, struct km_bound *b)
{
	struct finding d = { .f = f, .m = m, .least = least, .goes = goes, .b = b, .fewest = 1e300 };
	int rc;

	*b = (struct km_bound){ 0 };
	for (uint32_t i = 0; i < f->nvms; i++)
		if (f->vm[i].movable &&
		    m->first(&f->vm[i]) < d.fewest * (double)f->vm[i].memory_bytes)
			d.fewest = m->first(&f->vm[i]) / (double)f->vm[i].memory_bytes;
	rc = by_sources(&d);
	if (!rc)
		rc = by_all_destinations(&d);
	for (uint32_t l = 0; !rc && l < f->nlinks; l++) {
		rc = by_link(&d, l, true);
		if (!rc)
			rc = by_link(&d, l, false);
	}
	return rc;
}
