// SPDX-License-Identifier: GPL-2.0
#include "fleet.h"

#include <stdlib.h>

void km_fleet_free(struct km_fleet *f)
{
	if (!f)
		return;
	for (uint32_t i = 0; f->host && i < f->nhosts; i++)
		free(f->host[i].name);
	for (uint32_t i = 0; f->link && i < f->nlinks; i++)
		free(f->link[i].name);
	for (uint32_t i = 0; f->vm && i < f->nvms; i++) {
		free(f->vm[i].name);
		free(f->vm[i].by_node);
	}
	for (uint32_t i = 0; f->group && i < f->ngroups; i++)
		free(f->group[i]);
	free(f->host);
	free(f->link);
	free(f->vm);
	free(f->group);
	km_cpufit_free(f->cpu);
	free(f);
}

uint32_t km_fleet_resources(const struct km_fleet *f)
{
	return 2 * (f->nhosts + f->nlinks);
}

double km_fleet_rate(const struct km_fleet *f, uint32_t resource)
{
	uint32_t i = resource / 2;

	if (i < f->nhosts)
		return resource % 2 ? f->host[i].down : f->host[i].up;
	i -= f->nhosts;
	return resource % 2 ? f->link[i].down : f->link[i].up;
}

static void add(const struct km_fleet *f, struct km_path *p, uint32_t resource)
{
	double rate = km_fleet_rate(f, resource);

	if (!p->n || rate < p->bound)
		p->bound = rate;
	p->r[p->n++] = resource;
}

static bool inside(const struct km_fleet_host *h, uint16_t link)
{
	for (unsigned int i = 0; i < h->nlinks; i++)
		if (h->link[i] == link)
			return true;
	return false;
}

void km_fleet_path(const struct km_fleet *f, uint32_t from, uint32_t to, struct km_path *p)
{
	const struct km_fleet_host *a = &f->host[from], *b = &f->host[to];

	p->n = 0;
	add(f, p, km_resource_up(from));
	add(f, p, km_resource_down(to));
	for (unsigned int i = 0; i < a->nlinks; i++)
		if (!inside(b, a->link[i]))
			add(f, p, 2 * (f->nhosts + a->link[i]));
	for (unsigned int i = 0; i < b->nlinks; i++)
		if (!inside(a, b->link[i]))
			add(f, p, 2 * (f->nhosts + b->link[i]) + 1);
}
