/* SPDX-License-Identifier: GPL-2.0 */
/* The network interface towards another host: its NUMA node and its speed. */
#ifndef KM_NIC_H
#define KM_NIC_H

#include <net/if.h>
#include "../model.h"

struct km_nic {
	char name[IF_NAMESIZE];
	int node;	    /* -1 = not known, or devices of several nodes are below it */
	uint64_t bit_per_s; /* 0 = not known, as with virtual ones */
};

/* By sysfs, "/sys" or a test's own. Bridges, bonds and VLANs are what is below them. A name
 * that does not exist has neither node nor speed. */
void km_nic_read(const char *sysfs, const char *name, struct km_nic *nic);

/* The interface that the kernel would send to `host` by. No packet is sent. */
int km_nic_towards(const char *host, char name[IF_NAMESIZE], struct km_err *err);
/* Whether that is an address of this host's own. */
bool km_nic_is_here(const char *host);
/* The interface that a connected socket's own address is of; "" = of none. */
void km_nic_of_socket(int fd, char name[IF_NAMESIZE]);

#endif
