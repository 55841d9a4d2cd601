/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_NETLINK_H
#define KM_NETLINK_H

#include <net/genetlink.h>

extern struct genl_family km_netlink_family;

int km_netlink_init(void);
void km_netlink_fini(void);

#endif /* KM_NETLINK_H */
