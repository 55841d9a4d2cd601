// SPDX-License-Identifier: GPL-2.0
#include "inventory_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../textfile.h"

static int no_memory(struct km_reader *r)
{
	return km_err_set(r->err, -ENOMEM, "out of memory");
}

static int read_nodes(struct km_reader *r, json_t *nodes, struct km_fleet_host *h)
{
	static const char *const keys[] = { "free_bytes", NULL };
	json_t *node;
	size_t i;
	int rc = 0;

	if (!json_array_size(nodes))
		return km_read_fail(r, "nodes", "must have an entry");
	h->nnodes = (unsigned int)json_array_size(nodes);
	json_array_foreach(nodes, i, node) {
		uint64_t bytes;

		if (!rc && !json_is_object(node))
			rc = km_read_fail(r, "nodes", "must be a list of objects");
		if (!rc)
			rc = km_read_keys(r, node, keys);
		if (!rc)
			rc = km_read_uint(r, node, "free_bytes", 0, KM_FLEET_MEMORY_MAX,
					  KM_NO_DEFAULT, &bytes);
		if (!rc)
			h->free_bytes[i] = (int64_t)bytes;
	}
	return rc;
}

static int read_memory(struct km_reader *r, json_t *o, struct km_fleet_host *h)
{
	json_t *nodes;
	uint64_t bytes;
	int rc = km_read_list(r, o, "nodes", KM_FLEET_NODES_MAX, &nodes);

	if (rc)
		return rc;
	if (!nodes == !json_object_get(o, "memory_bytes"))
		return km_read_fail(r, NULL, "needs either memory_bytes or nodes");
	h->measured = nodes;
	if (nodes)
		return read_nodes(r, nodes, h);
	rc = km_read_uint(r, o, "memory_bytes", 0, KM_FLEET_MEMORY_MAX, KM_NO_DEFAULT, &bytes);
	h->nnodes = 1;
	h->free_bytes[0] = (int64_t)bytes; /* of which the guests' memory is taken off later */
	return rc;
}

static int read_rates(struct km_reader *r, json_t *o, double *up, double *down)
{
	int rc =
		km_read_number(r, o, "up_bit_per_s", 1e6, KM_FLEET_RATE_MAX * 8, KM_NO_DEFAULT, up);

	if (!rc)
		rc = km_read_number(r, o, "down_bit_per_s", 1e6, KM_FLEET_RATE_MAX * 8, *up, down);
	*up /= 8;
	*down /= 8;
	return rc;
}

static int read_host(struct km_reader *r, json_t *o, struct km_fleet_host *h)
{
	uint64_t out = 0, in = 0;
	int rc = read_memory(r, o, h);

	if (!rc)
		rc = km_read_uint(r, o, "vcpus_max", 0, 1u << 20, 0, &h->vcpus_max);
	if (!rc)
		rc = km_read_cpu(r, o, &h->cpu);
	if (!rc)
		rc = read_rates(r, o, &h->up, &h->down);
	if (!rc)
		rc = km_read_uint(r, o, "max_moves_out", 1, 64, KM_MOVES_DEFAULT, &out);
	if (!rc)
		rc = km_read_uint(r, o, "max_moves_in", 1, 64, KM_MOVES_DEFAULT, &in);
	h->max_out = (unsigned int)out;
	h->max_in = (unsigned int)in;
	return rc;
}

static int read_hosts(struct km_reader *r, json_t *list)
{
	static const char *const keys[] = {
		"name",		"memory_bytes",	  "nodes",	   "vcpus_max",	   "cpu", "labels",
		"up_bit_per_s", "down_bit_per_s", "max_moves_out", "max_moves_in", NULL
	};
	json_t *o;
	size_t i;
	int rc = 0;

	r->f->host = calloc(json_array_size(list) + 1, sizeof(*r->f->host));
	if (!r->f->host)
		return no_memory(r);
	r->f->nhosts = (uint32_t)json_array_size(list);
	json_array_foreach(list, i, o) {
		if (!rc)
			rc = km_read_enter(r, "hosts", i, o, keys, r->hosts, &r->f->host[i].name);
		if (!rc)
			rc = read_host(r, o, &r->f->host[i]);
	}
	return rc;
}

static int read_members(struct km_reader *r, json_t *o, uint16_t link)
{
	json_t *list, *name;
	uint32_t host;
	size_t i;
	int rc = km_read_list(r, o, "hosts", KM_FLEET_HOSTS_MAX, &list);

	if (!rc && !list)
		return km_read_fail(r, "hosts", "is missing");
	json_array_foreach(list, i, name) {
		struct km_fleet_host *h;

		if (rc || (rc = km_read_host_name(r, "hosts", name, &host)))
			break;
		h = &r->f->host[host];
		if (h->nlinks && h->link[h->nlinks - 1] == link)
			return km_read_fail(r, "hosts", "'%s' comes twice", h->name);
		if (h->nlinks == KM_HOST_LINKS_MAX)
			return km_read_fail(r, "hosts", "'%s' is in more than %d links", h->name,
					    KM_HOST_LINKS_MAX);
		h->link[h->nlinks++] = link;
	}
	return rc;
}

static int read_links(struct km_reader *r, json_t *list)
{
	static const char *const keys[] = { "name", "up_bit_per_s", "down_bit_per_s", "hosts",
					    NULL };
	json_t *o, *seen = json_object();
	size_t i;
	int rc = 0;

	r->f->link = calloc(json_array_size(list) + 1, sizeof(*r->f->link));
	if (!r->f->link || !seen)
		rc = no_memory(r);
	else
		r->f->nlinks = (uint32_t)json_array_size(list);
	json_array_foreach(list, i, o) {
		struct km_fleet_link *l = &r->f->link[i];

		if (!rc)
			rc = km_read_enter(r, "links", i, o, keys, seen, &l->name);
		if (!rc)
			rc = read_rates(r, o, &l->up, &l->down);
		if (!rc)
			rc = read_members(r, o, (uint16_t)i);
	}
	json_decref(seen);
	return rc;
}

static int read_drain(struct km_reader *r, json_t *list)
{
	uint32_t host;
	json_t *name;
	size_t i;
	int rc = 0;

	r->place[0] = '\0';
	json_array_foreach(list, i, name) {
		if (rc || (rc = km_read_host_name(r, "drain", name, &host)))
			break;
		if (r->f->host[host].drain)
			return km_read_fail(r, "drain", "'%s' comes twice", r->f->host[host].name);
		r->f->host[host].drain = true;
	}
	return rc;
}

static int read_lists(struct km_reader *r, json_t *root)
{
	json_t *hosts, *links, *vms, *drain;
	int rc = km_read_list(r, root, "hosts", KM_FLEET_HOSTS_MAX, &hosts);

	if (!rc)
		rc = km_read_list(r, root, "links", KM_FLEET_LINKS_MAX, &links);
	if (!rc)
		rc = km_read_list(r, root, "vms", KM_FLEET_VMS_MAX, &vms);
	if (!rc)
		rc = km_read_list(r, root, "drain", KM_FLEET_HOSTS_MAX, &drain);
	if (rc)
		return rc;
	if (!json_array_size(drain))
		return km_read_fail(r, "drain", "must name the hosts that are to be emptied");
	rc = read_hosts(r, hosts);
	if (!rc)
		rc = read_links(r, links);
	if (!rc)
		rc = read_drain(r, drain);
	if (!rc)
		rc = km_read_vms(r, vms);
	if (!rc && km_cpufit_seal(r->f->cpu))
		rc = no_memory(r);
	return rc;
}

static int read_root(struct km_reader *r, json_t *root)
{
	static const char *const keys[] = {
		"kmigrate_inventory", "max_moves", "hosts", "links", "vms", "drain", NULL
	};
	json_t *version = json_object_get(root, "kmigrate_inventory");
	uint64_t moves;
	int rc;

	if (!json_is_integer(version))
		return km_read_fail(r, NULL, "not an inventory: kmigrate_inventory is missing");
	if (json_integer_value(version) != KM_INVENTORY_VERSION)
		return km_read_fail(r, "kmigrate_inventory",
				    "version %lld is not known; this is version %d",
				    (long long)json_integer_value(version), KM_INVENTORY_VERSION);
	rc = km_read_keys(r, root, keys);
	if (!rc)
		rc = km_read_uint(r, root, "max_moves", 0, KM_FLEET_VMS_MAX, 0, &moves);
	if (rc)
		return rc;
	r->f->max_moves = (unsigned int)moves;
	return read_lists(r, root);
}

int km_inventory_parse(const char *text, size_t len, struct km_fleet **out, struct km_err *err)
{
	struct km_reader r = { .err = err,
			       .hosts = json_object(),
			       .vms = json_object(),
			       .groups = json_object(),
			       .f = calloc(1, sizeof(*r.f)) };
	json_error_t at;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
	int rc;

	if (r.f)
		r.f->cpu = km_cpufit_new();
	if (!r.f || !r.f->cpu || !r.hosts || !r.vms || !r.groups)
		rc = no_memory(&r);
	else if (!root)
		rc = km_err_set(err, -EINVAL, "line %d, column %d: %s", at.line, at.column,
				at.text);
	else
		rc = read_root(&r, root);
	json_decref(root);
	json_decref(r.hosts);
	json_decref(r.vms);
	json_decref(r.groups);
	if (rc)
		km_fleet_free(r.f);
	*out = rc ? NULL : r.f;
	return rc;
}

int km_inventory_read(const char *path, struct km_fleet **out, struct km_err *err)
{
	char *text;
	size_t len;
	int rc = km_textfile_read(path, KM_INVENTORY_MAX, &text, &len, err);

	if (!rc)
		rc = km_inventory_parse(text, len, out, err);
	free(text);
	return rc;
}
