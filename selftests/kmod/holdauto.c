// SPDX-License-Identifier: GPL-2.0
/*
 * Automatic holds: while a VMM logs dirty pages, and no longer. Needs KM_FAKEFREQ and
 * KM_MODULE.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpusys.h"
#include "kmod.h"
#include "module.h"
#include "nlhold.h"
#include "nltrack.h"

static const struct vmm_options options = { .pages = 256, .vcpus = 1 };
static struct nl_holds holds;
static struct cpusys *before;
static struct vmm vmm;
static struct nl nl;

static int set_param(const char *name, const char *value)
{
	char path[128];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/sys/module/kmigrate/parameters/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static bool start(void)
{
	if (!CHECK_EQ(fakefreq_load(""), 0) || !CHECK_EQ(nl_open(&nl), 0) ||
	    !CHECK_EQ(vmm_open(&vmm, &options), 0))
		return false;
	before = cpusys_take();
	return CHECK_EQ(set_param("auto_hold", "1"), 0);
}

static void stop(void)
{
	CHECK_EQ(set_param("auto_hold", "0"), 0);
	CHECK_EQ(nl_hold_count(&nl), 0);
	CHECK(cpusys_same(before, cpusys_take()));
	vmm_close(&vmm);
	nl_close(&nl);
	CHECK_EQ(fakefreq_unload(), 0);
}

/* Milliseconds until there are so many holds, at most ten seconds, or -1. */
static long becomes(int count)
{
	long begin = milliseconds();

	while (nl_hold_count(&nl) != count)
		if (milliseconds() - begin > 10000)
			return -1;
	return milliseconds() - begin;
}

static void while_it_logs(void)
{
	long ms;

	REQUIRE(start());
	CHECK_EQ(nl_hold_count(&nl), 0);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	ms = cpufreq_becomes(0, "scaling_min_freq", "3200000");
	KTAP_NOTE("held %ld ms after the log went on", ms);
	CHECK(ms >= 0);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.nr_holds, 1);
	CHECK_EQ(holds.holds[0].pid, getpid());
	CHECK_EQ(holds.holds[0].port, 0);
	CHECK_EQ(holds.holds[0].cpus, 3);
	CHECK_EQ(nl_hold_stop(&nl, holds.holds[0].id), -ENOENT);
	/* A second slot makes no second hold, and the first one's end no end. */
	CHECK_EQ(vmm_slot(&vmm, 5, 0x300000, 16, vmm.memory, KVM_MEM_LOG_DIRTY_PAGES), 0);
	CHECK_EQ(vmm_log(&vmm, false), 0);
	usleep(700000);
	CHECK_EQ(nl_hold_count(&nl), 1);
	CHECK_EQ(vmm_slot(&vmm, 5, 0, 0, NULL, 0), 0);
	CHECK(becomes(0) >= 0);
	CHECK(cpufreq_becomes(0, "scaling_governor", "schedutil") >= 0);
	stop();
}

static void logs_for_ever(void)
{
	REQUIRE(start());
	CHECK_EQ(set_param("auto_hold_s", "1"), 0);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK(becomes(1) >= 0);
	CHECK(becomes(0) >= 0);
	usleep(1200000);
	CHECK_EQ(nl_hold_count(&nl), 0);
	CHECK(cpufreq_is(0, "scaling_governor", "schedutil"));
	CHECK_EQ(vmm_log(&vmm, false), 0);
	usleep(100000);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK(becomes(1) >= 0);
	CHECK_EQ(set_param("auto_hold_s", "3600"), 0);
	CHECK_EQ(vmm_log(&vmm, false), 0);
	stop();
}

static void vmm_dies(void)
{
	const struct vmm_spawn how = { .options = { .pages = 256, .vcpus = 1 }, .log = true };
	struct vmm_child child;
	cpu_set_t one, all;

	REQUIRE(start());
	CHECK_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET(1, &one);
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	REQUIRE_EQ(vmm_spawn_as(&child, &how), 0);
	CHECK_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
	CHECK(becomes(1) >= 0);
	CHECK_EQ(nl_holds(&nl, &holds), 0);
	CHECK_EQ(holds.holds[0].pid, child.pid);
	CHECK_EQ(holds.holds[0].cpus, 2);
	close(child.vm);
	vmm_kill(&child);
	CHECK(becomes(0) >= 0);
	stop();
}

/* What kmigrate itself switches on is no migration. */
static void own_log(void)
{
	struct nl_track track;
	uint32_t session;

	REQUIRE(start());
	CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0);
	CHECK_EQ(nl_track_start(&nl, session, true, 10), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
	usleep(700000);
	CHECK_EQ(nl_hold_count(&nl), 0);
	CHECK_EQ(nl_detach(&nl, session), 0);
	stop();
}

static void switched_off(void)
{
	REQUIRE(start());
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK(becomes(1) >= 0);
	CHECK_EQ(set_param("auto_hold", "0"), 0);
	CHECK_EQ(nl_hold_count(&nl), 0);
	CHECK(cpufreq_is(0, "scaling_governor", "schedutil"));
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	usleep(300000);
	CHECK_EQ(nl_hold_count(&nl), 0);
	/* And the module goes while it holds, or is about to. */
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK_EQ(set_param("auto_hold", "1"), 0);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK(becomes(1) >= 0);
	CHECK_EQ(module_unload(), 0);
	CHECK(cpufreq_is(0, "scaling_governor", "schedutil"));
	/* It doesn't hold whose log was on before, but the next time. */
	CHECK_EQ(module_insert(getenv("KM_MODULE"), "auto_hold=1"), 0);
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK(cpufreq_becomes(0, "scaling_governor", "performance") >= 0);
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK_EQ(module_unload(), 0);
	CHECK(cpufreq_is(0, "scaling_governor", "schedutil"));
	CHECK_EQ(module_load(), 0);
	CHECK_EQ(vmm_log(&vmm, false), 0);
	nl_close(&nl);
	CHECK_EQ(nl_open(&nl), 0);
	stop();
}

static const struct ktap_test tests[] = {
	{ "a VMM that logs is held", while_it_logs },
	{ "one that logs for ever is let go", logs_for_ever },
	{ "so is one that dies; it was held where it may run", vmm_dies },
	{ "the module's own logging holds nothing", own_log },
	{ "switched off, and unloaded", switched_off },
};

int main(int argc, char **argv)
{
	return kmod_main_with("KM_FAKEFREQ", argc, argv, tests, ARRAY_SIZE(tests));
}
