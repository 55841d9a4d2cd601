// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs held at performance: what is in force meanwhile, and that all is as before in the
 * end, whatever the end is. Needs KM_FAKEFREQ, the path of fakefreq.ko, and no other driver.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpusys.h"
#include "kmod.h"
#include "module.h"
#include "nlhold.h"

#define TOP	3200000

static const struct nl_hold_ask both = { 3, NL_ABSENT, NL_ABSENT, false };
static struct nl nl;
static struct nl_holds holds;
static struct cpusys *before;
static uint32_t id, shortfall;

static bool start(const char *parameters)
{
	return CHECK_EQ(fakefreq_load(parameters), 0) && CHECK_EQ(nl_open(&nl), 0);
}

static void stop(void)
{
	nl_close(&nl);
	CHECK_EQ(fakefreq_unload(), 0);
}

/* Of a close, which is not waited for; of anything else at once. */
static bool is_as_before(void)
{
	return CHECK(cpusys_same(before, cpusys_take()));
}

static void expect_held(int policy, long khz, long latency)
{
	CHECK_EQ(cpufreq_khz(policy, "scaling_min_freq"), khz);
	CHECK(cpufreq_is(policy, "scaling_governor", "performance"));
	CHECK_EQ(cpufreq_khz(policy, "scaling_cur_freq"), TOP);
	CHECK_EQ(cpu_latency(policy), latency);
}

static void without_driver(void)
{
	struct nl_hold_ask ask = { 1, 1000000, NL_ABSENT, false };

	REQUIRE_EQ(nl_open(&nl), 0);
	before = cpusys_take();
	CHECK_EQ(nl_hold_start(&nl, &ask, &id, &shortfall), -EOPNOTSUPP);
	CHECK(strstr(nl.message, "no cpufreq driver"));
	CHECK_EQ(nl_hold_count(&nl), 0);
	CHECK_EQ(nl_hold_start(&nl, &both, &id, &shortfall), 0);
	CHECK_EQ(shortfall, KMIGRATE_SHORTFALL_NO_CPUFREQ);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.nr_holds, 1);
	CHECK_EQ(holds.holds[0].shortfall, KMIGRATE_SHORTFALL_NO_CPUFREQ);
	CHECK_EQ(holds.nr_policies, 0);
	CHECK_EQ(holds.nr_cpus, 2);
	CHECK_EQ(holds.cpus[0].in_force, 2);
	CHECK_EQ(holds.cpus[1].in_force, 2);
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	ask.floor = 0;
	CHECK_EQ(nl_hold_start(&nl, &ask, &id, &shortfall), 0);
	CHECK_EQ(shortfall, 0);
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.nr_holds + holds.nr_cpus, 0);
	is_as_before();
	nl_close(&nl);
}

static void refused(const struct nl_hold_ask *ask, int err, const char *message)
{
	CHECK_EQ(nl_hold_start(&nl, ask, &id, &shortfall), err);
	if (!CHECK(strstr(nl.message, message)))
		KTAP_NOTE("it says '%s'", nl.message);
	CHECK_EQ(nl_hold_count(&nl), 0);
}

static void bad_input(void)
{
	struct nl_hold_ask ask = both;
	struct nl other;

	REQUIRE(start(""));
	before = cpusys_take();
	ask.cpus = 0;
	refused(&ask, -EINVAL, "no CPU in the list");
	ask.cpus = 1ull << 63 | 1;
	refused(&ask, -ENODEV, "does not exist");
	CHECK_EQ(cpu_set_online(1, false), 0);
	refused(&both, -ENXIO, "is offline");
	CHECK_EQ(cpu_set_online(1, true), 0);
	ask = both;
	ask.floor = TOP + 1;
	refused(&ask, -ERANGE, "never is as fast");
	ask.floor = UINT_MAX;
	refused(&ask, -ERANGE, "");
	ask = both;
	ask.latency = KMIGRATE_MAX_LATENCY_US + 1;
	refused(&ask, -ERANGE, "");
	CHECK_EQ(nl_command(&nl, KMIGRATE_CMD_HOLD_START, 0, 0, NULL, NULL), -EINVAL);
	CHECK_EQ(nl.missing, KMIGRATE_A_CPUS);
	CHECK_EQ(nl_hold_stop(&nl, 1), -ENOENT);
	is_as_before();

	/* Another socket's. */
	CHECK_EQ(nl_open(&other), 0);
	CHECK_EQ(nl_hold_start(&nl, &both, &id, &shortfall), 0);
	CHECK_EQ(nl_hold_stop(&other, id), -ENOENT);
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	CHECK_EQ(nl_hold_stop(&nl, id), -ENOENT);
	nl_close(&other);
	stop();
}

static int remove_governor(const char *governor)
{
	char name[64];

	snprintf(name, sizeof(name), "cpufreq_%s", governor);
	return module_remove(name);
}

/* Switches to @governor with @tunable set, holds, and expects all of it back. */
static void with_governor(const char *governor, const char *tunable, const char *value)
{
	KTAP_NOTE("%s", governor);
	CHECK_EQ(cpufreq_put(0, "scaling_governor", governor), 0);
	CHECK_EQ(cpufreq_put(1, "scaling_governor", governor), 0);
	if (tunable)
		CHECK_EQ(cpufreq_put_tunable(tunable, value), 0);
	if (!strcmp(governor, "userspace"))
		CHECK_EQ(cpufreq_put(1, "scaling_setspeed", "1600000"), 0);
	before = cpusys_take();
	CHECK_EQ(nl_hold_start(&nl, &both, &id, &shortfall), 0);
	CHECK_EQ(shortfall, 0);
	expect_held(0, TOP, 2);
	expect_held(1, TOP, 2);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.nr_policies, 2);
	CHECK(!strcmp(holds.policies[1].governor_before, governor));
	CHECK(!strcmp(holds.policies[1].governor, "performance"));
	CHECK_EQ(holds.policies[1].min_before, 800000);
	CHECK_EQ(holds.policies[1].min, TOP);
	CHECK_EQ(holds.policies[0].fought + holds.policies[1].fought, 0);
	/* Nobody uses it, but it will be needed. */
	if (strcmp(governor, "performance") && strcmp(governor, "schedutil"))
		CHECK_EQ(remove_governor(governor), -EAGAIN);
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	is_as_before();
}

/* The test host's kernel can't: its modprobe is in another root. */
static bool load_governors(void)
{
	return CHECK_EQ(system("modprobe -a cpufreq_ondemand cpufreq_conservative") ||
			system("modprobe -a cpufreq_userspace cpufreq_powersave"), 0);
}

static void all_governors(void)
{
	REQUIRE(load_governors());
	REQUIRE(start(""));
	with_governor("schedutil", "schedutil/rate_limit_us", "12345");
	with_governor("ondemand", "ondemand/up_threshold", "77");
	with_governor("conservative", "conservative/down_threshold", "66");
	with_governor("userspace", NULL, NULL);
	with_governor("powersave", NULL, NULL);
	with_governor("performance", NULL, NULL);
	stop();
}

/* One policy is held, the other keeps the governor alive, with what it is set to. */
static void shared_tunables(void)
{
	const struct nl_hold_ask one = { 2, NL_ABSENT, 0, false };

	REQUIRE(start(""));
	CHECK_EQ(cpufreq_put_tunable("schedutil/rate_limit_us", "12345"), 0);
	before = cpusys_take();
	CHECK_EQ(nl_hold_start(&nl, &one, &id, &shortfall), 0);
	expect_held(1, TOP, 0);
	CHECK(cpufreq_is(0, "scaling_governor", "schedutil"));
	CHECK_EQ(cpufreq_khz(0, "scaling_min_freq"), 800000);
	CHECK_EQ(cpu_latency(0), INT_MAX);
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	is_as_before();
	/* What an administrator sets meanwhile is not ours to take back. */
	CHECK_EQ(nl_hold_start(&nl, &one, &id, &shortfall), 0);
	CHECK_EQ(cpufreq_put_tunable("schedutil/rate_limit_us", "54321"), 0);
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	CHECK(cpufreq_is(1, "scaling_governor", "schedutil"));
	CHECK(cpufreq_is(1, "../schedutil/rate_limit_us", "54321"));
	stop();
}

static void own_governors(void)
{
	REQUIRE(start("setpolicy=1"));
	before = cpusys_take();
	CHECK(cpufreq_is(0, "energy_performance_preference", "balance_power"));
	CHECK_EQ(nl_hold_start(&nl, &both, &id, &shortfall), 0);
	CHECK_EQ(shortfall, 0);
	expect_held(0, TOP, 2);
	CHECK(cpufreq_is(0, "energy_performance_preference", "performance"));
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	is_as_before();
	stop();
}

static void overlapping(void)
{
	const struct nl_hold_ask low = { 3, 1600000, 50, true }, high = { 2, 2400000, 7, false };
	struct nl other;
	uint32_t second;

	REQUIRE(start(""));
	REQUIRE_EQ(nl_open(&other), 0);
	before = cpusys_take();
	CHECK_EQ(nl_hold_start(&nl, &low, &id, &shortfall), 0);
	CHECK_EQ(cpufreq_khz(1, "scaling_min_freq"), 1600000);
	CHECK(cpufreq_is(1, "scaling_governor", "schedutil"));
	CHECK_EQ(nl_hold_start(&other, &high, &second, &shortfall), 0);
	expect_held(1, 2400000, 7);
	CHECK_EQ(cpufreq_khz(0, "scaling_min_freq"), 1600000);
	CHECK_EQ(cpu_latency(0), 50);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.nr_holds, 2);
	CHECK_EQ(holds.holds[1].cpus, 2);
	CHECK_EQ(holds.holds[1].floor, 2400000);
	CHECK_EQ(holds.holds[1].pid, getpid());
	CHECK(holds.holds[0].keep && holds.holds[1].since_ns > holds.holds[0].since_ns);
	/* The first goes first: the second's stays. */
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	expect_held(1, 2400000, 7);
	CHECK_EQ(cpufreq_khz(0, "scaling_min_freq"), 800000);
	/* Whichever comes last. */
	CHECK_EQ(nl_hold_start(&nl, &low, &id, &shortfall), 0);
	expect_held(1, 2400000, 7);
	CHECK_EQ(nl_hold_stop(&other, second), 0);
	CHECK_EQ(cpufreq_khz(1, "scaling_min_freq"), 1600000);
	CHECK(cpufreq_is(1, "scaling_governor", "schedutil"));
	CHECK_EQ(cpu_latency(1), 50);
	CHECK_EQ(nl_hold_stop(&nl, id), 0);
	is_as_before();
	nl_close(&other);
	stop();
}

static void killed(void)
{
	int status, pair[2];
	char byte;
	pid_t pid;

	REQUIRE(start(""));
	CHECK_EQ(cpufreq_put_tunable("schedutil/rate_limit_us", "12345"), 0);
	before = cpusys_take();
	REQUIRE_EQ(pipe(pair), 0);
	pid = fork();
	if (!pid) {
		struct nl own;

		if (nl_open(&own) || nl_hold_start(&own, &both, &id, &shortfall) ||
		    write(pair[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(pair[0], &byte, 1), 1);
	expect_held(1, TOP, 2);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CHECK(cpufreq_becomes(0, "scaling_governor", "schedutil") >= 0);
	CHECK(cpufreq_becomes(1, "scaling_governor", "schedutil") >= 0);
	/* A pass goes through all of them, and answers come after passes. */
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.nr_holds + holds.nr_policies, 0);
	is_as_before();
	close(pair[0]);
	close(pair[1]);
	stop();
}

static const struct ktap_test tests[] = {
	{ "without a cpufreq driver it holds latency", without_driver },
	{ "bad input holds nothing", bad_input },
	{ "all governors come back with their settings", all_governors },
	{ "settings that other policies use are left alone", shared_tunables },
	{ "a driver's own governors and its preference", own_governors },
	{ "two holds overlap", overlapping },
	{ "the holder is killed", killed },
};

int main(int argc, char **argv)
{
	return kmod_main_with("KM_FAKEFREQ", argc, argv, tests, ARRAY_SIZE(tests));
}
