/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_DUMP_H
#define KM_DUMP_H

struct netlink_callback;
struct sk_buff;

int km_dump_start(struct netlink_callback *cb);
int km_dump_slots(struct sk_buff *skb, struct netlink_callback *cb);
int km_dump_vcpus(struct sk_buff *skb, struct netlink_callback *cb);
int km_dump_extents(struct sk_buff *skb, struct netlink_callback *cb);
int km_dump_regions(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* KM_DUMP_H */
