/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_REPLY_H
#define KM_REPLY_H

#include <net/genetlink.h>
#include <linux/kmigrate.h>

struct km_session;
struct kvm;

/* An answer that is being written. */
struct km_reply {
	struct sk_buff *msg;
	void *hdr;
};

extern const struct nla_policy km_reply_extent_policy[KMIGRATE_A_EXTENT_MAX + 1];

int km_reply_start(struct km_reply *reply, struct genl_info *info, size_t size);
int km_reply_send(struct km_reply *reply, struct genl_info *info, int err);

int km_reply_vm(struct sk_buff *skb, struct genl_info *info);
int km_reply_counts(struct sk_buff *skb, struct genl_info *info);
int km_reply_test(struct sk_buff *skb, struct genl_info *info);

struct km_session *km_reply_enter(struct sock *sk, u32 id, struct kvm **kvm,
				  struct netlink_ext_ack *extack);
void km_reply_leave(struct km_session *session);
enum kmigrate_logging km_reply_logging(bool logging, bool ours);

struct km_pml_counts;
int km_reply_put_pml(struct sk_buff *msg, const struct km_pml_counts *counts, int first, int pad);

#endif /* KM_REPLY_H */
