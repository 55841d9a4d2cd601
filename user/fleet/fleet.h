/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fleet: hosts, the links that several of them share, the guests on them, and
 * which hosts are to be emptied.  Plain data; inventory.h reads it.
 *
 * Rates are bytes a second, times seconds.  Hosts, links, guests and groups are
 * known by their index.  Bounds are such that no sum of memory overflows.
 */
#ifndef KM_FLEET_H
#define KM_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cpufit.h"

#define KM_FLEET_HOSTS_MAX  16384
#define KM_FLEET_VMS_MAX    262144
#define KM_FLEET_LINKS_MAX  4096
#define KM_FLEET_NODES_MAX  16
#define KM_FLEET_MEMORY_MAX (1ull << 44) /* of one guest, or of one node */
#define KM_FLEET_RATE_MAX   (1e13 / 8)
#define KM_HOST_LINKS_MAX   8
#define KM_VM_GROUPS_MAX    8
#define KM_DIRTY_POINTS_MAX 8

struct km_fleet_host {
	char *name;
	unsigned int nnodes;			/* at least one */
	int64_t free_bytes[KM_FLEET_NODES_MAX]; /* now; negative where overcommitted */
	int64_t ever_bytes[KM_FLEET_NODES_MAX]; /* if everything that can leave had left */
	bool measured;		      /* free_bytes were given: not from what the guests have */
	uint64_t vcpus_max;	      /* of all guests there; 0 = any number */
	uint64_t vcpus;		      /* of the guests there now */
	unsigned int cpu;	      /* class of what it offers */
	double up, down;	      /* the NIC */
	unsigned int max_out, max_in; /* moves at a time */
	unsigned int nlinks;
	uint16_t link[KM_HOST_LINKS_MAX]; /* whose inside it is in */
	bool drain;
};

/* What its hosts share on the way to all other hosts: a rack's uplink.  Between two of
 * them nothing passes it. */
struct km_fleet_link {
	char *name;
	double up, down; /* out of the group, into it */
};

/* Different bytes dirtied within a time. */
struct km_dirty_point {
	double seconds, bytes;
};

struct km_fleet_vm {
	char *name;
	uint32_t host;
	bool movable;
	uint64_t memory_bytes;
	uint64_t *by_node; /* its memory where it is, one a node; NULL = not known */
	unsigned int vcpus;
	unsigned int numa_nodes; /* that its memory is to lie on, in equal parts; 0 = any */
	unsigned int cpu;	 /* class of what it needs */
	unsigned int ngroups;
	uint32_t group[KM_VM_GROUPS_MAX]; /* no two guests of a group on one host */
	double max_pause_s;
	/* From 0 at 0 on, neither falling; on beyond the last as the last two, up to all. */
	unsigned int npoints;
	struct km_dirty_point dirty[KM_DIRTY_POINTS_MAX];
};

struct km_fleet {
	struct km_fleet_host *host;
	struct km_fleet_link *link;
	struct km_fleet_vm *vm;
	char **group; /* names */
	uint32_t nhosts, nlinks, nvms, ngroups;
	unsigned int max_moves; /* at a time in the whole fleet; 0 = any number */
	struct km_cpufit *cpu;
};

void km_fleet_free(struct km_fleet *f);

/* What comes free on a node of its host when it leaves that. */
static inline uint64_t km_fleet_leaves(const struct km_fleet *f, const struct km_fleet_vm *v,
				       unsigned int node)
{
	if (f->host[v->host].nnodes == 1)
		return v->memory_bytes;
	return v->by_node ? v->by_node[node] : 0;
}

/* The resources that a move from one host to another takes a share of. */
#define KM_PATH_MAX (2 + 2 * KM_HOST_LINKS_MAX)
struct km_path {
	unsigned int n;
	uint32_t r[KM_PATH_MAX];
	double bound; /* the slowest alone */
};
/* [0]: the source's NIC, [1]: the destination's, then links. */
void km_fleet_path(const struct km_fleet *f, uint32_t from, uint32_t to, struct km_path *p);
uint32_t km_fleet_resources(const struct km_fleet *f);
double km_fleet_rate(const struct km_fleet *f, uint32_t resource);

static inline uint32_t km_resource_up(uint32_t host)
{
	return 2 * host;
}
static inline uint32_t km_resource_down(uint32_t host)
{
	return 2 * host + 1;
}

#endif
