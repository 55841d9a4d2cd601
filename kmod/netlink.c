// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: who may send what, and the commands about sessions.
 * reply.c and dump.c answer those about a VM, reply_hold.c those about holds.
 * linux/kmigrate.h documents all of them.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/kmigrate.h>

#include "compat/compat.h"
#include "dump.h"
#include "hold.h"
#include "mech.h"
#include "netlink.h"
#include "reply.h"
#include "reply_hold.h"
#include "reply_track.h"
#include "session.h"
#include "version.h"

static const struct nla_policy attach_policy[KMIGRATE_A_VM_FD + 1] = {
	[KMIGRATE_A_VM_FD]	= NLA_POLICY_MIN(NLA_S32, 0),
};

static const struct nla_policy session_policy[KMIGRATE_A_SESSION + 1] = {
	[KMIGRATE_A_SESSION]	= { .type = NLA_U32 },
};

static const struct nla_policy test_policy[KMIGRATE_A_EXTENT + 1] = {
	[KMIGRATE_A_SESSION]	= { .type = NLA_U32 },
	[KMIGRATE_A_EXTENT]	= NLA_POLICY_NESTED(km_reply_extent_policy),
};

/* NLA_POLICY_RANGE() has 16 bits with a sign for each end. Not const before 6.7. */
static struct netlink_range_validation interval_range = {
	.min = 10,
	.max = 60000,
};

static const struct nla_policy start_policy[KMIGRATE_A_INTERVAL_MS + 1] = {
	[KMIGRATE_A_SESSION]	= { .type = NLA_U32 },
	[KMIGRATE_A_DRIVE]	= { .type = NLA_FLAG },
	[KMIGRATE_A_INTERVAL_MS] = NLA_POLICY_FULL_RANGE(NLA_U32, &interval_range),
};

/* cpufreq's frequencies are signed, some of the time. */
static struct netlink_range_validation floor_range = {
	.max = S32_MAX,
};

static struct netlink_range_validation latency_range = {
	.max = KMIGRATE_MAX_LATENCY_US,
};

static const struct nla_policy hold_start_policy[KMIGRATE_A_KEEP_GOVERNOR + 1] = {
	[KMIGRATE_A_CPUS]	= NLA_POLICY_RANGE(NLA_BINARY, 1, KMIGRATE_MAX_CPUS / 8),
	[KMIGRATE_A_FLOOR_KHZ]	= NLA_POLICY_FULL_RANGE(NLA_U32, &floor_range),
	[KMIGRATE_A_LATENCY_US]	= NLA_POLICY_FULL_RANGE(NLA_U32, &latency_range),
	[KMIGRATE_A_KEEP_GOVERNOR] = { .type = NLA_FLAG },
};

static const struct nla_policy hold_stop_policy[KMIGRATE_A_HOLD + 1] = {
	[KMIGRATE_A_HOLD]	= { .type = NLA_U32 },
};

/* GENL_ADMIN_PERM, which all commands have, asks for CAP_NET_ADMIN only. */
static int check_caller(struct sk_buff *skb)
{
	return netlink_capable(skb, CAP_SYS_ADMIN) ? 0 : -EPERM;
}

static int put_param(struct sk_buff *msg, const struct km_mech_param *param)
{
	struct nlattr *nest = nla_nest_start(msg, KMIGRATE_A_PARAM);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_string(msg, KMIGRATE_A_PARAM_NAME, param->name) ||
	    nla_put_u32(msg, KMIGRATE_A_PARAM_VALUE, param->value))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int put_info(struct sk_buff *msg)
{
	u32 features = KMIGRATE_FEATURES_COUNT | KMIGRATE_FEATURES_TEST |
		       KMIGRATE_FEATURES_TRACK | KMIGRATE_FEATURES_EVENT |
		       KMIGRATE_FEATURES_HOLD;
	struct km_mech mech;
	unsigned int i;

	if (KM_COMPAT_KNOWS_VCPU)
		features |= KMIGRATE_FEATURES_VCPU_COUNT;
	if (KM_COMPAT_CAN_DRIVE)
		features |= KMIGRATE_FEATURES_DRIVE;

	km_mech_get(&mech);
	if (nla_put_u32(msg, KMIGRATE_A_ABI_VERSION, KMIGRATE_ABI_VERSION) ||
	    nla_put_string(msg, KMIGRATE_A_MODULE_VERSION, KM_VERSION) ||
	    nla_put_u32(msg, KMIGRATE_A_FEATURES, features) ||
	    (mech.vendor && nla_put_string(msg, KMIGRATE_A_VENDOR, mech.vendor)) ||
	    nla_put_u32(msg, KMIGRATE_A_MECHANISM, mech.mechanism) ||
	    nla_put_u32(msg, KMIGRATE_A_NR_SESSIONS, km_session_count()) ||
	    nla_put_u32(msg, KMIGRATE_A_MAX_SESSIONS, KMIGRATE_MAX_SESSIONS) ||
	    nla_put_u32(msg, KMIGRATE_A_MAX_TEST_EXTENTS,
			KMIGRATE_MAX_TEST_EXTENTS) ||
	    nla_put_u32(msg, KMIGRATE_A_MAX_TEST_PAGES, KMIGRATE_MAX_TEST_PAGES) ||
	    nla_put_u32(msg, KMIGRATE_A_NR_HOLDS, km_hold_count()) ||
	    nla_put_u32(msg, KMIGRATE_A_MAX_HOLDS, KMIGRATE_MAX_HOLDS))
		return -EMSGSIZE;

	for (i = 0; i < mech.nr_params; i++)
		if (put_param(msg, &mech.params[i]))
			return -EMSGSIZE;
	return 0;
}

static int info_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct km_reply reply;
	int err;

	err = check_caller(skb);
	if (err)
		return err;
	err = km_reply_start(&reply, info, GENLMSG_DEFAULT_SIZE);
	if (err)
		return err;
	return km_reply_send(&reply, info, put_info(reply.msg));
}

static int attach_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sock *sk = NETLINK_CB(skb).sk;
	struct km_reply reply;
	bool opened = false;
	u32 id;
	int err;

	err = check_caller(skb);
	if (err)
		return err;
	if (GENL_REQ_ATTR_CHECK(info, KMIGRATE_A_VM_FD))
		return -EINVAL;

	err = km_reply_start(&reply, info, GENLMSG_DEFAULT_SIZE);
	if (err)
		return err;

	/* This is the sender's context: what it calls its fd is ours, too. */
	err = km_session_open(sk, nla_get_s32(info->attrs[KMIGRATE_A_VM_FD]), &id);
	switch (err) {
	case 0:
		opened = true;
		err = nla_put_u32(reply.msg, KMIGRATE_A_SESSION, id);
		break;
	case -EINVAL:
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KMIGRATE_A_VM_FD],
				    "not a KVM VM");
		break;
	case -ESRCH:
		NL_SET_ERR_MSG(info->extack, "the VM is gone");
		break;
	case -ENOSPC:
		NL_SET_ERR_MSG(info->extack, "too many sessions");
		break;
	}
	err = km_reply_send(&reply, info, err);
	/* Nobody would know its id: the receive buffer is full. */
	if (err && opened)
		km_session_close(sk, id);
	return err;
}

static int detach_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err;

	err = check_caller(skb);
	if (err)
		return err;
	if (GENL_REQ_ATTR_CHECK(info, KMIGRATE_A_SESSION))
		return -EINVAL;
	err = km_session_close(NETLINK_CB(skb).sk,
			       nla_get_u32(info->attrs[KMIGRATE_A_SESSION]));
	if (err)
		NL_SET_ERR_MSG(info->extack, "no such session of this socket");
	return err;
}

static int vm_doit(struct sk_buff *skb, struct genl_info *info)
{
	return check_caller(skb) ?: km_reply_vm(skb, info);
}

static int counts_doit(struct sk_buff *skb, struct genl_info *info)
{
	return check_caller(skb) ?: km_reply_counts(skb, info);
}

static int test_doit(struct sk_buff *skb, struct genl_info *info)
{
	return check_caller(skb) ?: km_reply_test(skb, info);
}

static int track_start_doit(struct sk_buff *skb, struct genl_info *info)
{
	return check_caller(skb) ?: km_reply_track_start(skb, info);
}

static int track_stop_doit(struct sk_buff *skb, struct genl_info *info)
{
	return check_caller(skb) ?: km_reply_track_stop(skb, info);
}

static int track_doit(struct sk_buff *skb, struct genl_info *info)
{
	return check_caller(skb) ?: km_reply_track(skb, info);
}

static int harvest_doit(struct sk_buff *skb, struct genl_info *info)
{
	return check_caller(skb) ?: km_reply_harvest(skb, info);
}

static int windows_doit(struct sk_buff *skb, struct genl_info *info)
{
	return check_caller(skb) ?: km_reply_windows(skb, info);
}

static int hold_start_doit(struct sk_buff *skb, struct genl_info *info)
{
	return check_caller(skb) ?: km_reply_hold_start(skb, info);
}

static int hold_stop_doit(struct sk_buff *skb, struct genl_info *info)
{
	return check_caller(skb) ?: km_reply_hold_stop(skb, info);
}

static int hold_dump_start(struct netlink_callback *cb)
{
	return check_caller(cb->skb);
}

static int dump_start(struct netlink_callback *cb)
{
	return check_caller(cb->skb) ?: km_dump_start(cb);
}

#define COMMAND(command, attrs)						\
	.cmd = (command), .flags = GENL_ADMIN_PERM,			\
	.policy = (attrs), .maxattr = ARRAY_SIZE(attrs) - 1

static const struct genl_ops ops[] = {
	{
		/* Without a policy every attribute is rejected. */
		.cmd = KMIGRATE_CMD_INFO,
		.flags = GENL_ADMIN_PERM,
		.doit = info_doit,
	}, {
		COMMAND(KMIGRATE_CMD_VM_ATTACH, attach_policy),
		.doit = attach_doit,
	}, {
		COMMAND(KMIGRATE_CMD_VM_DETACH, session_policy),
		.doit = detach_doit,
	}, {
		COMMAND(KMIGRATE_CMD_VM_GET, session_policy),
		.doit = vm_doit,
	}, {
		COMMAND(KMIGRATE_CMD_SLOT_GET, session_policy),
		.start = dump_start,
		.dumpit = km_dump_slots,
	}, {
		COMMAND(KMIGRATE_CMD_VCPU_GET, session_policy),
		.start = dump_start,
		.dumpit = km_dump_vcpus,
	}, {
		COMMAND(KMIGRATE_CMD_COUNTS_GET, session_policy),
		.doit = counts_doit,
	}, {
		COMMAND(KMIGRATE_CMD_TEST, test_policy),
		.doit = test_doit,
	}, {
		COMMAND(KMIGRATE_CMD_TRACK_START, start_policy),
		.doit = track_start_doit,
	}, {
		COMMAND(KMIGRATE_CMD_TRACK_STOP, session_policy),
		.doit = track_stop_doit,
	}, {
		COMMAND(KMIGRATE_CMD_TRACK_GET, session_policy),
		.doit = track_doit,
	}, {
		COMMAND(KMIGRATE_CMD_HARVEST, session_policy),
		.doit = harvest_doit,
	}, {
		COMMAND(KMIGRATE_CMD_EXTENT_GET, session_policy),
		.start = dump_start,
		.dumpit = km_dump_extents,
	}, {
		COMMAND(KMIGRATE_CMD_WINDOW_GET, session_policy),
		.doit = windows_doit,
	}, {
		COMMAND(KMIGRATE_CMD_REGION_GET, session_policy),
		.start = dump_start,
		.dumpit = km_dump_regions,
	}, {
		COMMAND(KMIGRATE_CMD_HOLD_START, hold_start_policy),
		.doit = hold_start_doit,
	}, {
		COMMAND(KMIGRATE_CMD_HOLD_STOP, hold_stop_policy),
		.doit = hold_stop_doit,
	}, {
		.cmd = KMIGRATE_CMD_HOLD_GET,
		.flags = GENL_ADMIN_PERM,
		.start = hold_dump_start,
		.dumpit = km_dump_holds,
	},
};

/* As for commands: who may not ask may not listen. */
static const struct genl_multicast_group groups[] = {
	{
		.name = KMIGRATE_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN | GENL_MCAST_CAP_SYS_ADMIN,
	},
};

/*
 * Not in other network namespaces (.netnsok), as authority is over the host.
 * .parallel_ops: else each command would hold up all of generic netlink.
 */
struct genl_family km_netlink_family __ro_after_init = {
	.name		= KMIGRATE_FAMILY_NAME,
	.version	= KMIGRATE_FAMILY_VERSION,
	.module		= THIS_MODULE,
	.parallel_ops	= true,
	.ops		= ops,
	.n_ops		= ARRAY_SIZE(ops),
	.mcgrps		= groups,
	.n_mcgrps	= ARRAY_SIZE(groups),
};

int __init km_netlink_init(void)
{
	return genl_register_family(&km_netlink_family);
}

void km_netlink_fini(void)
{
	genl_unregister_family(&km_netlink_family);
}
