/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which CPUs share a core, a package, a NUMA node. hwloc finds it out; what is
 * left of it is plain data, so that whoever decides by it can be tested with
 * machines that nobody has at hand.
 */
#ifndef KM_TOPO_H
#define KM_TOPO_H

#include "../model.h"
#include "cpus.h"

#define KM_NODES_MAX 1024 /* CONFIG_NODES_SHIFT is at most 10: numbers are below it */

struct km_topo_cpu {
	int core;    /* any numbers that tell cores apart: the kernel's repeat by package */
	int package; /* likewise */
	int node;    /* the kernel's number */
};

struct km_topo {
	struct km_cpus cpus; /* that are online; cpu[] holds nothing for the others */
	unsigned int ncores, npackages;
	unsigned int nnodes;
	int node[KM_NODES_MAX]; /* the kernel's numbers, ascending; some may have no CPUs */
	struct km_topo_cpu cpu[KM_CPUS_MAX];
};

/* This machine, with CPUs that our cgroup keeps us from. */
int km_topo_load(struct km_topo *t, struct km_err *err);
/* hwloc's words for a machine: "pack:2 [numa] core:8 pu:2".  Name a node: to add one by
 * itself hwloc 2.9 uses memcpy() on memory that overlaps, which valgrind sees. */
int km_topo_load_synthetic(struct km_topo *t, const char *description, struct km_err *err);
/* A file that `lstopo FILE.xml` has written. */
int km_topo_load_xml(struct km_topo *t, const char *path, struct km_err *err);

/* All of the core, node that the number is of. */
void km_topo_core(const struct km_topo *t, int core, struct km_cpus *s);
void km_topo_node(const struct km_topo *t, int node, struct km_cpus *s);
/* -1 for a node without CPUs. */
int km_topo_node_package(const struct km_topo *t, int node);
/* The CPUs in the same core as one of `of`, and not in it. */
void km_topo_siblings(const struct km_topo *t, const struct km_cpus *of, struct km_cpus *s);

#endif
