// SPDX-License-Identifier: GPL-2.0
/*
 * The module goes, whatever is open. Needs KM_MODULE, the path of kmigrate.ko; the
 * module is loaded again at the end.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kmod.h"
#include "module.h"
#include "nltrack.h"

#define RACES	60

static void again_and_again(void)
{
	int i;

	for (i = 0; i < 6; i++) {
		if (!CHECK_EQ(module_unload_soon(), 0) || !CHECK_EQ(module_load(), 0))
			return;
		if (!CHECK_EQ(nl_sessions(), 0))
			return;
	}
}

static void while_attached(void)
{
	struct vmm_child child;
	struct nl_counts counts;
	uint32_t session, i;
	struct nl nl, fresh;
	struct nl_vm vm;

	REQUIRE_EQ(vmm_spawn(&child), 0);
	REQUIRE_EQ(nl_open(&nl), 0);
	for (i = 0; i < 10; i++)
		CHECK_EQ(nl_attach(&nl, child.vm, &session), 0);
	close(child.vm);
	CHECK_EQ(vmm_order(&child, VMM_WRITE), 0);
	CHECK_EQ(nl_counts(&nl, session, &counts), 0);
	CHECK_EQ(counts.pages, 64);

	CHECK_EQ(module_unload(), 0);
	CHECK_EQ(nl_vm(&nl, session, &vm), -ENOENT);
	CHECK_EQ(nl_open(&fresh), -ENOENT);
	CHECK_EQ(vmm_order(&child, VMM_WRITE), 0);
	CHECK_EQ(module_load(), 0);
	CHECK_EQ(nl_sessions(), 0);
	/* The old socket means nothing to the module that was loaded anew. */
	if (CHECK_EQ(nl_open(&fresh), 0)) {
		nl.family = fresh.family;
		CHECK_EQ(nl_vm(&nl, session, &vm), -ENOENT);
		nl_close(&fresh);
	}
	nl_close(&nl);
	vmm_kill(&child);
}

/* Hooks are running at the very moment, and sessions come in all the time. */
static void at_full_load(void)
{
	struct vmm_child children[2];
	int i, round, err;
	uint32_t session;
	struct nl nl;

	for (i = 0; i < 2; i++) {
		REQUIRE_EQ(vmm_spawn(&children[i]), 0);
		CHECK_EQ(vmm_order(&children[i], VMM_BUSY), 0);
	}
	for (round = 0; round < 4; round++) {
		if (!CHECK_EQ(nl_open(&nl), 0))
			break;
		for (i = 0; i < 20; i++)
			CHECK_EQ(nl_attach(&nl, children[i % 2].vm, &session), 0);
		/* The memory that the VMM doesn't log is driven. */
		CHECK_EQ(nl_track_start(&nl, session, true, 10), 0);
		usleep((useconds_t)round * 50000);
		err = module_unload();
		nl_close(&nl);
		if (!CHECK_EQ(err, 0) || !CHECK_EQ(module_load(), 0))
			break;
	}
	for (i = 0; i < 2; i++) {
		close(children[i].vm);
		vmm_kill(&children[i]);
	}
}

/* The VMM dies, the owner closes and the module goes, all at once. */
static void while_vmm_dies(void)
{
	struct vmm_child child;
	uint32_t session;
	struct nl nl;
	int i;

	for (i = 0; i < 4; i++) {
		REQUIRE_EQ(vmm_spawn(&child), 0);
		REQUIRE_EQ(nl_open(&nl), 0);
		CHECK_EQ(nl_attach(&nl, child.vm, &session), 0);
		CHECK_EQ(nl_track_start(&nl, session, true, 10), 0);
		close(child.vm);
		CHECK_EQ(vmm_order(&child, VMM_BUSY), 0);
		vmm_kill(&child);
		if (i % 2)
			nl_close(&nl);
		if (!CHECK_EQ(module_unload_soon(), 0) || !CHECK_EQ(module_load(), 0))
			return;
		nl_close(&nl);
	}
}

/*
 * Their sessions end just as the VMs are let go of. Which comes first differs from one to the
 * next: a reference that is lost between the two is waited for by the module's removal. The
 * one that once was, in cancel_delayed_work_sync(), took 10 to 200 rounds to be met.
 */
static void after_races(void)
{
	struct sched_param first = { .sched_priority = 10 }, normal = {};
	struct vmm_child children[8];
	uint32_t session;
	struct nl nl;
	int i, round;

	/* Whenever it wakes, it is before what was to run on. */
	REQUIRE_EQ(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first), 0);
	for (round = 0; round < RACES; round++) {
		REQUIRE_EQ(nl_open(&nl), 0);
		for (i = 0; i < 8; i++) {
			REQUIRE_EQ(vmm_spawn(&children[i]), 0);
			REQUIRE_EQ(nl_attach(&nl, children[i].vm, &session), 0);
			close(children[i].vm);
			CHECK_EQ(nl_track_start(&nl, session, true, 0), 0);
		}
		for (i = 0; i < 8; i++)
			kill(children[i].pid, SIGKILL);
		usleep((useconds_t)(random() % 3000));
		nl_close(&nl);
		for (i = 0; i < 8; i++)
			vmm_kill(&children[i]);
	}
	CHECK_EQ(sched_setscheduler(0, SCHED_OTHER, &normal), 0);
	CHECK_EQ(module_unload_soon(), 0);
	CHECK_EQ(module_load(), 0);
}

/* A dump that was begun pins the module, until its socket is closed. */
static void unread_dump(void)
{
	struct vmm_options options = { .pages = 256, .vcpus = 1 };
	char buffer[256], answer[NL_BUFFER];
	struct nlmsghdr *nlh;
	uint32_t session, i;
	struct vmm vmm;
	struct nl nl;

	REQUIRE_EQ(vmm_open(&vmm, &options), 0);
	for (i = 0; i < 1000; i++)
		CHECK_EQ(vmm_slot(&vmm, 100 + i, 0x200000 + 2 * i, 1, vmm.memory, 0), 0);
	REQUIRE_EQ(nl_open(&nl), 0);
	CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0);
	nlh = nl_request(&nl, buffer, KMIGRATE_CMD_SLOT_GET, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, session);
	CHECK(mnl_socket_sendto(nl.sock, nlh, nlh->nlmsg_len) > 0);
	CHECK(mnl_socket_recvfrom(nl.sock, answer, sizeof(answer)) > 0);
	CHECK_EQ(module_unload(), -EAGAIN);
	nl_close(&nl);
	CHECK_EQ(module_unload_soon(), 0);
	CHECK_EQ(module_load(), 0);
	vmm_close(&vmm);
}

static const struct ktap_test tests[] = {
	{ "unloaded and loaded again and again", again_and_again },
	{ "unloaded with ten sessions open", while_attached },
	{ "unloaded under full load", at_full_load },
	{ "unloaded while the VMM dies", while_vmm_dies },
	{ "unloaded after VMMs died as their sessions ended", after_races },
	{ "unloaded with a dump half read", unread_dump },
};

int main(int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "--list");

	if (!getenv("KM_MODULE") && !list)
		return ktap_skip_all("KM_MODULE does not name kmigrate.ko");
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
