// SPDX-License-Identifier: GPL-2.0
/* What the module says about itself, and who may ask. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/genetlink.h>

#include "kmod.h"
#include "nlevent.h"
#include "nlhold.h"

/* 0 or 1 for N or Y, -1 if there is no such parameter. */
static int module_param(const char *module, const char *name)
{
	char path[128], value = 0;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	if (read(fd, &value, 1) != 1)
		value = 0;
	close(fd);
	return value == 'Y' || value == '1';
}

static void versions(void)
{
	struct nl_info info;
	struct nl nl;

	REQUIRE_EQ(nl_open(&nl), 0);
	CHECK_EQ(nl_info(&nl, &info), 0);
	CHECK_EQ(info.abi, KMIGRATE_ABI_VERSION);
	CHECK(!strcmp(info.version, "0.1.0"));
	CHECK_EQ(info.features, KMIGRATE_FEATURES_COUNT | KMIGRATE_FEATURES_VCPU_COUNT |
		 KMIGRATE_FEATURES_TEST | KMIGRATE_FEATURES_TRACK |
		 KMIGRATE_FEATURES_DRIVE | KMIGRATE_FEATURES_EVENT |
		 KMIGRATE_FEATURES_HOLD);
	CHECK_EQ(info.sessions, 0);
	CHECK_EQ(info.max_sessions, KMIGRATE_MAX_SESSIONS);
	CHECK_EQ(info.max_extents, KMIGRATE_MAX_TEST_EXTENTS);
	CHECK_EQ(info.max_pages, KMIGRATE_MAX_TEST_PAGES);
	CHECK_EQ(info.holds, 0);
	CHECK_EQ(info.max_holds, KMIGRATE_MAX_HOLDS);
	nl_close(&nl);
}

static void mechanism(void)
{
	const char *vendor = module_param("kvm_amd", "npt") >= 0 ? "kvm_amd" :
			     module_param("kvm_intel", "ept") >= 0 ? "kvm_intel" : "";
	uint32_t expected = KMIGRATE_MECHANISM_WRITE_PROTECT;
	struct nl_info info;
	unsigned int i;
	struct nl nl;

	REQUIRE_EQ(nl_open(&nl), 0);
	CHECK_EQ(nl_info(&nl, &info), 0);
	nl_close(&nl);

	if (!*vendor)
		expected = KMIGRATE_MECHANISM_NONE;
	else if (module_param(vendor, "pml") > 0)
		expected = KMIGRATE_MECHANISM_PML;
	CHECK(!strcmp(info.vendor, vendor));
	CHECK_EQ(info.mechanism, expected);
	CHECK_EQ(info.nr_params, !*vendor ? 0 : !strcmp(vendor, "kvm_amd") ? 1 : 3);
	for (i = 0; i < info.nr_params; i++) {
		KTAP_NOTE("%s %s=%u", info.vendor, info.params[i].name,
			  info.params[i].value);
		CHECK_EQ(info.params[i].value, module_param(vendor, info.params[i].name));
	}
}

/* Runs with effective capabilities taken away; the permitted ones stay. */
static int drop(unsigned int cap)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[cap / 32].effective &= ~(1u << cap % 32);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static int restore(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/* Every command must say -EPERM, whatever else is wrong with it. */
static void expect_no_authority(struct nl *nl)
{
	const struct nl_hold_ask ask = { 1, NL_ABSENT, NL_ABSENT, false };
	uint32_t session, hold, shortfall;
	struct nl_holds holds;
	struct nl_info info;
	uint8_t cmd;

	CHECK_EQ(nl_info(nl, &info), -EPERM);
	CHECK_EQ(nl_attach(nl, 0, &session), -EPERM);
	for (cmd = KMIGRATE_CMD_VM_DETACH; cmd <= NL_LAST_COMMAND; cmd++) {
		uint16_t flags = nl_is_dump(cmd) ? NLM_F_DUMP : 0;

		CHECK_EQ(nl_command(nl, cmd, flags, 1, NULL, NULL), -EPERM);
	}
	CHECK_EQ(nl_hold_start(nl, &ask, &hold, &shortfall), -EPERM);
	CHECK_EQ(nl_hold_stop(nl, 1), -EPERM);
	CHECK_EQ(nl_holds(nl, &holds), -EPERM);
}

static void expect_deaf(struct nl *nl)
{
	CHECK_EQ(nl_join(nl, KMIGRATE_MCGRP_EVENTS), -EPERM);
}

static void without(unsigned int cap)
{
	struct nl before, after;

	REQUIRE_EQ(nl_open(&before), 0);
	REQUIRE_EQ(drop(cap), 0);
	/* A sender without it, on a socket of one who had it. */
	expect_no_authority(&before);
	expect_deaf(&before);
	if (CHECK_EQ(nl_open(&after), 0)) {
		expect_no_authority(&after);
		expect_deaf(&after);
		/*
		 * A sender who has it, on a socket of one who had not, and who
		 * doesn't say where it goes: might be tricked into a write().
		 */
		CHECK_EQ(restore(), 0);
		after.no_address = true;
		expect_no_authority(&after);
		nl_close(&after);
	}
	CHECK_EQ(restore(), 0);
	nl_close(&before);
}

static void no_sys_admin(void)
{
	without(CAP_SYS_ADMIN);
}

static void no_net_admin(void)
{
	without(CAP_NET_ADMIN);
}

/* In a child, as namespaces can't be left. */
static int in_child(void (*body)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		body();
		fflush(stdout);
		_exit(ktap.failed);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
		return KSFT_SKIP;
	return CHECK_EQ(status, 0) ? KSFT_PASS : KSFT_FAIL;
}

static void other_net_body(void)
{
	struct nl nl;

	REQUIRE_EQ(unshare(CLONE_NEWNET), 0);
	CHECK_EQ(nl_open(&nl), -ENOENT);
}

static void other_net(void)
{
	in_child(other_net_body);
}

/* Root of a user namespace has all capabilities, but over that one only. */
static void other_user_body(void)
{
	int init = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
	struct nl nl;

	/* Leaves a chroot, such as the test host's: create_user_ns() wants none. */
	CHECK_EQ(setns(init, CLONE_NEWNS), 0);
	if (unshare(CLONE_NEWUSER))
		_exit(KSFT_SKIP);
	REQUIRE_EQ(nl_open(&nl), 0);
	expect_no_authority(&nl);
	expect_deaf(&nl);
	nl_close(&nl);
}

static void other_user(void)
{
	if (in_child(other_user_body) == KSFT_SKIP)
		SKIP("user namespaces are not allowed");
}

static void unknown_commands(void)
{
	struct nl nl;

	REQUIRE_EQ(nl_open(&nl), 0);
	CHECK_EQ(nl_command(&nl, 0, 0, 0, NULL, NULL), -EOPNOTSUPP);
	CHECK_EQ(nl_command(&nl, KMIGRATE_CMD_EVENT, 0, 0, NULL, NULL), -EOPNOTSUPP);
	CHECK_EQ(nl_command(&nl, KMIGRATE_CMD_MAX + 1, 0, 0, NULL, NULL), -EOPNOTSUPP);
	CHECK_EQ(nl_command(&nl, 255, 0, 0, NULL, NULL), -EOPNOTSUPP);
	/* A dump of what can't be dumped, and the reverse. */
	CHECK_EQ(nl_command(&nl, KMIGRATE_CMD_INFO, NLM_F_DUMP, 0, NULL, NULL), -EOPNOTSUPP);
	CHECK_EQ(nl_command(&nl, KMIGRATE_CMD_SLOT_GET, 0, 1, NULL, NULL), -EOPNOTSUPP);
	/* INFO takes no attributes. */
	CHECK_EQ(nl_command(&nl, KMIGRATE_CMD_INFO, 0, 1, NULL, NULL), -EINVAL);
	nl_close(&nl);
}

static const struct ktap_test tests[] = {
	{ "versions, features and limits", versions },
	{ "mechanism and parameters as in /sys/module", mechanism },
	{ "nothing without CAP_SYS_ADMIN", no_sys_admin },
	{ "nothing without CAP_NET_ADMIN", no_net_admin },
	{ "not there in another network namespace", other_net },
	{ "nothing for root of a user namespace", other_user },
	{ "commands that don't exist, attributes not expected", unknown_commands },
};

int main(int argc, char **argv)
{
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
