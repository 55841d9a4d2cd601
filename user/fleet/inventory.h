/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fleet in JSON, version 1.  Foreign bytes: every value is checked, a key that
 * is not known is refused (a misspelt constraint would be none), and the first
 * thing that is wrong is told with its place.
 *
 *  {
 *    "kmigrate_inventory": 1,
 *    "max_moves": 0,                    at a time in the fleet; 0, the default: any number
 *    "hosts": [ {
 *      "name": "r1h1",
 *      "memory_bytes": 274877906944,    for guests; what the guests there leave is free.  Or:
 *      "nodes": [ { "free_bytes": 68719476736 }, ... ],   free now, by NUMA node
 *      "vcpus_max": 256,                of all guests there, so overcommitment counts in;
 *                                       0, the default: any number
 *      "cpu": { "level": "x86-64-v3", "vendor": "intel", "features": [ "avx512f" ] },
 *      "labels": [ "ssd" ],
 *      "up_bit_per_s": 25000000000,     the NIC, out and in; in is as out by default
 *      "down_bit_per_s": 25000000000,
 *      "max_moves_out": 2,              at a time; 2 by default
 *      "max_moves_in": 2
 *    } ],
 *    "links": [ {                       what these hosts share on the way to all others
 *      "name": "rack 1", "up_bit_per_s": 100000000000, "down_bit_per_s": 100000000000,
 *      "hosts": [ "r1h1" ]
 *    } ],
 *    "vms": [ {
 *      "name": "web1", "host": "r1h1", "memory_bytes": 8589934592, "vcpus": 4,
 *      "movable": true,                 the default
 *      "numa_nodes": 1,                 its memory is to lie on so many nodes, in equal parts;
 *                                       0, the default: anywhere
 *      "memory_by_node": [ 8589934592, 0 ],   where it lies now, if that is known
 *      "cpu": { },                      what it needs, as above
 *      "labels": [ ],
 *      "anti_affinity": [ "web" ],      not on a host with another guest of such a group
 *      "max_pause_ms": 300,             the default
 *      "dirty": { "bytes_per_s": 20000000, "working_set_bytes": 500000000 }   or, as
 *      "dirty": [ { "ms": 100, "bytes": 2000000 }, ... ]   `kmigrate dirty` tells it
 *    } ],
 *    "drain": [ "r1h1" ]
 *  }
 *
 * What a guest leaves behind on a host with nodes is only known to be free there if
 * memory_by_node says so, or there is one node.
 */
#ifndef KM_INVENTORY_H
#define KM_INVENTORY_H

#include <stddef.h>
#include "../model.h"
#include "fleet.h"

#define KM_INVENTORY_VERSION 1
#define KM_INVENTORY_MAX     (1ull << 30) /* bytes of text */
#define KM_MOVES_DEFAULT     2
#define KM_PAUSE_DEFAULT_MS  300 /* QEMU's downtime-limit */

/* -EINVAL with the place, -ENOMEM. Free it with km_fleet_free(). */
int km_inventory_parse(const char *text, size_t len, struct km_fleet **out, struct km_err *err);
/* "-" is standard input. And any errno that reading ends with. */
int km_inventory_read(const char *path, struct km_fleet **out, struct km_err *err);

#endif
