/* SPDX-License-Identifier: GPL-2.0 */
/* The NUMA nodes that a guest's memory is in, by a sample of its pages: numa_maps would
 * walk all its page tables, which takes seconds for a large guest. */
#ifndef KM_MEMNODE_H
#define KM_MEMNODE_H

#include "../ctl/proc.h"
#include "../place/choose.h"
#include "../place/pinmap.h"

#define KM_MEM_SAMPLE 4096 /* pages: a share is right within 2 % */

/* Addresses spread evenly over what looks like guest RAM: mappings that can be written and
 * have a sixteenth of the largest one's size at least. Returns how many, max at most. */
size_t km_memnode_sample(const struct km_map *maps, size_t n, uint64_t *addr, size_t max);
/* What move_pages(2) said of them, most first; mem holds KM_NODES_MAX. Returns how many. */
unsigned int km_memnode_count(const int *status, size_t n, struct km_place_mem *mem);
/* -ENODATA: no page that was asked for is there yet. */
int km_memnode_read(pid_t pid, struct km_place_mem *mem, unsigned int *n, struct km_err *err);
/* Where the vCPUs are that are confined to one node each, as shares of all of those; mem holds
 * KM_NODES_MAX. Returns how many nodes, 0 when no vCPU is. */
unsigned int km_memnode_by_vcpus(const struct km_topo *t, const struct km_pin *pins, unsigned int n,
				 struct km_place_mem *mem);

#endif
