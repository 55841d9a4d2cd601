// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs held at performance while others interfere: they write to the same files, take CPUs
 * offline, take the driver or the module away. Needs KM_FAKEFREQ and KM_MODULE.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpusys.h"
#include "kmod.h"
#include "module.h"
#include "nlevent.h"
#include "nlhold.h"

#define TOP	3200000
#define ROUNDS	5

static const struct nl_hold_ask both = { 3, NL_ABSENT, NL_ABSENT, false };
static struct nl nl;
static struct nl_holds holds;
static struct cpusys *before;
static uint32_t id, shortfall;

static bool start(const char *parameters)
{
	if (!CHECK_EQ(fakefreq_load(parameters), 0) || !CHECK_EQ(nl_open(&nl), 0))
		return false;
	before = cpusys_take();
	return CHECK_EQ(nl_hold_start(&nl, &both, &id, &shortfall), 0) &&
	       CHECK_EQ(shortfall, 0);
}

static void stop(void)
{
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	CHECK(cpusys_same(before, cpusys_take()));
	nl_close(&nl);
	CHECK_EQ(fakefreq_unload(), 0);
}

/*
 * Writes @text, and waits until it is @right again, and counted: a maximum takes effect a
 * moment after the write, if it does at all. Milliseconds, or -1.
 */
static long fight(const char *file, const char *text, const char *right)
{
	long begin = milliseconds();
	uint32_t fought;

	CHECK_EQ(nl_holds(&nl, &holds), 0);
	fought = holds.policies[1].fought;
	if (!CHECK_EQ(cpufreq_put(1, file, text), 0))
		return -1;
	while (holds.policies[1].fought == fought && milliseconds() - begin < 10000) {
		usleep(2000);
		nl_holds(&nl, &holds);
	}
	if (!CHECK_EQ(holds.policies[1].fought, fought + 1) ||
	    !CHECK(cpufreq_becomes(1, file, right) >= 0))
		return -1;
	return milliseconds() - begin;
}

static long worst(const char *file, const char *text, const char *right)
{
	long one, all = 0;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		one = fight(file, text, right);
		if (!CHECK(one >= 0))
			return one;
		all = one > all ? one : all;
	}
	KTAP_NOTE("%s is put right within %ld ms", file, all);
	return all;
}

static void expect_event(struct nl *listener, const char *file)
{
	struct nl_event event;

	if (!CHECK_EQ(nl_next_event(listener, 5000, &event), 0))
		return;
	CHECK_EQ(event.event, KMIGRATE_EVENT_FOUGHT);
	CHECK_EQ(event.fought, 1);
	CHECK(!strcmp(event.file, file));
	if (!strcmp(file, "scaling_governor"))
		CHECK(!strcmp(event.governor, "powersave"));
	else
		CHECK_EQ(event.max_khz, 1600000);
}

static void fights(void)
{
	struct nl listener;

	REQUIRE_EQ(system("modprobe cpufreq_powersave"), 0);
	REQUIRE(start(""));
	REQUIRE_EQ(nl_open(&listener), 0);
	CHECK_EQ(nl_join(&listener, KMIGRATE_MCGRP_EVENTS), 0);
	worst("scaling_governor", "powersave", "performance");
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.policies[0].fought, 0);
	CHECK_EQ(holds.policies[1].fought, ROUNDS);
	expect_event(&listener, "scaling_governor");
	worst("scaling_max_freq", "1600000", "3200000");
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.policies[1].fought, 2 * ROUNDS);
	CHECK_EQ(holds.policies[1].shortfall, 0);
	/* No fight: a minimum is overruled, and a higher maximum does no harm. */
	CHECK_EQ(cpufreq_put(1, "scaling_min_freq", "1600000"), 0);
	CHECK_EQ(cpufreq_put(1, "scaling_max_freq", "4000000"), 0);
	usleep(150000);
	CHECK_EQ(cpufreq_khz(1, "scaling_min_freq"), TOP);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.policies[1].fought, 2 * ROUNDS);
	CHECK_EQ(cpufreq_put(1, "scaling_min_freq", "0"), 0);
	nl_close(&listener);
	/* The hold ends before any look finds these. */
	CHECK_EQ(cpufreq_put(1, "scaling_max_freq", "1600000"), 0);
	CHECK_EQ(cpufreq_put(1, "scaling_governor", "powersave"), 0);
	stop();
}

/* The same with one that the first event tells of scaling_max_freq. */
static void events(void)
{
	struct nl listener;

	REQUIRE(start("setpolicy=1"));
	REQUIRE_EQ(nl_open(&listener), 0);
	CHECK_EQ(nl_join(&listener, KMIGRATE_MCGRP_EVENTS), 0);
	CHECK(fight("scaling_max_freq", "1600000", "3200000") >= 0);
	expect_event(&listener, "scaling_max_freq");
	CHECK(fight("scaling_governor", "powersave", "performance") >= 0);
	CHECK(cpufreq_becomes(1, "energy_performance_preference", "performance") >= 0);
	nl_close(&listener);
	stop();
}

static void platform_limit(void)
{
	REQUIRE(start(""));
	CHECK_EQ(fakefreq_set("limit_khz", "1600000"), 0);
	usleep(150000);
	CHECK_EQ(cpufreq_khz(0, "scaling_max_freq"), 1600000);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.holds[0].shortfall, KMIGRATE_SHORTFALL_MAX);
	CHECK_EQ(holds.policies[0].shortfall, KMIGRATE_SHORTFALL_MAX);
	CHECK_EQ(holds.policies[0].max, 1600000);
	CHECK_EQ(holds.policies[0].max_before, TOP);
	CHECK_EQ(holds.policies[0].fought + holds.policies[1].fought, 0);
	CHECK_EQ(fakefreq_set("limit_khz", "0"), 0);
	CHECK(cpufreq_becomes(0, "scaling_min_freq", "3200000") >= 0);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.holds[0].shortfall, 0);
	stop();
}

/* A limit from before the hold stays, and may be raised. */
static void limit_before(void)
{
	REQUIRE_EQ(fakefreq_load(""), 0);
	REQUIRE_EQ(nl_open(&nl), 0);
	CHECK_EQ(cpufreq_put(0, "scaling_max_freq", "1600000"), 0);
	before = cpusys_take();
	CHECK_EQ(nl_hold_start(&nl, &both, &id, &shortfall), 0);
	CHECK_EQ(shortfall, KMIGRATE_SHORTFALL_MAX);
	CHECK_EQ(cpufreq_khz(0, "scaling_min_freq"), 1600000);
	CHECK_EQ(cpufreq_put(0, "scaling_max_freq", "2400000"), 0);
	CHECK(cpufreq_becomes(0, "scaling_min_freq", "2400000") >= 0);
	usleep(150000);
	CHECK(cpufreq_is(0, "scaling_max_freq", "2400000"));
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.policies[0].fought, 0);
	CHECK_EQ(cpufreq_put(0, "scaling_max_freq", "1600000"), 0);
	CHECK(cpufreq_becomes(0, "scaling_max_freq", "2400000") >= 0);
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	CHECK_EQ(cpufreq_put(0, "scaling_max_freq", "1600000"), 0);
	CHECK(cpusys_same(before, cpusys_take()));
	nl_close(&nl);
	CHECK_EQ(fakefreq_unload(), 0);
}

static void refused(void)
{
	REQUIRE_EQ(fakefreq_load(""), 0);
	REQUIRE_EQ(nl_open(&nl), 0);
	before = cpusys_take();
	CHECK_EQ(fakefreq_set("refuse", "1"), 0);
	CHECK_EQ(nl_hold_start(&nl, &both, &id, &shortfall), 0);
	CHECK_EQ(shortfall, KMIGRATE_SHORTFALL_GOVERNOR);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.policies[0].error, EIO);
	CHECK_EQ(holds.policies[0].shortfall, KMIGRATE_SHORTFALL_GOVERNOR);
	CHECK_EQ(fakefreq_set("refuse", "0"), 0);
	CHECK(cpufreq_becomes(0, "scaling_governor", "performance") >= 0);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.policies[0].error + holds.policies[0].fought, 0);
	stop();
}

/* Of a policy that has one CPU, and of one that has another. */
static void cpu_goes(const char *parameters, int policy)
{
	bool setpolicy = strstr(parameters, "setpolicy");
	struct cpusys *really;

	REQUIRE(start(parameters));
	really = before;
	CHECK_EQ(cpu_set_online(1, false), 0);
	usleep(150000);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.holds[0].shortfall, KMIGRATE_SHORTFALL_OFFLINE);
	CHECK_EQ(cpufreq_khz(0, "scaling_min_freq"), TOP);
	CHECK_EQ(cpu_set_online(1, true), 0);
	CHECK(cpufreq_becomes(policy, "scaling_min_freq", "3200000") >= 0);
	CHECK(cpufreq_becomes(policy, "scaling_governor", "performance") >= 0);
	CHECK_EQ(cpu_latency(1), 2);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.holds[0].shortfall, 0);
	CHECK_EQ(holds.policies[policy].fought, 0);

	/* The hold ends while it is away. */
	CHECK_EQ(cpu_set_online(1, false), 0);
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	CHECK_EQ(cpu_set_online(1, true), 0);
	CHECK(!setpolicy ||
	      cpufreq_becomes(1, "energy_performance_preference", "balance_power") >= 0);
	CHECK(cpusys_same(really, cpusys_take()));
	before = cpusys_take();
	CHECK_EQ(nl_hold_start(&nl, &both, &id, &shortfall), 0);
	stop();
}

static void hotplug(void)
{
	cpu_goes("", 1);
	cpu_goes("width=2", 0);
	cpu_goes("setpolicy=1", 1);
}

static void driver_goes(void)
{
	REQUIRE(start(""));
	CHECK_EQ(fakefreq_unload(), 0);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.nr_policies, 0);
	CHECK_EQ(holds.nr_cpus, 2);
	CHECK_EQ(holds.holds[0].shortfall, KMIGRATE_SHORTFALL_NO_CPUFREQ);
	/* Another takes its place. */
	CHECK_EQ(fakefreq_load("setpolicy=1"), 0);
	CHECK(cpufreq_becomes(0, "scaling_governor", "performance") >= 0);
	CHECK(cpufreq_becomes(1, "scaling_min_freq", "3200000") >= 0);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.nr_policies, 2);
	CHECK_EQ(holds.holds[0].shortfall, 0);
	CHECK_EQ(fakefreq_unload(), 0);
	CHECK_EQ(fakefreq_load(""), 0);
	CHECK(cpufreq_becomes(1, "scaling_governor", "performance") >= 0);
	stop();
}

static void module_goes(void)
{
	struct nl fresh;

	REQUIRE(start(""));
	CHECK_EQ(module_unload(), 0);
	CHECK(cpusys_same(before, cpusys_take()));
	CHECK_EQ(module_load(), 0);
	CHECK_EQ(nl_hold_stop(&nl, id), -ENOENT);
	nl_close(&nl);
	REQUIRE_EQ(nl_open(&fresh), 0);
	CHECK_EQ(nl_hold_count(&fresh), 0);
	nl_close(&fresh);
	CHECK_EQ(fakefreq_unload(), 0);
}

static const struct ktap_test tests[] = {
	{ "who changes what is held finds it put right", fights },
	{ "each change is told, a driver's own governors' too", events },
	{ "a limit of the platform is reported, not fought", platform_limit },
	{ "so is a limit from before", limit_before },
	{ "a governor that can't be set is reported, and tried again", refused },
	{ "CPUs go offline and come back", hotplug },
	{ "the driver goes, and others come", driver_goes },
	{ "the module is removed", module_goes },
};

int main(int argc, char **argv)
{
	return kmod_main_with("KM_FAKEFREQ", argc, argv, tests, ARRAY_SIZE(tests));
}
