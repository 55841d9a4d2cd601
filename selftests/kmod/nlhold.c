// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/genetlink.h>

#include "nlhold.h"

struct started {
	uint32_t id, shortfall;
};

static int start_cb(const struct nlmsghdr *nlh, void *data)
{
	struct started *started = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == KMIGRATE_A_HOLD)
			started->id = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == KMIGRATE_A_SHORTFALL)
			started->shortfall = mnl_attr_get_u32(attr);
		else
			return MNL_CB_ERROR;
	}
	return MNL_CB_OK;
}

int nl_hold_start(struct nl *nl, const struct nl_hold_ask *ask, uint32_t *id,
		  uint32_t *shortfall)
{
	struct nlmsghdr *nlh;
	struct started started = {};
	char buffer[256];
	int err;

	nlh = nl_request(nl, buffer, KMIGRATE_CMD_HOLD_START, 0);
	mnl_attr_put(nlh, KMIGRATE_A_CPUS, sizeof(ask->cpus), &ask->cpus);
	if (ask->floor != NL_ABSENT)
		mnl_attr_put_u32(nlh, KMIGRATE_A_FLOOR_KHZ, (uint32_t)ask->floor);
	if (ask->latency != NL_ABSENT)
		mnl_attr_put_u32(nlh, KMIGRATE_A_LATENCY_US, (uint32_t)ask->latency);
	if (ask->keep)
		mnl_attr_put(nlh, KMIGRATE_A_KEEP_GOVERNOR, 0, NULL);
	err = nl_talk(nl, nlh, start_cb, &started);
	*id = started.id;
	*shortfall = started.shortfall;
	return !err && !started.id ? -EBADMSG : err;
}

int nl_hold_stop(struct nl *nl, uint32_t id)
{
	char buffer[256];
	struct nlmsghdr *nlh = nl_request(nl, buffer, KMIGRATE_CMD_HOLD_STOP, 0);

	mnl_attr_put_u32(nlh, KMIGRATE_A_HOLD, id);
	return nl_talk(nl, nlh, NULL, NULL);
}

static uint64_t mask(const struct nlattr *attr)
{
	uint64_t cpus = 0;
	size_t size = mnl_attr_get_payload_len(attr);

	memcpy(&cpus, mnl_attr_get_payload(attr), size < sizeof(cpus) ? size : sizeof(cpus));
	return cpus;
}

static void copy(char *to, const struct nlattr *attr)
{
	snprintf(to, 32, "%s", mnl_attr_get_str(attr));
}

static bool parse_policy(const struct nlattr *nest, struct nl_policy *policy)
{
	const struct nlattr *attr;
	uint32_t *numbers[KMIGRATE_A_POLICY_MAX + 1] = {
		[KMIGRATE_A_POLICY_FLOOR_KHZ] = &policy->floor,
		[KMIGRATE_A_POLICY_MIN_KHZ_BEFORE] = &policy->min_before,
		[KMIGRATE_A_POLICY_MAX_KHZ_BEFORE] = &policy->max_before,
		[KMIGRATE_A_POLICY_MIN_KHZ] = &policy->min,
		[KMIGRATE_A_POLICY_MAX_KHZ] = &policy->max,
		[KMIGRATE_A_POLICY_SHORTFALL] = &policy->shortfall,
		[KMIGRATE_A_POLICY_ERROR] = &policy->error,
		[KMIGRATE_A_POLICY_FOUGHT] = &policy->fought,
	};
	char *strings[KMIGRATE_A_POLICY_MAX + 1] = {
		[KMIGRATE_A_POLICY_NAME] = policy->name,
		[KMIGRATE_A_POLICY_GOVERNOR_BEFORE] = policy->governor_before,
		[KMIGRATE_A_POLICY_GOVERNOR] = policy->governor,
	};

	mnl_attr_for_each_nested(attr, nest) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type > KMIGRATE_A_POLICY_MAX)
			return false;
		if (type == KMIGRATE_A_POLICY_CPUS)
			policy->cpus = mask(attr);
		else if (strings[type])
			copy(strings[type], attr);
		else if (numbers[type] && mnl_attr_get_payload_len(attr) == 4)
			*numbers[type] = mnl_attr_get_u32(attr);
		else
			return false;
	}
	return true;
}

static bool parse_cpu(const struct nlattr *nest, struct nl_cpu *cpu)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) {
		switch (mnl_attr_get_type(attr)) {
		case KMIGRATE_A_CPU_NUMBER:
			cpu->number = mnl_attr_get_u32(attr);
			break;
		case KMIGRATE_A_CPU_LATENCY_US:
			cpu->latency = mnl_attr_get_u32(attr);
			break;
		case KMIGRATE_A_CPU_IN_FORCE_US:
			cpu->in_force = mnl_attr_get_u32(attr);
			break;
		default:
			return false;
		}
	}
	return true;
}

static bool parse_hold(const struct nlattr *attr, struct nl_hold *hold)
{
	switch (mnl_attr_get_type(attr)) {
	case KMIGRATE_A_HOLD:
		hold->id = mnl_attr_get_u32(attr);
		break;
	case KMIGRATE_A_OWNER_PID:
		hold->pid = mnl_attr_get_u32(attr);
		break;
	case KMIGRATE_A_OWNER_PORT:
		hold->port = mnl_attr_get_u32(attr);
		break;
	case KMIGRATE_A_SINCE_NS:
		hold->since_ns = mnl_attr_get_u64(attr);
		break;
	case KMIGRATE_A_CPUS:
		hold->cpus = mask(attr);
		break;
	case KMIGRATE_A_FLOOR_KHZ:
		hold->floor = mnl_attr_get_u32(attr);
		hold->has_floor = true;
		break;
	case KMIGRATE_A_LATENCY_US:
		hold->latency = mnl_attr_get_u32(attr);
		break;
	case KMIGRATE_A_KEEP_GOVERNOR:
		hold->keep = true;
		break;
	case KMIGRATE_A_SHORTFALL:
		hold->shortfall = mnl_attr_get_u32(attr);
		break;
	case KMIGRATE_A_PAD:
		break;
	default:
		return false;
	}
	return true;
}

/* A policy's or a CPU's message has but one attribute. */
static int holds_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr = mnl_nlmsg_get_payload_offset(nlh, sizeof(struct genlmsghdr));
	struct nl_holds *holds = data;
	struct nl_hold *hold;

	if (holds->nr_policies == NL_MANY || holds->nr_cpus == NL_MANY ||
	    holds->nr_holds == NL_MANY)
		return MNL_CB_ERROR;
	if (mnl_attr_get_type(attr) == KMIGRATE_A_POLICY)
		return parse_policy(attr, &holds->policies[holds->nr_policies++]) ?
		       MNL_CB_OK : MNL_CB_ERROR;
	if (mnl_attr_get_type(attr) == KMIGRATE_A_CPU)
		return parse_cpu(attr, &holds->cpus[holds->nr_cpus++]) ?
		       MNL_CB_OK : MNL_CB_ERROR;
	hold = &holds->holds[holds->nr_holds++];
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (!parse_hold(attr, hold))
			return MNL_CB_ERROR;
	return MNL_CB_OK;
}

int nl_holds(struct nl *nl, struct nl_holds *holds)
{
	memset(holds, 0, sizeof(*holds));
	return nl_command(nl, KMIGRATE_CMD_HOLD_GET, NLM_F_DUMP, 0, holds_cb, holds);
}

int nl_hold_count(struct nl *nl)
{
	struct nl_info info;
	int err = nl_info(nl, &info);

	return err ? err : (int)info.holds;
}
