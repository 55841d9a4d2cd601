/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_REPLY_TRACK_H
#define KM_REPLY_TRACK_H

struct genl_info;
struct netlink_callback;
struct sk_buff;

int km_reply_track_start(struct sk_buff *skb, struct genl_info *info);
int km_reply_track_stop(struct sk_buff *skb, struct genl_info *info);
int km_reply_track(struct sk_buff *skb, struct genl_info *info);
int km_reply_harvest(struct sk_buff *skb, struct genl_info *info);
int km_reply_windows(struct sk_buff *skb, struct genl_info *info);

#endif /* KM_REPLY_TRACK_H */
