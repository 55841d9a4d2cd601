// SPDX-License-Identifier: GPL-2.0
/* Answers to commands about performance holds. The caller's rights have been checked. */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/kmigrate.h>

#include "compat/compat.h"
#include "hold.h"
#include "hold_cpu.h"
#include "hold_policy.h"
#include "netlink.h"
#include "reply.h"
#include "reply_hold.h"

#define DEFAULT_LATENCY_US	2

/* Its bits go by bytes, whatever the order of bytes in a word is. */
static int parse_cpus(struct cpumask *cpus, struct nlattr *attr, struct netlink_ext_ack *extack)
{
	const u8 *bytes = nla_data(attr);
	unsigned int cpu, nr = nla_len(attr) * 8;

	for (cpu = 0; cpu < nr; cpu++) {
		if (!(bytes[cpu / 8] & (1 << cpu % 8)))
			continue;
		if (cpu >= nr_cpu_ids || !cpu_present(cpu)) {
			KM_COMPAT_ERR_CPU(extack, cpu, "does not exist");
			return -ENODEV;
		}
		if (!cpu_online(cpu)) {
			KM_COMPAT_ERR_CPU(extack, cpu, "is offline");
			return -ENXIO;
		}
		cpumask_set_cpu(cpu, cpus);
	}
	if (cpumask_empty(cpus)) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "no CPU in the list");
		return -EINVAL;
	}
	return 0;
}

static int check_floor(const struct km_hold_ask *ask, struct netlink_ext_ack *extack)
{
	unsigned int cpu;

	for_each_cpu(cpu, ask->cpus) {
		switch (km_hold_policy_check(cpu, ask->floor_khz)) {
		case -ENODEV:
			KM_COMPAT_ERR_CPU(extack, cpu, "has no cpufreq driver, no floor");
			return -EOPNOTSUPP;
		case -ERANGE:
			KM_COMPAT_ERR_CPU(extack, cpu, "never is as fast as the floor");
			return -ERANGE;
		}
	}
	return 0;
}

/* @ask->cpus is the caller's. */
static int parse(struct km_hold_ask *ask, struct genl_info *info)
{
	struct nlattr *floor = info->attrs[KMIGRATE_A_FLOOR_KHZ];
	struct nlattr *latency = info->attrs[KMIGRATE_A_LATENCY_US];
	int err;

	err = parse_cpus(ask->cpus, info->attrs[KMIGRATE_A_CPUS], info->extack);
	if (err)
		return err;
	ask->floor_khz = floor ? nla_get_u32(floor) : KM_HOLD_TOP_FLOOR;
	ask->latency_us = latency ? nla_get_u32(latency) : DEFAULT_LATENCY_US;
	ask->keep_governor = info->attrs[KMIGRATE_A_KEEP_GOVERNOR];
	if (!floor || !ask->floor_khz)
		return 0;
	return check_floor(ask, info->extack);
}

static int start(struct sk_buff *skb, struct genl_info *info, struct km_reply *reply, u32 *id)
{
	struct km_hold_ask ask = {};
	u32 shortfall = 0;
	int err;

	if (!zalloc_cpumask_var(&ask.cpus, GFP_KERNEL))
		return -ENOMEM;
	err = parse(&ask, info);
	if (!err)
		err = km_hold_start(NETLINK_CB(skb).sk, info->snd_portid, &ask, id, &shortfall);
	if (err == -ENOSPC)
		NL_SET_ERR_MSG(info->extack, "too many holds");
	if (!err && (nla_put_u32(reply->msg, KMIGRATE_A_HOLD, *id) ||
		     nla_put_u32(reply->msg, KMIGRATE_A_SHORTFALL, shortfall)))
		err = -EMSGSIZE;
	free_cpumask_var(ask.cpus);
	return err;
}

int km_reply_hold_start(struct sk_buff *skb, struct genl_info *info)
{
	struct km_reply reply;
	u32 id = 0;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KMIGRATE_A_CPUS))
		return -EINVAL;
	err = km_reply_start(&reply, info, GENLMSG_DEFAULT_SIZE);
	if (err)
		return err;
	err = km_reply_send(&reply, info, start(skb, info, &reply, &id));
	/* Nobody would know its number: the receive buffer is full. */
	if (err && id)
		km_hold_stop(NETLINK_CB(skb).sk, id);
	return err;
}

int km_reply_hold_stop(struct sk_buff *skb, struct genl_info *info)
{
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KMIGRATE_A_HOLD))
		return -EINVAL;
	err = km_hold_stop(NETLINK_CB(skb).sk, nla_get_u32(info->attrs[KMIGRATE_A_HOLD]));
	if (err)
		NL_SET_ERR_MSG(info->extack, "no such hold of this socket");
	return err;
}

/* In netlink_callback::ctx: holds, then policies, then CPUs. */
struct dump {
	u32 hold, policy, cpu;		/* the next ones */
};

struct part {
	struct sk_buff *skb;
	struct netlink_callback *cb;
};

static void *start_message(struct part *part)
{
	return genlmsg_put(part->skb, NETLINK_CB(part->cb->skb).portid,
			   part->cb->nlh->nlmsg_seq, &km_netlink_family, NLM_F_MULTI,
			   KMIGRATE_CMD_HOLD_GET);
}

static int end_message(struct part *part, void *hdr, int err)
{
	if (err) {
		genlmsg_cancel(part->skb, hdr);
		return err;
	}
	genl_dump_check_consistent(part->cb, hdr);
	genlmsg_end(part->skb, hdr);
	return 0;
}

static int put_cpus(struct sk_buff *skb, int type, const struct cpumask *cpus)
{
	unsigned int cpu, length = DIV_ROUND_UP(cpumask_last(cpus) + 1, 8);
	struct nlattr *attr = nla_reserve(skb, type, length);
	u8 *bytes;

	if (!attr)
		return -EMSGSIZE;
	bytes = nla_data(attr);
	memset(bytes, 0, length);
	for_each_cpu(cpu, cpus)
		if (cpu / 8 < length)
			bytes[cpu / 8] |= 1 << cpu % 8;
	return 0;
}

static int put_hold(struct sk_buff *skb, const struct km_hold_view *view)
{
	const struct km_hold_ask *ask = view->ask;

	if (nla_put_u32(skb, KMIGRATE_A_HOLD, view->id) ||
	    (view->pid && nla_put_u32(skb, KMIGRATE_A_OWNER_PID, view->pid)) ||
	    (view->port && nla_put_u32(skb, KMIGRATE_A_OWNER_PORT, view->port)) ||
	    nla_put_u64_64bit(skb, KMIGRATE_A_SINCE_NS, view->since_ns, KMIGRATE_A_PAD) ||
	    put_cpus(skb, KMIGRATE_A_CPUS, ask->cpus) ||
	    (ask->floor_khz != KM_HOLD_TOP_FLOOR &&
	     nla_put_u32(skb, KMIGRATE_A_FLOOR_KHZ, ask->floor_khz)) ||
	    nla_put_u32(skb, KMIGRATE_A_LATENCY_US, ask->latency_us) ||
	    (ask->keep_governor && nla_put_flag(skb, KMIGRATE_A_KEEP_GOVERNOR)) ||
	    nla_put_u32(skb, KMIGRATE_A_SHORTFALL, view->shortfall))
		return -EMSGSIZE;
	return 0;
}

static int hold_message(const struct km_hold_view *view, void *ctx)
{
	struct part *part = ctx;
	void *hdr = start_message(part);

	return hdr ? end_message(part, hdr, put_hold(part->skb, view)) : -EMSGSIZE;
}

static int put_policy(struct sk_buff *skb, const struct km_hold_policy_view *view)
{
	struct nlattr *nest = nla_nest_start(skb, KMIGRATE_A_POLICY);

	if (!nest ||
	    nla_put_string(skb, KMIGRATE_A_POLICY_NAME, view->name) ||
	    put_cpus(skb, KMIGRATE_A_POLICY_CPUS, view->cpus) ||
	    nla_put_u32(skb, KMIGRATE_A_POLICY_FLOOR_KHZ, view->floor_khz) ||
	    nla_put_u32(skb, KMIGRATE_A_POLICY_MIN_KHZ_BEFORE, view->min_before) ||
	    nla_put_u32(skb, KMIGRATE_A_POLICY_MAX_KHZ_BEFORE, view->max_before) ||
	    nla_put_string(skb, KMIGRATE_A_POLICY_GOVERNOR_BEFORE, view->governor_before) ||
	    nla_put_u32(skb, KMIGRATE_A_POLICY_MIN_KHZ, view->min_khz) ||
	    nla_put_u32(skb, KMIGRATE_A_POLICY_MAX_KHZ, view->max_khz) ||
	    nla_put_string(skb, KMIGRATE_A_POLICY_GOVERNOR, view->governor) ||
	    nla_put_u32(skb, KMIGRATE_A_POLICY_SHORTFALL, view->shortfall) ||
	    (view->error && nla_put_u32(skb, KMIGRATE_A_POLICY_ERROR, -view->error)) ||
	    nla_put_u32(skb, KMIGRATE_A_POLICY_FOUGHT, view->fought))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int policy_message(const struct km_hold_policy_view *view, void *ctx)
{
	struct part *part = ctx;
	void *hdr = start_message(part);

	return hdr ? end_message(part, hdr, put_policy(part->skb, view)) : -EMSGSIZE;
}

static int put_held_cpu(struct sk_buff *skb, const struct km_hold_cpu_view *view)
{
	struct nlattr *nest = nla_nest_start(skb, KMIGRATE_A_CPU);

	if (!nest ||
	    nla_put_u32(skb, KMIGRATE_A_CPU_NUMBER, view->cpu) ||
	    nla_put_u32(skb, KMIGRATE_A_CPU_LATENCY_US, view->latency_us) ||
	    nla_put_u32(skb, KMIGRATE_A_CPU_IN_FORCE_US, view->in_force_us))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int dump_cpus(struct part *part, u32 *next)
{
	struct km_hold_cpu_view view;
	void *hdr;
	int err = 0;

	for (; *next < nr_cpu_ids; ++*next) {
		if (!km_hold_cpu_view(*next, &view))
			continue;
		hdr = start_message(part);
		err = hdr ? end_message(part, hdr, put_held_cpu(part->skb, &view)) : -EMSGSIZE;
		if (err)
			break;
	}
	return err;
}

int km_dump_holds(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct part part = { .skb = skb, .cb = cb };
	struct dump *dump = (struct dump *)cb->ctx;
	int err;

	BUILD_BUG_ON(sizeof(struct dump) > sizeof(cb->ctx));
	cb->seq = 1 + km_hold_generation();
	err = km_hold_walk(&dump->hold, hold_message, &part);
	if (!err)
		err = km_hold_policy_walk(&dump->policy, policy_message, &part);
	if (!err)
		err = dump_cpus(&part, &dump->cpu);
	return skb->len ? skb->len : err;
}
