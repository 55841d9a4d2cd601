// SPDX-License-Identifier: GPL-2.0
/* The guests of an inventory, and the room that they take. */
#include "inventory_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 86400.0

/* By a rate up to a working set: two points, of which the second makes it flat. */
static int read_rate(struct km_reader *r, json_t *o, struct km_fleet_vm *v)
{
	static const char *const keys[] = { "bytes_per_s", "working_set_bytes", NULL };
	double rate, set;
	int rc = km_read_keys(r, o, keys);

	if (!rc)
		rc = km_read_number(r, o, "bytes_per_s", 0, 1e13, KM_NO_DEFAULT, &rate);
	if (!rc)
		rc = km_read_number(r, o, "working_set_bytes", 0, (double)KM_FLEET_MEMORY_MAX,
				    (double)v->memory_bytes, &set);
	if (rc || rate <= 0 || set <= 0)
		return rc;
	v->npoints = 2;
	v->dirty[0] = (struct km_dirty_point){ set / rate, set };
	v->dirty[1] = (struct km_dirty_point){ 2 * set / rate, set };
	return 0;
}

static int read_curve(struct km_reader *r, json_t *list, struct km_fleet_vm *v)
{
	static const char *const keys[] = { "ms", "bytes", NULL };
	struct km_dirty_point last = { 0, 0 };
	json_t *o;
	size_t i;
	int rc = 0;

	if (json_array_size(list) > KM_DIRTY_POINTS_MAX)
		return km_read_fail(r, "dirty", "at most %d points are possible",
				    KM_DIRTY_POINTS_MAX);
	json_array_foreach(list, i, o) {
		struct km_dirty_point p;

		if (!json_is_object(o))
			return km_read_fail(r, "dirty", "must be a list of objects");
		rc = km_read_keys(r, o, keys);
		if (!rc)
			rc = km_read_number(r, o, "ms", 0.001, SECONDS_MAX * 1000, KM_NO_DEFAULT,
					    &p.seconds);
		if (!rc)
			rc = km_read_number(r, o, "bytes", 0, (double)KM_FLEET_MEMORY_MAX,
					    KM_NO_DEFAULT, &p.bytes);
		if (rc)
			return rc;
		p.seconds /= 1000;
		if (p.seconds <= last.seconds || p.bytes < last.bytes)
			return km_read_fail(r, "dirty", "ms must rise, and bytes may not fall");
		v->dirty[v->npoints++] = last = p;
	}
	return 0;
}

static int read_dirty(struct km_reader *r, json_t *o, struct km_fleet_vm *v)
{
	json_t *dirty = json_object_get(o, "dirty");

	if (!dirty)
		return 0;
	if (json_is_object(dirty))
		return read_rate(r, dirty, v);
	if (json_is_array(dirty))
		return read_curve(r, dirty, v);
	return km_read_fail(r, "dirty", "must be an object or a list");
}

static int group_number(struct km_reader *r, const char *name, uint32_t *group)
{
	json_t *i = json_object_get(r->groups, name);
	struct km_fleet *f = r->f;
	char **more;

	if (i) {
		*group = (uint32_t)json_integer_value(i);
		return 0;
	}
	if (!(f->ngroups & (f->ngroups - 1))) { /* grows by doubling */
		more = realloc(f->group, (f->ngroups ? 2 * f->ngroups : 1) * sizeof(*more));
		if (!more)
			return km_err_set(r->err, -ENOMEM, "out of memory");
		f->group = more;
	}
	f->group[f->ngroups] = strdup(name);
	if (!f->group[f->ngroups] ||
	    json_object_set_new(r->groups, name, json_integer(f->ngroups))) {
		free(f->group[f->ngroups]);
		return km_err_set(r->err, -ENOMEM, "out of memory");
	}
	*group = f->ngroups++;
	return 0;
}

static int read_groups(struct km_reader *r, json_t *o, struct km_fleet_vm *v)
{
	json_t *list, *name;
	size_t i;
	int rc = km_read_list(r, o, "anti_affinity", KM_VM_GROUPS_MAX, &list);

	json_array_foreach(list, i, name) {
		const char *text = json_string_value(name);

		if (rc)
			break;
		if (!text || !*text || strlen(text) >= KM_NAME_MAX)
			return km_read_fail(r, "anti_affinity", "must be texts of 1 to %d bytes",
					    KM_NAME_MAX - 1);
		rc = group_number(r, text, &v->group[v->ngroups]);
		for (unsigned int k = 0; !rc && k < v->ngroups; k++)
			if (v->group[k] == v->group[v->ngroups])
				return km_read_fail(r, "anti_affinity", "'%s' comes twice", text);
		v->ngroups += !rc;
	}
	return rc;
}

static int read_by_node(struct km_reader *r, json_t *o, struct km_fleet_vm *v)
{
	unsigned int nodes = r->f->host[v->host].nnodes;
	uint64_t sum = 0;
	json_t *list, *bytes;
	size_t i;
	int rc = km_read_list(r, o, "memory_by_node", KM_FLEET_NODES_MAX, &list);

	if (rc || !list)
		return rc;
	if (json_array_size(list) != nodes)
		return km_read_fail(r, "memory_by_node", "its host has %u nodes", nodes);
	v->by_node = calloc(nodes, sizeof(*v->by_node));
	if (!v->by_node)
		return km_err_set(r->err, -ENOMEM, "out of memory");
	json_array_foreach(list, i, bytes) {
		json_int_t n = json_integer_value(bytes);

		if (!json_is_integer(bytes) || n < 0 || (uint64_t)n > v->memory_bytes - sum)
			return km_read_fail(r, "memory_by_node",
					    "must be numbers of bytes that add up to memory_bytes");
		v->by_node[i] = (uint64_t)n;
		sum += (uint64_t)n;
	}
	if (sum != v->memory_bytes)
		return km_read_fail(r, "memory_by_node",
				    "must be numbers of bytes that add up to memory_bytes");
	return 0;
}

static int read_vm(struct km_reader *r, json_t *o, struct km_fleet_vm *v)
{
	json_t *movable = json_object_get(o, "movable");
	uint64_t vcpus = 0, nodes = 0;
	double pause_ms = 0;
	int rc = km_read_host_name(r, "host", json_object_get(o, "host"), &v->host);

	if (!rc)
		rc = km_read_uint(r, o, "memory_bytes", 1, KM_FLEET_MEMORY_MAX, KM_NO_DEFAULT,
				  &v->memory_bytes);
	if (!rc)
		rc = km_read_uint(r, o, "vcpus", 0, 65536, 0, &vcpus);
	if (!rc)
		rc = km_read_uint(r, o, "numa_nodes", 0, KM_FLEET_NODES_MAX, 0, &nodes);
	if (!rc)
		rc = km_read_number(r, o, "max_pause_ms", 1, 60000, KM_PAUSE_DEFAULT_MS, &pause_ms);
	if (!rc && movable && !json_is_boolean(movable))
		rc = km_read_fail(r, "movable", "must be true or false");
	v->movable = !json_is_false(movable);
	v->vcpus = (unsigned int)vcpus;
	v->numa_nodes = (unsigned int)nodes;
	v->max_pause_s = pause_ms / 1000;
	if (!rc)
		rc = km_read_cpu(r, o, &v->cpu);
	if (!rc)
		rc = read_groups(r, o, v);
	if (!rc)
		rc = read_by_node(r, o, v);
	return rc ? rc : read_dirty(r, o, v);
}

static void take_room(struct km_fleet *f, const struct km_fleet_vm *v)
{
	struct km_fleet_host *h = &f->host[v->host];

	h->vcpus += v->vcpus;
	if (!h->measured)
		h->free_bytes[0] -= (int64_t)v->memory_bytes;
	for (unsigned int i = 0; v->movable && i < h->nnodes; i++)
		h->ever_bytes[i] += (int64_t)km_fleet_leaves(f, v, i);
}

int km_read_vms(struct km_reader *r, json_t *list)
{
	static const char *const keys[] = { "name",    "host",		"memory_bytes",	  "vcpus",
					    "movable", "numa_nodes",	"memory_by_node", "cpu",
					    "labels",  "anti_affinity", "max_pause_ms",	  "dirty",
					    NULL };
	struct km_fleet *f = r->f;
	json_t *o;
	size_t i;
	int rc = 0;

	f->vm = calloc(json_array_size(list) + 1, sizeof(*f->vm));
	if (!f->vm)
		return km_err_set(r->err, -ENOMEM, "out of memory");
	f->nvms = (uint32_t)json_array_size(list);
	json_array_foreach(list, i, o) {
		rc = km_read_enter(r, "vms", i, o, keys, r->vms, &f->vm[i].name);
		if (!rc)
			rc = read_vm(r, o, &f->vm[i]);
		if (rc)
			return rc;
		take_room(f, &f->vm[i]);
	}
	for (uint32_t h = 0; h < f->nhosts; h++)
		for (unsigned int n = 0; n < f->host[h].nnodes; n++)
			f->host[h].ever_bytes[n] += f->host[h].free_bytes[n];
	return 0;
}
