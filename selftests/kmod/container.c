// SPDX-License-Identifier: GPL-2.0
/*
 * A VMM in a container: another user, root of a user namespace of its own, in a PID and a
 * mount namespace. Whoever tracks it is outside. (Inside nothing is allowed: info.c.)
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kmod.h"
#include "module.h"
#include "nltrack.h"

#define PAGES	4096
#define WRITES	1500
#define KVM	"/dev/kvm"

static struct vmm_child child;
static struct nl nl;
static uint32_t session;
static mode_t mode;

static bool start(uid_t uid)
{
	const struct vmm_spawn how = {
		.options = { .pages = PAGES, .vcpus = 1 }, .uid = uid,
	};
	struct stat st;

	/* In a host that has no rules for devices the file is root's. */
	if (!CHECK_EQ(stat(KVM, &st), 0) || !CHECK_EQ(chmod(KVM, 0666), 0))
		return false;
	mode = st.st_mode & 07777;
	return CHECK_EQ(vmm_spawn_as(&child, &how), 0) && CHECK_EQ(nl_open(&nl), 0) &&
	       CHECK_EQ(nl_attach(&nl, child.vm, &session), 0);
}

static void stop(void)
{
	nl_close(&nl);
	vmm_kill(&child);
	close(child.vm);
	chmod(KVM, mode);
}

static bool differs(const char *name)
{
	char path[64], ours[64] = "", theirs[64] = "";

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (readlink(path, ours, sizeof(ours) - 1) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", child.pid, name);
	return readlink(path, theirs, sizeof(theirs) - 1) > 0 && strcmp(ours, theirs);
}

/* Else the test tests nothing. */
static bool is_contained(uid_t uid)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", child.pid);
	return CHECK(differs("user")) && CHECK(differs("pid")) && CHECK(differs("mnt")) &&
	       CHECK_EQ(stat(path, &st), 0) && CHECK_EQ(st.st_uid, uid);
}

static bool one_round(uint32_t round)
{
	static uint64_t bitmap[PAGES / 64], want[PAGES / 64];
	static uint32_t pages[WRITES];
	uint32_t i, nr = 1 + (uint32_t)random() % WRITES;

	memset(want, 0, sizeof(want));
	for (i = 0; i < nr; i++) {
		pages[i] = (uint32_t)random() % PAGES;
		want[pages[i] / 64] |= 1ull << pages[i] % 64;
	}
	return CHECK_EQ(vmm_order_list(&child, pages, nr, round), 0) &&
	       CHECK_EQ(vmm_answer(&child), 0) && CHECK_EQ(nl_harvest(&nl, session), 0) &&
	       CHECK(nl_harvested(&nl, session, VMM_GFN, PAGES, bitmap) >= 0) &&
	       CHECK(!memcmp(bitmap, want, sizeof(want)));
}

static void driven(void)
{
	struct nl_track track;
	struct nl_vm vm;
	uint32_t round;

	REQUIRE(start(1234));
	REQUIRE(is_contained(1234));
	REQUIRE_EQ(nl_track_start(&nl, session, true, 0), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.pid, child.pid);
	CHECK_EQ(vm.logging, KMIGRATE_LOGGING_KMIGRATE);
	for (round = 1; round <= 12; round++)
		if (!one_round(round))
			break;
	CHECK_EQ(nl_track_stop(&nl, session), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.logging, KMIGRATE_LOGGING_NONE);
	stop();
}

/* PID 1 of its namespace dies while it is driven. */
static void killed(void)
{
	struct nl_track track;
	int tenths = 0;

	REQUIRE(start(1234));
	REQUIRE_EQ(nl_track_start(&nl, session, true, 10), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
	CHECK_EQ(vmm_order(&child, VMM_BUSY), 0);
	kill(child.pid, SIGKILL);
	while (nl_track(&nl, session, &track) != -ESRCH && tenths++ < 100)
		usleep(100000);
	CHECK_EQ(nl_track(&nl, session, &track), -ESRCH);
	stop();
	CHECK(module_rests());
}

static const struct ktap_test tests[] = {
	{ "driven from outside", driven },
	{ "killed while driven from outside", killed },
};

int main(int argc, char **argv)
{
	srandom(4711);
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
