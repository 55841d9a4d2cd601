// SPDX-License-Identifier: GPL-2.0
/* Answers to commands about the tracking of a VM. The caller's rights have been checked. */
#include <linux/err.h>
#include <linux/kvm_host.h>

#include "compat/compat.h"
#include "reply.h"
#include "reply_track.h"
#include "session.h"
#include "track.h"
#include "vm.h"

/* What a command does with its session; @msg is NULL if it only acknowledges. */
typedef int (*answer_fn)(struct km_session *session, struct kvm *kvm, struct sk_buff *msg,
			 struct genl_info *info);

static int with_session(struct sk_buff *skb, struct genl_info *info, struct sk_buff *msg,
			answer_fn fn)
{
	struct km_session *session;
	struct kvm *kvm;
	int err;

	session = km_reply_enter(NETLINK_CB(skb).sk,
				 nla_get_u32(info->attrs[KMIGRATE_A_SESSION]), &kvm,
				 info->extack);
	if (IS_ERR(session))
		return PTR_ERR(session);
	err = fn(session, kvm, msg, info);
	km_reply_leave(session);
	return err;
}

static int answer(struct sk_buff *skb, struct genl_info *info, answer_fn fn)
{
	struct km_reply reply;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KMIGRATE_A_SESSION))
		return -EINVAL;
	err = km_reply_start(&reply, info, GENLMSG_DEFAULT_SIZE);
	if (err)
		return err;
	return km_reply_send(&reply, info, with_session(skb, info, reply.msg, fn));
}

static int acknowledge(struct sk_buff *skb, struct genl_info *info, answer_fn fn)
{
	if (GENL_REQ_ATTR_CHECK(info, KMIGRATE_A_SESSION))
		return -EINVAL;
	return with_session(skb, info, NULL, fn);
}

static int start(struct km_session *session, struct kvm *kvm, struct sk_buff *msg,
		 struct genl_info *info)
{
	struct nlattr *interval = info->attrs[KMIGRATE_A_INTERVAL_MS];
	struct km_track_ask ask = {
		.drive = info->attrs[KMIGRATE_A_DRIVE],
		.interval_ms = interval ? nla_get_u32(interval) : 0,
	};
	int err;

	if (ask.drive && !KM_COMPAT_CAN_DRIVE) {
		NL_SET_ERR_MSG(info->extack, "dirty logging can't be switched on this kernel");
		return -EOPNOTSUPP;
	}
	if (ask.drive && kvm->dirty_ring_size) {
		NL_SET_ERR_MSG(info->extack, "the VM has a dirty ring, no bitmap");
		return -EOPNOTSUPP;
	}
	err = km_track_start(session->vm, session, &ask);
	if (err == -EBUSY)
		NL_SET_ERR_MSG(info->extack, "another session tracks this VM");
	return err;
}

int km_reply_track_start(struct sk_buff *skb, struct genl_info *info)
{
	return acknowledge(skb, info, start);
}

static int stop(struct km_session *session, struct kvm *kvm, struct sk_buff *msg,
		struct genl_info *info)
{
	int err = km_track_stop(session->vm, session);

	if (err)
		NL_SET_ERR_MSG(info->extack, "this session tracks nothing");
	return err;
}

int km_reply_track_stop(struct sk_buff *skb, struct genl_info *info)
{
	return acknowledge(skb, info, stop);
}

static int put_track(struct km_session *session, struct kvm *kvm, struct sk_buff *msg,
		     struct genl_info *info)
{
	struct km_track_status status;

	km_track_status(session->vm, &status);
	if (nla_put_u32(msg, KMIGRATE_A_SESSION, session->id) ||
	    nla_put_u32(msg, KMIGRATE_A_TRACK, status.state) ||
	    (status.error && nla_put_u32(msg, KMIGRATE_A_TRACK_ERROR, -status.error)) ||
	    (status.drive && nla_put_flag(msg, KMIGRATE_A_DRIVE)) ||
	    nla_put_u32(msg, KMIGRATE_A_INTERVAL_MS, status.interval_ms) ||
	    nla_put_u64_64bit(msg, KMIGRATE_A_TRACK_BYTES, km_track_bytes(session->vm),
			      KMIGRATE_A_PAD) ||
	    nla_put_u64_64bit(msg, KMIGRATE_A_MISSED, km_track_missed(session->vm),
			      KMIGRATE_A_PAD) ||
	    nla_put_u32(msg, KMIGRATE_A_NR_HARVESTS, status.done) ||
	    nla_put_u32(msg, KMIGRATE_A_OVERRUNS, status.overruns) ||
	    nla_put_u32(msg, KMIGRATE_A_HARVEST, status.kept) ||
	    nla_put_u64_64bit(msg, KMIGRATE_A_HARVEST_PAGES, status.pages, KMIGRATE_A_PAD) ||
	    nla_put_u64_64bit(msg, KMIGRATE_A_HARVEST_NS, status.harvest_ns, KMIGRATE_A_PAD) ||
	    nla_put_u64_64bit(msg, KMIGRATE_A_HARVEST_SUM_NS, status.harvest_sum_ns,
			      KMIGRATE_A_PAD))
		return -EMSGSIZE;
	return 0;
}

int km_reply_track(struct sk_buff *skb, struct genl_info *info)
{
	return answer(skb, info, put_track);
}

static int put_harvest(struct km_session *session, struct kvm *kvm, struct sk_buff *msg,
		       struct genl_info *info)
{
	u32 nr;
	int err = km_track_harvest(session->vm, session, &nr);

	if (err == -ENOENT)
		NL_SET_ERR_MSG(info->extack, "this session does not drive the VM's log");
	else if (err == -ECANCELED)
		NL_SET_ERR_MSG(info->extack, "the VMM logs by itself now");
	if (err)
		return err;
	return nla_put_u32(msg, KMIGRATE_A_SESSION, session->id) ||
	       nla_put_u32(msg, KMIGRATE_A_HARVEST, nr) ? -EMSGSIZE : 0;
}

int km_reply_harvest(struct sk_buff *skb, struct genl_info *info)
{
	return answer(skb, info, put_harvest);
}

static int put_window(struct sk_buff *msg, const struct km_track_window *window)
{
	struct nlattr *nest = nla_nest_start(msg, KMIGRATE_A_WINDOW);

	if (!nest || nla_put_u32(msg, KMIGRATE_A_WINDOW_MS, window->ms) ||
	    nla_put_u64_64bit(msg, KMIGRATE_A_WINDOW_UNIQUE, window->unique,
			      KMIGRATE_A_WINDOW_PAD))
		return -EMSGSIZE;
	if (window->ns &&
	    (nla_put_u64_64bit(msg, KMIGRATE_A_WINDOW_NS, window->ns, KMIGRATE_A_WINDOW_PAD) ||
	     nla_put_u64_64bit(msg, KMIGRATE_A_WINDOW_PAGES, window->pages,
			       KMIGRATE_A_WINDOW_PAD)))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int put_windows(struct km_session *session, struct kvm *kvm, struct sk_buff *msg,
		       struct genl_info *info)
{
	struct km_track_window windows[KM_HEAT_WINDOWS];
	unsigned int i;

	if (nla_put_u32(msg, KMIGRATE_A_SESSION, session->id))
		return -EMSGSIZE;
	km_track_windows(session->vm, windows);
	for (i = 0; i < ARRAY_SIZE(windows); i++)
		if (put_window(msg, &windows[i]))
			return -EMSGSIZE;
	return 0;
}

int km_reply_windows(struct sk_buff *skb, struct genl_info *info)
{
	return answer(skb, info, put_windows);
}
