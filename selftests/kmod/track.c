// SPDX-License-Identifier: GPL-2.0
/*
 * The module drives dirty logging: what it harvests is what the guest was told to write, and
 * a VMM that logs by itself loses nothing by it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kmod.h"
#include "nltrack.h"

#define PAGES	16384

static struct vmm vmm;
static struct nl nl;
static uint32_t session;
static uint64_t bitmap[PAGES / 64], want[PAGES / 64];
static struct nl_track track;

/* KM_SLOW: a CPU on which what takes milliseconds elsewhere takes seconds (../pml). */
static unsigned int patience(unsigned int usual, unsigned int slow)
{
	return getenv("KM_SLOW") ? slow : usual;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static bool start(struct vmm_options options)
{
	options.pages = PAGES;
	return CHECK_EQ(vmm_open(&vmm, &options), 0) && CHECK_EQ(nl_open(&nl), 0) &&
	       CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0);
}

static bool drive(uint32_t interval_ms)
{
	return CHECK_EQ(nl_track_start(&nl, session, true, interval_ms), 0) &&
	       CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
}

static void stop(void)
{
	nl_close(&nl);
	vmm_close(&vmm);
}

static uint32_t logging(void)
{
	struct nl_vm vm;

	return nl_vm(&nl, session, &vm) ? 99 : vm.logging;
}

/* The kept harvest has the chosen pages of the test memory, and no others of it. */
static bool got_what_was_written(void)
{
	uint32_t page, wrong = 0;

	if (!CHECK(nl_harvested(&nl, session, VMM_GFN, PAGES, bitmap) >= 0))
		return false;
	for (page = 0; page < PAGES; page++)
		wrong += vmm_bit(bitmap, page) != vmm_bit(want, page);
	return CHECK_EQ(wrong, 0);
}

static void on_and_off(void)
{
	struct nl_slot slots[64];
	int i, nr, ours = 0;

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	CHECK_EQ(logging(), KMIGRATE_LOGGING_NONE);
	CHECK_EQ(nl_track(&nl, session, &track), 0);
	CHECK_EQ(track.state, KMIGRATE_TRACK_OFF);
	CHECK_EQ(nl_track_stop(&nl, session), -ENOENT);
	CHECK_EQ(nl_command(&nl, KMIGRATE_CMD_HARVEST, 0, session, NULL, NULL), -ENOENT);
	REQUIRE(drive(0));
	CHECK(track.drive && !track.interval_ms && track.bytes);
	/* 2 bytes a page, in all less than 0.1 % of the guest, and what each VM takes. */
	CHECK(track.bytes < PAGES * 4 + (600 << 10));
	CHECK_EQ(logging(), KMIGRATE_LOGGING_KMIGRATE);
	nr = nl_slots(&nl, session, slots, 64);
	for (i = 0; i < nr; i++)
		ours += slots[i].logging == KMIGRATE_LOGGING_KMIGRATE;
	CHECK(ours >= 2);
	CHECK_EQ(nl_track_stop(&nl, session), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
	CHECK_EQ(logging(), KMIGRATE_LOGGING_NONE);
	/* And again. */
	REQUIRE(drive(100));
	CHECK_EQ(track.interval_ms, 100);
	CHECK_EQ(logging(), KMIGRATE_LOGGING_KMIGRATE);
	stop();
}

static void rounds(struct vmm_options options)
{
	static uint32_t pages[PAGES];
	uint32_t round;
	size_t nr;

	options.vcpus = 1;
	REQUIRE(start(options));
	REQUIRE(drive(0));
	/* Arms a log that starts with every bit set. */
	REQUIRE_EQ(nl_harvest(&nl, session), 0);
	for (round = 1; round <= patience(12, 7); round++) {
		nr = round == 6 ? 0 : (size_t)(random() % 4000);
		vmm_choose(pages, nr, PAGES, want);
		REQUIRE_EQ(vmm_write(&vmm, 0, pages, nr, round), 0);
		REQUIRE_EQ(nl_harvest(&nl, session), 0);
		if (!got_what_was_written())
			break;
	}
	stop();
}

static void anonymous(void)
{
	rounds((struct vmm_options){ .backing = VMM_ANON });
}

static void huge(void)
{
	rounds((struct vmm_options){ .backing = VMM_THP });
}

static void memfd(void)
{
	rounds((struct vmm_options){ .backing = VMM_MEMFD });
}

static void manual(void)
{
	rounds((struct vmm_options){ .manual = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE });
}

static void initially_set(void)
{
	rounds((struct vmm_options){ .manual = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
					       KVM_DIRTY_LOG_INITIALLY_SET });
}

static void windows(void)
{
	static uint32_t pages[PAGES];
	static struct nl_region regions[64];
	struct nl_window w[5];
	uint32_t sum = 0;
	uint64_t begin;
	int i, nr;

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	REQUIRE(drive(10));
	vmm_choose(pages, 3000, PAGES, want);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 3000, 1), 0);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 1000, 2), 0);
	usleep(50000);
	REQUIRE_EQ(nl_windows(&nl, session, w), 0);
	/* Beside them the guest has a page or two of its own in low memory. */
	CHECK(w[4].unique >= 3000 && w[4].unique <= 3016);
	for (i = 1; i < 5; i++)
		CHECK(w[i].unique >= w[i - 1].unique && w[i].ms > w[i - 1].ms);
	nr = nl_regions(&nl, session, regions, 64);
	CHECK(nr > 0 && nr <= 64);
	for (i = 0; i < nr; i++) {
		CHECK(regions[i].pages_1s <= regions[i].pages_10s);
		CHECK(regions[i].pages_10s <= regions[i].pages_60s);
		if (regions[i].gfn >= VMM_GFN)
			sum += regions[i].pages_60s;
	}
	CHECK_EQ(sum, 3000);
	sleep(2);
	CHECK_EQ(nl_windows(&nl, session, w), 0);
	CHECK(w[1].unique <= 16);
	CHECK(w[2].ns >= 1000000000 && w[2].unique <= 16);
	/* The clock of what is marked goes on. */
	begin = now_ms();
	CHECK_EQ(vmm_write(&vmm, 0, pages, 500, 3), 0);
	CHECK_EQ(nl_windows(&nl, session, w), 0);
	CHECK(w[4].unique <= 3016);
	CHECK(w[2].unique <= 516 && (w[2].unique >= 500 || now_ms() - begin > 900));
	CHECK_EQ(nl_track(&nl, session, &track), 0);
	CHECK_EQ(track.missed, 0);
	stop();
}

static void two_sessions(void)
{
	uint32_t other;
	struct nl nl2;

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	REQUIRE_EQ(nl_open(&nl2), 0);
	REQUIRE_EQ(nl_attach(&nl2, vmm.vm, &other), 0);
	REQUIRE_EQ(nl_track_start(&nl2, other, true, 10), 0);
	CHECK_EQ(nl_track_wait(&nl2, other, KMIGRATE_TRACK_ON, &track), 0);
	CHECK_EQ(nl_track_start(&nl, session, true, 10), -EBUSY);
	CHECK_EQ(nl_track_stop(&nl, session), -ENOENT);
	CHECK_EQ(logging(), KMIGRATE_LOGGING_KMIGRATE);
	/* The owner dies; what it did is undone. */
	nl_close(&nl2);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
	CHECK_EQ(logging(), KMIGRATE_LOGGING_NONE);
	CHECK(drive(10));
	stop();
}

/* Nobody waits for what the last owner left to be undone, and gets nothing of it. */
static void one_after_another(void)
{
	static uint32_t pages[PAGES];
	uint32_t round, other;
	struct nl nl2;
	size_t nr;

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	for (round = 1; round <= patience(30, 4); round++) {
		REQUIRE_EQ(nl_open(&nl2), 0);
		REQUIRE_EQ(nl_attach(&nl2, vmm.vm, &other), 0);
		REQUIRE_EQ(nl_track_start(&nl2, other, true, 10), 0);
		usleep((useconds_t)(random() % 20000));
		nl_close(&nl2);
		REQUIRE_EQ(nl_track_start(&nl, session, true, 0), 0);
		REQUIRE_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
		CHECK(track.drive && !track.interval_ms && !track.harvest);
		nr = 500;
		vmm_choose(pages, nr, PAGES, want);
		REQUIRE_EQ(vmm_write(&vmm, 0, pages, nr, round), 0);
		REQUIRE_EQ(nl_harvest(&nl, session), 0);
		if (!got_what_was_written())
			break;
		CHECK_EQ(nl_track_stop(&nl, session), 0);
	}
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
	CHECK_EQ(logging(), KMIGRATE_LOGGING_NONE);
	stop();
}

static void slots_change(void)
{
	const uint64_t gfn = VMM_GFN + PAGES + 1024;
	struct nl_slot slots[64];
	char *more;
	int i, nr, tries = 0, found;

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	more = aligned_alloc(4096, 256 * 4096);
	REQUIRE(drive(10));
	REQUIRE_EQ(vmm_slot(&vmm, 9, gfn, 256, more, 0), 0);
	do {
		usleep(10000);
		found = 0;
		nr = nl_slots(&nl, session, slots, 64);
		for (i = 0; i < nr; i++)
			found |= slots[i].gfn == gfn &&
				 slots[i].logging == KMIGRATE_LOGGING_KMIGRATE;
	} while (!found && ++tries < 3000);
	CHECK(found);
	/* Moved, deleted. */
	CHECK_EQ(vmm_slot(&vmm, 9, gfn + 1024, 256, more, 0), 0);
	CHECK_EQ(vmm_slot(&vmm, 9, gfn + 1024, 0, more, 0), 0);
	CHECK_EQ(nl_harvest(&nl, session), 0);
	CHECK_EQ(nl_track(&nl, session, &track), 0);
	CHECK_EQ(track.state, KMIGRATE_TRACK_ON);
	stop();
	free(more);
}

/* The VMM starts to log at any moment: it must see every page that is written after that. */
static void gives_way(void)
{
	static uint32_t pages[PAGES];
	uint32_t round, page, lost = 0;
	size_t nr;

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	for (round = 1; round <= patience(60, 20); round++) {
		REQUIRE_EQ(nl_track_start(&nl, session, true, 10), 0);
		/* Not only when it is on: while it comes on, too. */
		usleep((useconds_t)(random() % 30000));
		REQUIRE_EQ(vmm_log(&vmm, true), 0);
		nr = 200;
		vmm_choose(pages, nr, PAGES, want);
		REQUIRE_EQ(vmm_write(&vmm, 0, pages, nr, round), 0);
		if (round % 2)
			usleep((useconds_t)(random() % 20000));
		REQUIRE_EQ(vmm_harvest(&vmm, bitmap), 0);
		for (page = 0; page < PAGES; page++)
			lost += vmm_bit(want, page) && !vmm_bit(bitmap, page);
		if (!CHECK_EQ(lost, 0))
			break;
		CHECK_EQ(nl_track_stop(&nl, session), 0);
		CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
		/* Still the VMM's, and on. */
		CHECK_EQ(logging(), KMIGRATE_LOGGING_VMM);
		REQUIRE_EQ(vmm_log(&vmm, false), 0);
		CHECK_EQ(logging(), KMIGRATE_LOGGING_NONE);
		if (ktap.failed)
			break;
	}
	stop();
}

static void says_that_it_gave_way(void)
{
	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	REQUIRE(drive(0));
	REQUIRE_EQ(vmm_log(&vmm, true), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_GAVE_WAY, &track), 0);
	CHECK_EQ(logging(), KMIGRATE_LOGGING_VMM);
	CHECK_EQ(nl_command(&nl, KMIGRATE_CMD_HARVEST, 0, session, NULL, NULL), -ECANCELED);
	/* A slot that logs already is left alone, the others are driven. */
	CHECK_EQ(nl_track_stop(&nl, session), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
	REQUIRE(drive(10));
	usleep(50000);
	CHECK_EQ(nl_track_stop(&nl, session), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
	CHECK_EQ(logging(), KMIGRATE_LOGGING_VMM);
	stop();
}

/* The VMM harvests its own log while the module tracks: it loses nothing, and is not driven. */
static void observes(void)
{
	static uint32_t pages[PAGES];
	struct nl_window w[5];

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	REQUIRE_EQ(vmm_log(&vmm, true), 0);
	REQUIRE_EQ(nl_track_start(&nl, session, false, 10), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
	vmm_choose(pages, 500, PAGES, want);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 500, 1), 0);
	usleep(30000);
	CHECK_EQ(vmm_harvest(&vmm, bitmap), 0);
	CHECK(!memcmp(bitmap, want, sizeof(want)));
	CHECK_EQ(nl_windows(&nl, session, w), 0);
	CHECK_EQ(w[4].unique, 500);
	CHECK_EQ(nl_command(&nl, KMIGRATE_CMD_HARVEST, 0, session, NULL, NULL), -ENOENT);
	stop();
}

static void refuses(void)
{
	REQUIRE(start((struct vmm_options){ .vcpus = 1, .ring = 65536 }));
	CHECK_EQ(nl_track_start(&nl, session, true, 0), -EOPNOTSUPP);
	CHECK_EQ(nl_track_start(&nl, session, false, 0), 0);
	stop();
	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	CHECK_EQ(nl_track_start(&nl, session, true, 9), -ERANGE);
	CHECK_EQ(nl_track_start(&nl, session, true, 60001), -ERANGE);
	CHECK_EQ(nl_track_start(&nl, session + 1, true, 0), -ENOENT);
	stop();
}

/* VMMs that are killed at any moment while they are driven. */
static void killed(void)
{
	struct vmm_child child;
	unsigned int i;

	REQUIRE_EQ(nl_open(&nl), 0);
	for (i = 0; i < patience(10, 3); i++) {
		REQUIRE_EQ(vmm_spawn(&child), 0);
		REQUIRE_EQ(vmm_order(&child, VMM_BUSY), 0);
		REQUIRE_EQ(nl_attach(&nl, child.vm, &session), 0);
		close(child.vm);
		CHECK_EQ(nl_track_start(&nl, session, true, patience(10, 500)), 0);
		usleep((useconds_t)(random() % 100000));
		vmm_kill(&child);
		if (i % 2)
			CHECK_EQ(nl_detach(&nl, session), 0);
	}
	nl_close(&nl);
}

static const struct ktap_test tests[] = {
	{ "on, off, and on again", on_and_off },
	{ "rounds of known pages: anonymous memory", anonymous },
	{ "rounds of known pages: huge pages", huge },
	{ "rounds of known pages: memfd", memfd },
	{ "rounds of known pages: manual protection", manual },
	{ "rounds of known pages: initially set", initially_set },
	{ "working set and regions", windows },
	{ "one owner at a time, undone when it dies", two_sessions },
	{ "one owner after another, at once", one_after_another },
	{ "slots that come, move and go", slots_change },
	{ "the VMM starts to log: it loses no page", gives_way },
	{ "the VMM starts to log: the module says so", says_that_it_gave_way },
	{ "observing changes nothing", observes },
	{ "what can't be driven", refuses },
	{ "VMMs killed while driven", killed },
};

int main(int argc, char **argv)
{
	srandom(4711);
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
