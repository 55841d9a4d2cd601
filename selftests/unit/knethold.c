// SPDX-License-Identifier: GPL-2.0
/* What the module's messages about holds say, whatever bytes they are; and the words for it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "message.h"
#include "ctl/knethold.h"
#include "report/hold.h"

static void holds(bool *ok)
{
	const uint8_t cpus[] = { 0x81, 0x03 }; /* 0, 7, 8, 9 */
	struct km_holds h = { 0 };
	struct nlmsghdr *nlh = begin();

	mnl_attr_put_u32(nlh, KMIGRATE_A_HOLD, 5);
	mnl_attr_put_u64(nlh, KMIGRATE_A_SINCE_NS, 1000000000);
	mnl_attr_put(nlh, KMIGRATE_A_CPUS, sizeof(cpus), cpus);
	mnl_attr_put_u32(nlh, KMIGRATE_A_LATENCY_US, 2);
	CHECK(!km_knetmsg_hold(nlh, 3500000000, &h));
	CHECK(h.nholds == 1 && h.hold[0].id == 5 && !h.hold[0].pid);
	CHECK(h.hold[0].held_for_s > 2.49 && h.hold[0].held_for_s < 2.51);
	CHECK(h.hold[0].ask.floor_khz == KM_FLOOR_TOP && h.hold[0].ask.latency_us == 2);
	CHECK(km_cpus_count(&h.hold[0].ask.cpus) == 4 && km_cpus_has(&h.hold[0].ask.cpus, 9));
	nlh = begin();
	mnl_attr_put_u32(nlh, KMIGRATE_A_HOLD, 6);
	mnl_attr_put_u32(nlh, KMIGRATE_A_FLOOR_KHZ, 0);
	mnl_attr_put(nlh, KMIGRATE_A_KEEP_GOVERNOR, 0, NULL);
	CHECK(!km_knetmsg_hold(nlh, 0, &h));
	CHECK(h.nholds == 2 && h.hold[1].ask.floor_khz == KM_FLOOR_NONE);
	CHECK(h.hold[1].ask.keep_governor && km_cpus_empty(&h.hold[1].ask.cpus));
	km_holds_free(&h);
	CHECK(!h.nholds && !h.hold);
}

static void policies(bool *ok)
{
	struct km_holds h = { 0 };
	struct nlmsghdr *nlh = begin();
	struct nlattr *nest = mnl_attr_nest_start(nlh, KMIGRATE_A_POLICY);
	char longest[200];

	memset(longest, 'x', sizeof(longest)); /* and no NUL */
	mnl_attr_put(nlh, KMIGRATE_A_POLICY_NAME, sizeof(longest), longest);
	mnl_attr_put_u32(nlh, KMIGRATE_A_POLICY_MAX_KHZ, 3200000);
	mnl_attr_put_u32(nlh, KMIGRATE_A_POLICY_ERROR, EBUSY);
	mnl_attr_nest_end(nlh, nest);
	CHECK(!km_knetmsg_hold(nlh, 0, &h));
	CHECK(h.npolicies == 1 && strlen(h.policy[0].name) == sizeof(h.policy[0].name) - 1);
	CHECK(h.policy[0].max_khz == 3200000 && h.policy[0].error == EBUSY);
	CHECK(!h.policy[0].governor[0]);
	nlh = begin();
	nest = mnl_attr_nest_start(nlh, KMIGRATE_A_CPU);
	mnl_attr_put_u32(nlh, KMIGRATE_A_CPU_NUMBER, 8191);
	mnl_attr_nest_end(nlh, nest);
	CHECK(!km_knetmsg_hold(nlh, 0, &h));
	CHECK(h.ncpus == 1 && h.cpu[0].cpu == 8191);
	km_holds_free(&h);
}

/* A set goes out and comes back the same; CPUs beyond ours are left out. */
static void sets(bool *ok)
{
	static uint8_t all[KM_CPUS_MAX / 8 + 64];
	struct km_cpus s = { 0 };
	struct km_holds h = { 0 };
	struct nlmsghdr *nlh;

	CHECK(km_knetmsg_cpus_bytes(&s) == 0);
	km_cpus_add(&s, 0);
	CHECK(km_knetmsg_cpus_bytes(&s) == 8);
	km_cpus_add(&s, KM_CPUS_MAX - 1);
	CHECK(km_knetmsg_cpus_bytes(&s) == KM_CPUS_MAX / 8);
	memset(all, 0xff, sizeof(all));
	nlh = begin();
	mnl_attr_put_u32(nlh, KMIGRATE_A_HOLD, 1);
	mnl_attr_put(nlh, KMIGRATE_A_CPUS, sizeof(all), all);
	CHECK(!km_knetmsg_hold(nlh, 0, &h));
	CHECK(km_cpus_count(&h.hold[0].ask.cpus) == KM_CPUS_MAX);
	km_holds_free(&h);
}

static void damaged(bool *ok)
{
	struct km_holds h = { 0 };
	struct nlmsghdr *nlh = begin();

	CHECK(km_knetmsg_hold(nlh, 0, &h) == -EPROTO); /* about nothing */
	nlh->nlmsg_len = NLMSG_HDRLEN;
	CHECK(km_knetmsg_hold(nlh, 0, &h) == -EPROTO);
	nlh = begin();
	mnl_attr_put_u16(nlh, KMIGRATE_A_POLICY, 3); /* no nest */
	km_knetmsg_hold(nlh, 0, &h);
	CHECK(h.nholds == 0);
	km_holds_free(&h);
}

static void words(bool *ok)
{
	char text[KM_SHORTFALL_TEXT];
	json_t *all = km_json_shortfall(UINT32_MAX), *none = km_json_shortfall(0);

	CHECK(!km_fmt_shortfall(text, 0)[0]);
	CHECK(strstr(km_fmt_shortfall(text, UINT32_MAX), "offline")); /* all of them fit */
	CHECK(json_array_size(all) == 5 && json_array_size(none) == 0);
	json_decref(all);
	json_decref(none);
}

static const struct ktap_case cases[] = {
	{ "holds", holds },
	{ "policies and CPUs", policies },
	{ "sets of CPUs", sets },
	{ "damaged messages", damaged },
	{ "what a hold lacks", words },
};

KTAP_MAIN(cases)
