/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_REPLY_HOLD_H
#define KM_REPLY_HOLD_H

#include <net/genetlink.h>

int km_reply_hold_start(struct sk_buff *skb, struct genl_info *info);
int km_reply_hold_stop(struct sk_buff *skb, struct genl_info *info);
int km_dump_holds(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* KM_REPLY_HOLD_H */
