// SPDX-License-Identifier: GPL-2.0
/*
 * Sixty-four VMs driven at once, each with writes of its own: every harvest of each is
 * exact, whatever becomes of the others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kmod.h"
#include "module.h"
#include "nltrack.h"

#define VMS	64
#define SOCKETS	8
#define PAGES	1024
#define WRITES	200		/* at most, of one VM in one round */

static struct item {
	struct vmm_child child;
	struct nl *nl;
	uint32_t session, harvest, nr;
	uint64_t want[PAGES / 64];
	bool alive;
} items[VMS];

static struct nl sockets[SOCKETS];
static uint32_t value;

static bool spawn_all(void)
{
	const struct vmm_spawn how = { .options = { .pages = PAGES, .vcpus = 1 } };
	unsigned int i;

	for (i = 0; i < VMS; i++) {
		if (items[i].alive)
			continue;
		if (!CHECK_EQ(vmm_spawn_as(&items[i].child, &how), 0))
			return false;
		items[i].alive = true;
	}
	return true;
}

static void kill_one(struct item *item)
{
	if (item->alive) {
		close(item->child.vm);
		vmm_kill(&item->child);
	}
	item->alive = false;
}

static void kill_all(void)
{
	unsigned int i;

	for (i = 0; i < VMS; i++)
		kill_one(&items[i]);
}

/* Opens @nr sockets, attaches and drives all VMs, each through the next of them. */
static bool drive_all(unsigned int nr)
{
	struct nl_track track;
	unsigned int i;
	bool ok = true;

	for (i = 0; i < nr; i++)
		if (!CHECK_EQ(nl_open(&sockets[i]), 0))
			return false;
	for (i = 0; i < VMS && ok; i++) {
		items[i].nl = &sockets[i % nr];
		ok = CHECK_EQ(nl_attach(items[i].nl, items[i].child.vm, &items[i].session), 0) &&
		     CHECK_EQ(nl_track_start(items[i].nl, items[i].session, true, 0), 0);
	}
	for (i = 0; i < VMS && ok; i++)
		ok = CHECK_EQ(nl_track_wait(items[i].nl, items[i].session, KMIGRATE_TRACK_ON,
					    &track), 0);
	return ok;
}

static void close_all(unsigned int nr)
{
	while (nr)
		nl_close(&sockets[--nr]);
}

static void order(struct item *item)
{
	uint32_t pages[WRITES], i;

	memset(item->want, 0, sizeof(item->want));
	item->nr = 1 + (uint32_t)random() % WRITES;
	for (i = 0; i < item->nr; i++) {
		pages[i] = (uint32_t)random() % PAGES;
		item->want[pages[i] / 64] |= 1ull << pages[i] % 64;
	}
	CHECK_EQ(vmm_order_list(&item->child, pages, item->nr, value), 0);
}

static bool is_exact(struct item *item)
{
	uint64_t bitmap[PAGES / 64];

	return CHECK_EQ(nl_harvest_wait(item->nl, item->session, item->harvest), 0) &&
	       CHECK(nl_harvested(item->nl, item->session, VMM_GFN, PAGES, bitmap) >= 0) &&
	       CHECK(!memcmp(bitmap, item->want, sizeof(bitmap)));
}

/* All that live write at once, then all are harvested at once. */
static bool one_round(void)
{
	bool ok = true;
	unsigned int i;

	value++;
	for (i = 0; i < VMS; i++)
		if (items[i].alive)
			order(&items[i]);
	for (i = 0; i < VMS; i++)
		ok &= !items[i].alive || CHECK_EQ(vmm_answer(&items[i].child), 0);
	for (i = 0; i < VMS; i++)
		ok &= !items[i].alive ||
		      CHECK_EQ(nl_harvest_ask(items[i].nl, items[i].session,
					      &items[i].harvest), 0);
	for (i = 0; i < VMS && ok; i++)
		ok = !items[i].alive || is_exact(&items[i]);
	return ok;
}

static void nothing_left(void)
{
	CHECK_EQ(nl_sessions(), 0);
	CHECK(module_rests());
}

static void through(unsigned int nr)
{
	unsigned int round;

	if (spawn_all() && drive_all(nr)) {
		CHECK_EQ(nl_sessions(), VMS);
		for (round = 0; round < 4; round++)
			if (!one_round())
				break;
	}
	close_all(nr);
	nothing_left();
}

static void one_socket(void)
{
	through(1);
}

static void several_sockets(void)
{
	through(SOCKETS);
}

/* Of each four one is killed while it writes; what it had does not come out of others. */
static void some_killed(void)
{
	struct nl_track track;
	unsigned int i, round;

	if (!spawn_all() || !drive_all(SOCKETS) || !one_round())
		goto out;
	for (round = 0; round < 4; round++) {
		for (i = round; i < VMS; i += 16)
			CHECK_EQ(vmm_order(&items[i].child, VMM_BUSY), 0);
		for (i = round; i < VMS; i += 16)
			kill_one(&items[i]);
		if (!one_round())
			break;
		for (i = round; i < VMS; i += 16)
			CHECK_EQ(nl_track(items[i].nl, items[i].session, &track), -ESRCH);
	}
	CHECK_EQ(nl_sessions(), VMS);
out:
	close_all(SOCKETS);
	nothing_left();
}

/* As many sessions as there may be, each VM driven by the first that it got. */
static void session_limit(void)
{
	uint32_t session, i;

	if (!spawn_all() || !drive_all(SOCKETS))
		goto out;
	for (i = VMS; i < KMIGRATE_MAX_SESSIONS; i++)
		if (!CHECK_EQ(nl_attach(&sockets[i / VMS % SOCKETS], items[i % VMS].child.vm,
					&session), 0))
			break;
	CHECK_EQ(nl_sessions(), KMIGRATE_MAX_SESSIONS);
	for (i = 0; i < SOCKETS; i++)
		CHECK_EQ(nl_attach(&sockets[i], items[i].child.vm, &session), -ENOSPC);
	CHECK(one_round());
	/* One that is driven goes, and another may come. */
	CHECK_EQ(nl_detach(items[0].nl, items[0].session), 0);
	kill_one(&items[0]);
	CHECK_EQ(nl_attach(&sockets[1], items[1].child.vm, &session), 0);
	CHECK_EQ(nl_attach(&sockets[1], items[1].child.vm, &session), -ENOSPC);
	CHECK(one_round());
out:
	close_all(SOCKETS);
	nothing_left();
}

/* The VMs are there yet, and write on after the module has gone. */
static void unloaded(void)
{
	unsigned int i;

	if (!getenv("KM_MODULE"))
		SKIP("KM_MODULE does not name kmigrate.ko");
	if (spawn_all() && drive_all(SOCKETS) && one_round()) {
		CHECK_EQ(module_unload_soon(), 0);
		for (i = 0; i < VMS; i++)
			CHECK_EQ(vmm_order(&items[i].child, VMM_WRITE), 0);
		CHECK_EQ(module_load(), 0);
	}
	close_all(SOCKETS);
	kill_all();
	nothing_left();
	CHECK_EQ(module_unload_soon(), 0);
	CHECK_EQ(module_load(), 0);
}

static const struct ktap_test tests[] = {
	{ "64 VMs driven through one socket", one_socket },
	{ "64 VMs driven through eight sockets", several_sockets },
	{ "a quarter of them killed while driven", some_killed },
	{ "as many sessions as there may be", session_limit },
	{ "the module goes while it drives them", unloaded },
};

int main(int argc, char **argv)
{
	srandom(4711);
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
