// SPDX-License-Identifier: GPL-2.0
#include "room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "pairs.h"

struct km_room *km_room_new(const struct km_fleet *f)
{
	struct km_room *r = calloc(1, sizeof(*r));
	int rc = 0;

	if (!r)
		return NULL;
	r->f = f;
	r->host = calloc(f->nhosts + 1, sizeof(*r->host));
	r->members = km_pairs_new();
	if (!r->host || !r->members)
		rc = -ENOMEM;
	for (uint32_t h = 0; !rc && h < f->nhosts; h++) {
		memcpy(r->host[h].free_bytes, f->host[h].free_bytes, sizeof(f->host[h].free_bytes));
		r->host[h].vcpus = f->host[h].vcpus;
	}
	for (uint32_t i = 0; !rc && i < f->nvms; i++)
		for (unsigned int g = 0; !rc && g < f->vm[i].ngroups; g++)
			rc = km_pairs_add(r->members, f->vm[i].group[g], f->vm[i].host);
	if (!rc)
		return r;
	km_room_free(r);
	return NULL;
}

void km_room_free(struct km_room *r)
{
	if (!r)
		return;
	free(r->host);
	km_pairs_free(r->members);
	free(r);
}

/* The node with the least room of those with at least so much that are not taken. */
static int tightest(const int64_t *room, unsigned int nnodes, uint64_t bytes, uint32_t taken)
{
	int best = -1;

	for (unsigned int i = 0; i < nnodes; i++)
		if (!(taken >> i & 1) && room[i] >= (int64_t)bytes &&
		    (best < 0 || room[i] < room[best]))
			best = (int)i;
	return best;
}

static bool split_memory(const struct km_fleet_vm *v, const int64_t *room, unsigned int nnodes,
			 struct km_split *split)
{
	uint64_t left = v->memory_bytes, parts = v->numa_nodes;
	uint32_t taken = 0;

	memset(split, 0, sizeof(*split));
	for (unsigned int i = 0; i < (parts ? parts : nnodes) && left; i++) {
		uint64_t want = parts ? (left + parts - i - 1) / (parts - i) : 1;
		int node = tightest(room, nnodes, want, taken);

		if (node < 0)
			return false;
		if (!parts)
			want = (uint64_t)room[node] < left ? (uint64_t)room[node] : left;
		split->bytes[node] = want;
		taken |= 1u << node;
		left -= want;
	}
	return !left;
}

enum km_fit km_room_ever(const struct km_room *r, uint32_t vm, uint32_t host)
{
	const struct km_fleet_host *h = &r->f->host[host];
	const struct km_fleet_vm *v = &r->f->vm[vm];
	struct km_split split;

	if (!km_cpufit_has(r->f->cpu, h->cpu, v->cpu))
		return KM_FIT_CPU;
	if (h->vcpus_max && v->vcpus > h->vcpus_max)
		return KM_FIT_SIZE;
	if (!split_memory(v, h->ever_bytes, h->nnodes, &split))
		return v->numa_nodes ? KM_FIT_NODE : KM_FIT_SIZE;
	return KM_FIT_YES;
}

enum km_fit km_room_fit(const struct km_room *r, uint32_t vm, uint32_t host, struct km_split *split)
{
	const struct km_fleet_host *h = &r->f->host[host];
	const struct km_fleet_vm *v = &r->f->vm[vm];

	if (!km_cpufit_has(r->f->cpu, h->cpu, v->cpu))
		return KM_FIT_CPU;
	for (unsigned int g = 0; g < v->ngroups; g++)
		if (km_pairs_count(r->members, v->group[g], host))
			return KM_FIT_GROUP;
	if (h->vcpus_max && v->vcpus && r->host[host].vcpus + v->vcpus > h->vcpus_max)
		return KM_FIT_VCPUS;
	if (!split_memory(v, r->host[host].free_bytes, h->nnodes, split))
		return KM_FIT_MEMORY;
	return KM_FIT_YES;
}

int km_room_arrive(struct km_room *r, uint32_t vm, uint32_t host, const struct km_split *split)
{
	const struct km_fleet_vm *v = &r->f->vm[vm];
	int rc = 0;

	for (unsigned int i = 0; i < r->f->host[host].nnodes; i++)
		r->host[host].free_bytes[i] -= (int64_t)split->bytes[i];
	r->host[host].vcpus += v->vcpus;
	for (unsigned int g = 0; !rc && g < v->ngroups; g++)
		rc = km_pairs_add(r->members, v->group[g], host);
	return rc;
}

void km_room_undo_arrive(struct km_room *r, uint32_t vm, uint32_t host,
			 const struct km_split *split)
{
	const struct km_fleet_vm *v = &r->f->vm[vm];

	for (unsigned int i = 0; i < r->f->host[host].nnodes; i++)
		r->host[host].free_bytes[i] += (int64_t)split->bytes[i];
	r->host[host].vcpus -= v->vcpus;
	for (unsigned int g = 0; g < v->ngroups; g++)
		km_pairs_remove(r->members, v->group[g], host);
}

void km_room_leave(struct km_room *r, uint32_t vm)
{
	const struct km_fleet_vm *v = &r->f->vm[vm];

	for (unsigned int i = 0; i < r->f->host[v->host].nnodes; i++)
		r->host[v->host].free_bytes[i] += (int64_t)km_fleet_leaves(r->f, v, i);
	r->host[v->host].vcpus -= v->vcpus;
	for (unsigned int g = 0; g < v->ngroups; g++)
		km_pairs_remove(r->members, v->group[g], v->host);
}

int km_room_undo_leave(struct km_room *r, uint32_t vm)
{
	const struct km_fleet_vm *v = &r->f->vm[vm];
	int rc = 0;

	for (unsigned int i = 0; i < r->f->host[v->host].nnodes; i++)
		r->host[v->host].free_bytes[i] -= (int64_t)km_fleet_leaves(r->f, v, i);
	r->host[v->host].vcpus += v->vcpus;
	for (unsigned int g = 0; !rc && g < v->ngroups; g++)
		rc = km_pairs_add(r->members, v->group[g], v->host);
	return rc;
}

uint64_t km_room_memory(const struct km_room *r, uint32_t host)
{
	uint64_t all = 0;

	for (unsigned int i = 0; i < r->f->host[host].nnodes; i++)
		if (r->host[host].free_bytes[i] > 0)
			all += (uint64_t)r->host[host].free_bytes[i];
	return all;
}

unsigned int km_room_members(const struct km_room *r, uint32_t group, uint32_t host)
{
	return km_pairs_count(r->members, group, host);
}
