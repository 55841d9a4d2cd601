// SPDX-License-Identifier: GPL-2.0
/* 7288dd2fd488 ("genetlink: use attrs from struct genl_info"), 6.6 */
#include <net/genetlink.h>

struct nlattr **probe(struct netlink_callback *cb);
struct nlattr **probe(struct netlink_callback *cb)
{
	return genl_info_dump(cb)->attrs;
}
