// SPDX-License-Identifier: GPL-2.0
/*
 * Events: each is told once, to who listens, and names its VM. That something is not told
 * is shown by what is told next: events keep their order.
 */
#include <errno.h>
#include <unistd.h>

#include "kmod.h"
#include "nlevent.h"
#include "nltrack.h"

#define PAGES		16384
#define PATIENCE_MS	20000

static struct vmm vmm;
static struct nl nl, listener;
static uint32_t session;
static uint64_t id;
static struct nl_track track;

static bool start_to_listen(void)
{
	return CHECK_EQ(nl_open(&listener), 0) &&
	       CHECK_EQ(nl_join(&listener, KMIGRATE_MCGRP_EVENTS), 0);
}

static uint64_t id_of(uint32_t which)
{
	struct nl_vm vm;

	return CHECK_EQ(nl_vm(&nl, which, &vm), 0) ? vm.id : 0;
}

static bool start(void)
{
	const struct vmm_options options = { .pages = PAGES, .vcpus = 1 };

	if (!CHECK_EQ(vmm_open(&vmm, &options), 0) || !CHECK_EQ(nl_open(&nl), 0) ||
	    !CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0) || !start_to_listen())
		return false;
	id = id_of(session);
	return CHECK(id);
}

static void stop(void)
{
	nl_close(&listener);
	nl_close(&nl);
	vmm_close(&vmm);
}

/* The next event is @want of the VM @vm. */
static bool told(uint32_t want, uint64_t vm)
{
	struct nl_event event = {};

	return CHECK_EQ(nl_next_event(&listener, PATIENCE_MS, &event), 0) &&
	       CHECK_EQ(event.event, want) && CHECK_EQ(event.vm, vm);
}

static bool told_nothing(void)
{
	struct nl_event event;

	return CHECK_EQ(nl_next_event(&listener, 0, &event), -ETIMEDOUT);
}

static void vmm_switches(void)
{
	unsigned int i;

	REQUIRE(start());
	for (i = 0; i < 3; i++) {
		CHECK_EQ(vmm_log(&vmm, true), 0);
		CHECK(told(KMIGRATE_EVENT_LOGGING_ON, id));
		CHECK_EQ(vmm_log(&vmm, false), 0);
		CHECK(told(KMIGRATE_EVENT_LOGGING_OFF, id));
	}
	CHECK(told_nothing());
	stop();
}

/* A VM that logs when the session starts, and a slot that changes meanwhile. */
static void logs_already(void)
{
	const struct vmm_options options = { .pages = PAGES, .vcpus = 1 };

	REQUIRE(start_to_listen());
	REQUIRE_EQ(vmm_open(&vmm, &options), 0);
	REQUIRE_EQ(vmm_log(&vmm, true), 0);
	REQUIRE_EQ(nl_open(&nl), 0);
	REQUIRE_EQ(nl_attach(&nl, vmm.vm, &session), 0);
	id = id_of(session);
	CHECK_EQ(vmm_slot(&vmm, 5, 0x80000, 16, vmm.memory, 0), 0);
	CHECK_EQ(vmm_slot(&vmm, 5, 0x80000, 0, vmm.memory, 0), 0);
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK(told(KMIGRATE_EVENT_LOGGING_OFF, id));
	stop();
}

/* An interval of 10 ms may be too short here, and may be said to be. */
static uint32_t next_but_overruns(int ms)
{
	struct nl_event event = {};

	do {
		if (nl_next_event(&listener, ms, &event))
			return KMIGRATE_EVENT_NONE;
	} while (event.event == KMIGRATE_EVENT_OVERRUN);
	return event.event;
}

static void module_switches(void)
{
	REQUIRE(start());
	CHECK_EQ(nl_track_start(&nl, session, true, 10), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
	CHECK_EQ(nl_harvest(&nl, session), 0);
	CHECK_EQ(nl_track_stop(&nl, session), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
	CHECK_EQ(next_but_overruns(0), KMIGRATE_EVENT_NONE);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK_EQ(next_but_overruns(PATIENCE_MS), KMIGRATE_EVENT_LOGGING_ON);
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK_EQ(next_but_overruns(PATIENCE_MS), KMIGRATE_EVENT_LOGGING_OFF);
	stop();
}

static void gives_way(void)
{
	struct nl_event events[2] = {};
	unsigned int i, on = 0, gave_way = 0;

	REQUIRE(start());
	CHECK_EQ(nl_track_start(&nl, session, true, 0), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	for (i = 0; i < 2; i++) {
		REQUIRE_EQ(nl_next_event(&listener, PATIENCE_MS, &events[i]), 0);
		CHECK_EQ(events[i].vm, id);
		on += events[i].event == KMIGRATE_EVENT_LOGGING_ON;
		gave_way += events[i].event == KMIGRATE_EVENT_GAVE_WAY;
	}
	CHECK_EQ(on, 1);
	CHECK_EQ(gave_way, 1);
	stop();
}

static void goes(void)
{
	struct vmm_child child;
	uint32_t other;

	REQUIRE(start());
	REQUIRE_EQ(vmm_spawn(&child), 0);
	REQUIRE_EQ(nl_attach(&nl, child.vm, &other), 0);
	close(child.vm);
	id = id_of(other);
	vmm_kill(&child);
	CHECK(told(KMIGRATE_EVENT_VM_GONE, id));
	/* The end of a session is no VM's end. */
	id = id_of(session);
	CHECK_EQ(nl_detach(&nl, session), 0);
	CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK(told(KMIGRATE_EVENT_LOGGING_ON, id_of(session)));
	stop();
}

static void ids(void)
{
	const struct vmm_options options = { .pages = 64, .vcpus = 1 };
	uint32_t same, other;
	struct vmm second;

	REQUIRE(start());
	REQUIRE_EQ(nl_attach(&nl, vmm.vm, &same), 0);
	CHECK_EQ(id_of(same), id);
	REQUIRE_EQ(vmm_open(&second, &options), 0);
	REQUIRE_EQ(nl_attach(&nl, second.vm, &other), 0);
	CHECK(id_of(other) != id);
	CHECK_EQ(vmm_log(&second, true), 0);
	CHECK(told(KMIGRATE_EVENT_LOGGING_ON, id_of(other)));
	stop();
	vmm_close(&second);
}

/* Each call holds KVM's lock for as long as it takes to walk the slot, and for more in turn. */
static void *keep_busy(void *data)
{
	volatile bool *enough = data;

	while (!*enough) {
		vmm_slot(&vmm, 6, 0x80000, PAGES, vmm.memory, 0);
		vmm_slot(&vmm, 6, 0x80000, 0, vmm.memory, 0);
	}
	return NULL;
}

static void overruns(void)
{
	struct nl_event event = {};
	volatile bool enough = false;
	pthread_t threads[4];
	unsigned int i;

	REQUIRE(start());
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		REQUIRE_EQ(pthread_create(&threads[i], NULL, keep_busy, (void *)&enough), 0);
	CHECK_EQ(nl_track_start(&nl, session, true, 10), 0);
	do {
		if (!CHECK_EQ(nl_next_event(&listener, PATIENCE_MS, &event), 0))
			break;
	} while (event.event != KMIGRATE_EVENT_OVERRUN);
	enough = true;
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	CHECK(event.overruns > 0);
	CHECK_EQ(event.vm, id);
	CHECK_EQ(nl_track(&nl, session, &track), 0);
	CHECK(track.overruns >= event.overruns);
	stop();
}

/* The socket's buffer fills, and says so; the module goes on. */
static void slow_listener(void)
{
	struct nl_event event;
	int size = 1, err;
	unsigned int i;

	REQUIRE(start());
	REQUIRE_EQ(setsockopt(mnl_socket_get_fd(listener.sock), SOL_SOCKET, SO_RCVBUF, &size,
			      sizeof(size)), 0);
	for (i = 0; i < 50; i++) {
		CHECK_EQ(vmm_log(&vmm, true), 0);
		usleep(10000);
		CHECK_EQ(vmm_log(&vmm, false), 0);
		usleep(10000);
	}
	do {
		err = nl_next_event(&listener, PATIENCE_MS, &event);
	} while (!err);
	CHECK_EQ(err, -ENOBUFS);
	stop();
}

static const struct ktap_test tests[] = {
	{ "the VMM's log goes on and off", vmm_switches },
	{ "a log that was on before", logs_already },
	{ "the module's own switching is no event", module_switches },
	{ "giving way", gives_way },
	{ "a VM that goes, and a session that does", goes },
	{ "each VM has its number", ids },
	{ "harvests that come late", overruns },
	{ "a listener that doesn't read", slow_listener },
};

int main(int argc, char **argv)
{
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
