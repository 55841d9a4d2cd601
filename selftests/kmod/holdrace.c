// SPDX-License-Identifier: GPL-2.0
/*
 * Holds that start and stop in many threads while others write to the policies, take a CPU
 * offline, and take the driver away: nothing hangs, nothing is left. Needs KM_FAKEFREQ.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpusys.h"
#include "kmod.h"
#include "nlhold.h"

#define SECONDS		4

static atomic_bool running;
static atomic_uint started, writes, flips, drivers;

/* What a hold may be refused for while CPUs and the driver come and go. */
static bool is_refusal(int err)
{
	return err == -ENXIO || err == -EOPNOTSUPP;
}

static struct nl_hold_ask any_ask(unsigned int *seed)
{
	return (struct nl_hold_ask){
		.cpus = 1u + (unsigned int)rand_r(seed) % 3,
		.floor = rand_r(seed) % 2 ? NL_ABSENT : rand_r(seed) % 4 * 800000,
		.latency = rand_r(seed) % 2 ? NL_ABSENT : rand_r(seed) % 100,
		.keep = rand_r(seed) % 4 == 0,
	};
}

/* Leaves a part of its holds to the close of the socket. */
static void *holder(void *data)
{
	static _Thread_local struct nl_holds holds;
	unsigned int seed = (unsigned int)(uintptr_t)data;
	uint32_t id, shortfall;
	struct nl nl;
	int i, err;

	while (running) {
		if (nl_open(&nl))
			return "no socket";
		for (i = rand_r(&seed) % 5; i >= 0; i--) {
			struct nl_hold_ask ask = any_ask(&seed);

			err = nl_hold_start(&nl, &ask, &id, &shortfall);
			if (err && !is_refusal(err))
				return strerror(-err);
			if (err)
				continue;
			started++;
			err = nl_holds(&nl, &holds);
			if (!err && rand_r(&seed) % 2)
				err = nl_hold_stop(&nl, id);
			if (err)
				return strerror(-err);
		}
		nl_close(&nl);
	}
	return NULL;
}

static void *writer(void *data)
{
	static const char * const governors[] = { "powersave", "performance", "schedutil" };
	static const char * const maxima[] = { "1600000", "3200000" };
	unsigned int seed = (unsigned int)(uintptr_t)data;

	while (running) {
		int policy = rand_r(&seed) % 2;

		if (rand_r(&seed) % 2)
			cpufreq_put(policy, "scaling_governor", governors[rand_r(&seed) % 3]);
		else
			cpufreq_put(policy, "scaling_max_freq", maxima[rand_r(&seed) % 2]);
		writes++;
		usleep(5000);
	}
	return NULL;
}

static void *flipper(void *data)
{
	while (running) {
		if (cpu_set_online(1, false) || cpu_set_online(1, true))
			return "CPU 1 doesn't go, or come";
		flips++;
		usleep(50000);
	}
	return NULL;
}

static void *driver_changer(void *data)
{
	while (running) {
		if (fakefreq_unload() || fakefreq_load(drivers++ % 2 ? "" : "setpolicy=1"))
			return "the driver doesn't go, or come";
		usleep(120000);
	}
	return NULL;
}

static void all_at_once(void)
{
	void *(*mains[])(void *) = { writer, flipper, driver_changer, holder, holder, holder };
	pthread_t threads[ARRAY_SIZE(mains)];
	struct cpusys *before;
	uintptr_t i;
	struct nl nl;
	void *why;

	REQUIRE_EQ(fakefreq_load(""), 0);
	before = cpusys_take();
	running = true;
	for (i = 0; i < ARRAY_SIZE(mains); i++)
		REQUIRE_EQ(pthread_create(&threads[i], NULL, mains[i], (void *)i), 0);
	sleep(SECONDS);
	running = false;
	for (i = 0; i < ARRAY_SIZE(mains); i++) {
		pthread_join(threads[i], &why);
		if (!CHECK(!why))
			KTAP_NOTE("thread %lu: %s", (unsigned long)i, (char *)why);
	}
	KTAP_NOTE("%u holds, %u writes, CPU 1 away %u times, the driver %u times", started,
		  writes, flips, drivers);
	CHECK(started > 10 && writes > 10 && flips > 1 && drivers > 1);
	/* The writer's settings go with the driver. */
	CHECK_EQ(fakefreq_unload(), 0);
	REQUIRE_EQ(nl_open(&nl), 0);
	CHECK_EQ(nl_hold_count(&nl), 0);
	CHECK_EQ(fakefreq_load(""), 0);
	CHECK(cpusys_same(before, cpusys_take()));
	CHECK_EQ(fakefreq_unload(), 0);
	nl_close(&nl);
}

static void too_many(void)
{
	const struct nl_hold_ask ask = { 2, 0, 9, true };
	uint32_t ids[KMIGRATE_MAX_HOLDS], one_more, shortfall;
	struct nl nl, other;
	int i;

	REQUIRE_EQ(nl_open(&nl), 0);
	REQUIRE_EQ(nl_open(&other), 0);
	for (i = 0; i < KMIGRATE_MAX_HOLDS; i++)
		if (!CHECK_EQ(nl_hold_start(i % 3 ? &nl : &other, &ask, &ids[i], &shortfall), 0))
			break;
	CHECK_EQ(nl_hold_start(&nl, &ask, &one_more, &shortfall), -ENOSPC);
	CHECK(strstr(nl.message, "too many holds"));
	CHECK_EQ(nl_hold_stop(&nl, ids[1]), 0);
	CHECK_EQ(nl_hold_start(&other, &ask, &one_more, &shortfall), 0);
	CHECK(one_more != ids[1]);
	nl_close(&other);
	CHECK(nl_hold_count(&nl) > 0 && nl_hold_count(&nl) < KMIGRATE_MAX_HOLDS);
	nl_close(&nl);
	REQUIRE_EQ(nl_open(&nl), 0);
	CHECK_EQ(nl_hold_count(&nl), 0);
	nl_close(&nl);
}

static const struct ktap_test tests[] = {
	{ "one hold too many", too_many },
	{ "holders, writers, hotplug and drivers at once", all_at_once },
};

int main(int argc, char **argv)
{
	return kmod_main_with("KM_FAKEFREQ", argc, argv, tests, ARRAY_SIZE(tests));
}
