// SPDX-License-Identifier: GPL-2.0
/* An extended ack may hold a formatted sentence since 6.2. */
#include <linux/netlink.h>

void probe(struct netlink_ext_ack *extack, unsigned int cpu);
void probe(struct netlink_ext_ack *extack, unsigned int cpu)
{
	NL_SET_ERR_MSG_FMT(extack, "CPU %u", cpu);
}
