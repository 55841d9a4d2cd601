// SPDX-License-Identifier: GPL-2.0
#include "topo.h"

#include <errno.h>
#include <hwloc.h>
#include <stdlib.h>
#include <string.h>

static int by_number(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int read_nodes(struct km_topo *t, hwloc_topology_t h, struct km_err *err)
{
	for (hwloc_obj_t n = NULL; (n = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_NUMANODE, n));) {
		if (t->nnodes == KM_NODES_MAX || n->os_index >= KM_NODES_MAX)
			return km_err_set(err, -E2BIG,
					  "topology: NUMA node %u, where %d is the most",
					  n->os_index, KM_NODES_MAX - 1);
		t->node[t->nnodes++] = (int)n->os_index;
	}
	qsort(t->node, t->nnodes, sizeof(t->node[0]), by_number);
	return 0;
}

/* Of the nodes that a CPU is in, as with memory of two kinds or with a cache for memory,
 * the smallest, then the first: HBM comes behind the DRAM that the guest is in. */
static int node_of(hwloc_topology_t h, unsigned int cpu)
{
	int best = 0, best_size = INT_MAX;

	for (hwloc_obj_t n = NULL; (n = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_NUMANODE, n));) {
		int size = hwloc_bitmap_weight(n->cpuset);

		if (!hwloc_bitmap_isset(n->cpuset, cpu) || size < 0 || size > best_size ||
		    (size == best_size && (int)n->os_index > best))
			continue;
		best = (int)n->os_index;
		best_size = size;
	}
	return best;
}

static int read_cpus(struct km_topo *t, hwloc_topology_t h, struct km_err *err)
{
	int packages = hwloc_get_nbobjs_by_type(h, HWLOC_OBJ_PACKAGE);
	int cores = 0; /* that hwloc knows: without any, each CPU is one */

	for (hwloc_obj_t p = NULL; (p = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_PU, p));) {
		hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(h, HWLOC_OBJ_CORE, p);
		hwloc_obj_t pack = hwloc_get_ancestor_obj_by_type(h, HWLOC_OBJ_PACKAGE, p);
		struct km_topo_cpu *c;

		if (p->os_index >= KM_CPUS_MAX)
			return km_err_set(err, -E2BIG, "topology: CPU %u, where %d is the most",
					  p->os_index, KM_CPUS_MAX - 1);
		c = &t->cpu[p->os_index];
		km_cpus_add(&t->cpus, (int)p->os_index);
		c->core = (int)(core ? core : p)->logical_index;
		c->package = pack ? (int)pack->logical_index : 0;
		c->node = node_of(h, p->os_index);
		if (c->core >= cores)
			cores = c->core + 1;
	}
	t->ncores = (unsigned int)cores;
	t->npackages = packages > 0 ? (unsigned int)packages : 1;
	return cores ? 0 : km_err_set(err, -ENODATA, "topology: it has no CPUs");
}

static int load(struct km_topo *t, const char *synthetic, const char *xml, struct km_err *err)
{
	const char *what = synthetic ? synthetic : xml ? xml : "this machine";
	hwloc_topology_t h;
	int rc = 0;

	memset(t, 0, sizeof(*t));
	/* What it would draw on stderr about a BIOS's mistakes helps nobody here. */
	setenv("HWLOC_HIDE_ERRORS", "2", 0);
	if (hwloc_topology_init(&h))
		return km_err_set(err, -ENOMEM, "topology: out of memory");
	if (synthetic && hwloc_topology_set_synthetic(h, synthetic))
		rc = -EINVAL;
	if (xml && hwloc_topology_set_xml(h, xml))
		rc = errno ? -errno : -EINVAL;
	/* It would run on every CPU in turn to ask it who it is: also on those of vCPUs.
	 * The kernel has told already. */
	hwloc_topology_set_components(h, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
	hwloc_topology_set_flags(h, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
	if (!rc && hwloc_topology_load(h))
		rc = errno ? -errno : -EINVAL;
	if (rc)
		km_err_set(err, rc, "topology: hwloc can't load %.200s: %s", what, strerror(-rc));
	if (!rc)
		rc = read_nodes(t, h, err);
	if (!rc)
		rc = read_cpus(t, h, err);
	hwloc_topology_destroy(h);
	return rc;
}

int km_topo_load(struct km_topo *t, struct km_err *err)
{
	return load(t, NULL, NULL, err);
}

int km_topo_load_synthetic(struct km_topo *t, const char *description, struct km_err *err)
{
	return load(t, description, NULL, err);
}

int km_topo_load_xml(struct km_topo *t, const char *path, struct km_err *err)
{
	return load(t, NULL, path, err);
}

void km_topo_core(const struct km_topo *t, int core, struct km_cpus *s)
{
	memset(s, 0, sizeof(*s));
	for (int c = km_cpus_next(&t->cpus, 0); c >= 0; c = km_cpus_next(&t->cpus, c + 1))
		if (t->cpu[c].core == core)
			km_cpus_add(s, c);
}

void km_topo_node(const struct km_topo *t, int node, struct km_cpus *s)
{
	memset(s, 0, sizeof(*s));
	for (int c = km_cpus_next(&t->cpus, 0); c >= 0; c = km_cpus_next(&t->cpus, c + 1))
		if (t->cpu[c].node == node)
			km_cpus_add(s, c);
}

int km_topo_node_package(const struct km_topo *t, int node)
{
	for (int c = km_cpus_next(&t->cpus, 0); c >= 0; c = km_cpus_next(&t->cpus, c + 1))
		if (t->cpu[c].node == node)
			return t->cpu[c].package;
	return -1;
}

void km_topo_siblings(const struct km_topo *t, const struct km_cpus *of, struct km_cpus *s)
{
	bool core[KM_CPUS_MAX] = { false }; /* there are no more cores than CPUs */

	memset(s, 0, sizeof(*s));
	for (int c = km_cpus_next(of, 0); c >= 0; c = km_cpus_next(of, c + 1))
		if (km_cpus_has(&t->cpus, c))
			core[t->cpu[c].core] = true;
	for (int c = km_cpus_next(&t->cpus, 0); c >= 0; c = km_cpus_next(&t->cpus, c + 1))
		if (core[t->cpu[c].core] && !km_cpus_has(of, c))
			km_cpus_add(s, c);
}
