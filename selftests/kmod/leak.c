// SPDX-License-Identifier: GPL-2.0
/*
 * What the tests that ran before have left behind, by kmemleak: run it last, on a kernel that
 * has that (../vm/debugkernel). The module, then KVM are unloaded and stay so.
 *
 * A leak whose backtrace names the module is a failure. Once the module is gone its names
 * are as well, and the backtrace has a bare address instead; KVM's modules are loaded
 * when we look, so such an address is the module's, or that of a module which another test
 * unloaded: a failure, too. Other leaks are the kernel's own, and shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmod.h"

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"

static int scan(void)
{
	int err = 0, fd = open(KMEMLEAK, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, "scan", 4) != 4)
		err = -errno;
	close(fd);
	return err;
}

static bool is_module_frame(const char *line)
{
	return strstr(line, "[kmigrate]") || strstr(line, "] km_") || strstr(line, "] 0x");
}

/* Leaks that are the module's, or a negative errno. Shows all. */
static int count_leaks(void)
{
	FILE *file = fopen(KMEMLEAK, "r");
	bool counted = false;
	char line[256];
	int leaks = 0;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		printf("# %s", line);
		if (!strncmp(line, "unreferenced object", 19))
			counted = false;
		if (counted || !is_module_frame(line))
			continue;
		counted = true;
		leaks++;
	}
	fflush(stdout);
	fclose(file);
	return leaks;
}

/*
 * kmemleak speaks of an object that two scans in a row did not find, and that did not change
 * between them; and of none that is less than 5 s old (MSECS_MIN_AGE).
 */
static void expect_no_leak(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		sleep(6);
		REQUIRE_EQ(scan(), 0);
	}
	CHECK_EQ(count_leaks(), 0);
}

static int unload(const char *name)
{
	int err, i;

	for (i = 0; i < 50; i++) {
		err = syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
		if (err != -EAGAIN && err != -EBUSY)
			break;
		usleep(100000);
	}
	return err;
}

/* After its first report, which may have come before the tests, lockdep is off. */
static void lockdep_on(void)
{
	FILE *file = fopen("/proc/lockdep_stats", "r");
	char line[256];
	int on = -1;

	if (!file)
		SKIP("this kernel has no lockdep");
	while (fgets(line, sizeof(line), file))
		sscanf(line, " debug_locks: %d", &on);
	fclose(file);
	CHECK_EQ(on, 1);
}

static void loaded(void)
{
	if (access(KMEMLEAK, F_OK))
		SKIP("this kernel has no kmemleak");
	expect_no_leak();
}

static void unloaded(void)
{
	CHECK_EQ(unload("kmigrate"), 0);
	if (access(KMEMLEAK, F_OK))
		SKIP("this kernel has no kmemleak");
	expect_no_leak();
}

/* Whoever keeps a reference to a VM keeps KVM. */
static void kvm_unloaded(void)
{
	int err = unload("kvm_amd");

	CHECK_EQ(err == -ENOENT ? unload("kvm_intel") : err, 0);
	CHECK_EQ(unload("kvm"), 0);
}

static const struct ktap_test tests[] = {
	{ "lockdep was on until now", lockdep_on },
	{ "no leak while the module is loaded", loaded },
	{ "no leak when it has gone", unloaded },
	{ "nothing keeps KVM", kvm_unloaded },
};

int main(int argc, char **argv)
{
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
