// SPDX-License-Identifier: GPL-2.0
/*
 * A VMM that is driven and does what it can to that: takes its log back in the midst of a
 * harvest, unmaps or overwrites the memory that the module has put into its address space,
 * forks. It loses no page that it has a right to, and can harm nobody but itself.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod.h"
#include "nltrack.h"

#define PAGES		16384
#define SCRATCH		0x41000		/* kmod/drive.c: HEADER_BYTES + BITS_BYTES */
#define MAX_RANGES	512

static struct vmm vmm;
static struct nl nl;
static uint32_t session, pages[PAGES];
static uint64_t bitmap[PAGES / 64], want[PAGES / 64];
static struct nl_track track;
static atomic_bool quit;

static bool attach(void)
{
	const struct vmm_options options = { .pages = PAGES, .vcpus = 1 };

	return CHECK_EQ(vmm_open(&vmm, &options), 0) && CHECK_EQ(nl_open(&nl), 0) &&
	       CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0);
}

static bool drive(uint32_t interval_ms)
{
	return CHECK_EQ(nl_track_start(&nl, session, true, interval_ms), 0) &&
	       CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
}

static bool start(uint32_t interval_ms)
{
	return attach() && drive(interval_ms);
}

static void stop(void)
{
	struct nl_vm vm;

	CHECK_EQ(nl_track_stop(&nl, session), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK(vm.logging != KMIGRATE_LOGGING_KMIGRATE);
	nl_close(&nl);
	vmm_close(&vmm);
}

static uint32_t missing(void)
{
	uint32_t page, nr = 0;

	for (page = 0; page < PAGES; page++)
		nr += vmm_bit(want, page) && !vmm_bit(bitmap, page);
	return nr;
}

static bool harvest_is_exact(uint32_t value)
{
	vmm_choose(pages, 500, PAGES, want);
	return CHECK_EQ(vmm_write(&vmm, 0, pages, 500, value), 0) &&
	       CHECK_EQ(nl_harvest(&nl, session), 0) &&
	       CHECK(nl_harvested(&nl, session, VMM_GFN, PAGES, bitmap) >= 0) &&
	       CHECK(!memcmp(bitmap, want, sizeof(want)));
}

/* KVM deletes a slot with slots_lock held, and waits for an SRCU grace period. */
static void *keep_lock_busy(void *memory)
{
	const uint64_t gfn = VMM_GFN + 2 * PAGES;

	while (!quit) {
		vmm_slot(&vmm, 9, gfn, 16, memory, 0);
		vmm_slot(&vmm, 9, gfn, 0, memory, 0);
		usleep((useconds_t)(random() % 1000));
	}
	return NULL;
}

static void *harvest(void *unused)
{
	return (void *)(intptr_t)nl_harvest(&nl, session);
}

/*
 * The module has read which pages are dirty and waits for slots_lock; the VMM starts to log;
 * its guest writes to the same pages again, which are not armed. Were they cleared now, the
 * VMM would never hear of those writes.
 */
static void amid_a_harvest(void)
{
	pthread_t busy, harvester;
	uint32_t round, cancelled = 0;
	void *memory, *result;

	memory = aligned_alloc(4096, 16 * 4096);
	REQUIRE(memory);
	REQUIRE(start(0));
	quit = false;
	REQUIRE_EQ(pthread_create(&busy, NULL, keep_lock_busy, memory), 0);
	for (round = 1; round <= 30 && !ktap.failed; round++) {
		vmm_choose(pages, 200, PAGES, want);
		CHECK_EQ(vmm_write(&vmm, 0, pages, 200, 2 * round), 0);
		REQUIRE_EQ(pthread_create(&harvester, NULL, harvest, NULL), 0);
		usleep((useconds_t)(random() % 1000));
		CHECK_EQ(vmm_log(&vmm, true), 0);
		CHECK_EQ(vmm_write(&vmm, 0, pages, 200, 2 * round + 1), 0);
		pthread_join(harvester, &result);
		cancelled += (intptr_t)result == -ECANCELED;
		CHECK_EQ(vmm_harvest(&vmm, bitmap), 0);
		CHECK_EQ(missing(), 0);
		CHECK_EQ(nl_track_stop(&nl, session), 0);
		CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
		CHECK_EQ(vmm_log(&vmm, false), 0);
		CHECK_EQ(nl_track_start(&nl, session, true, 0), 0);
		CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
	}
	KTAP_NOTE("%u harvests, %u of them cut off by the VMM", round - 1, cancelled);
	quit = true;
	pthread_join(busy, NULL);
	stop();
	free(memory);
}

struct range {
	unsigned long from, to;
};

static size_t read_maps(struct range *ranges)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	size_t nr = 0;

	while (file && nr < MAX_RANGES && fgets(line, sizeof(line), file))
		nr += sscanf(line, "%lx-%lx", &ranges[nr].from, &ranges[nr].to) == 2;
	if (file)
		fclose(file);
	return nr;
}

static bool within(const struct range *ranges, size_t nr, unsigned long at)
{
	while (nr--)
		if (at >= ranges[nr].from && at < ranges[nr].to)
			return true;
	return false;
}

/* start(), and where the module's mapping is; it may have become part of a neighbour. */
static char *start_and_find(uint32_t interval_ms)
{
	static struct range before[MAX_RANGES], after[MAX_RANGES];
	size_t i, nr_before, nr_after;
	unsigned long at, run;

	if (!attach())
		return NULL;
	nr_before = read_maps(before);
	if (!drive(interval_ms))
		return NULL;
	nr_after = read_maps(after);
	for (i = 0; i < nr_after; i++)
		for (at = after[i].from, run = 0; at < after[i].to; at += 4096) {
			run = within(before, nr_before, at) ? 0 : run + 4096;
			if (run == SCRATCH && (at + 4096 == after[i].to ||
					       within(before, nr_before, at + 4096)))
				return (char *)at + 4096 - SCRATCH;
		}
	return NULL;
}

static void unmapped(void)
{
	char *scratch = start_and_find(0);

	REQUIRE(scratch);
	REQUIRE(harvest_is_exact(1));
	REQUIRE_EQ(munmap(scratch, SCRATCH), 0);
	vmm_choose(pages, 100, PAGES, want);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 100, 2), 0);
	CHECK(nl_harvest(&nl, session) < 0);
	CHECK_EQ(nl_track(&nl, session, &track), 0);
	CHECK_EQ(track.state, KMIGRATE_TRACK_FAILED);
	CHECK_EQ(track.error, EFAULT);
	stop();
	/* The next one has a new mapping. */
	REQUIRE(start(0));
	CHECK(harvest_is_exact(3));
	stop();
}

/* Something of the VMM's own lies there now: it is neither written to nor unmapped. */
static void replaced(void)
{
	char *scratch = start_and_find(0), *mine;
	size_t i, changed = 0;

	REQUIRE(scratch);
	mine = mmap(scratch, SCRATCH, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	REQUIRE(mine == scratch);
	memset(mine, 0x5a, SCRATCH);
	vmm_choose(pages, 100, PAGES, want);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 100, 1), 0);
	nl_harvest(&nl, session);
	stop();
	for (i = 0; i < SCRATCH; i++)
		changed += mine[i] != 0x5a;
	CHECK_EQ(changed, 0);
	CHECK_EQ(munmap(mine, SCRATCH), 0);
}

static void *scribble(void *scratch)
{
	/* Not the request, which would make KVM refuse, but what follows it. */
	while (!quit)
		memset((char *)scratch + 4096, (int)random(), SCRATCH - 4096);
	return NULL;
}

static void overwritten(void)
{
	char *scratch = start_and_find(10);
	pthread_t thread;
	uint32_t round;

	REQUIRE(scratch);
	quit = false;
	REQUIRE_EQ(pthread_create(&thread, NULL, scribble, scratch), 0);
	for (round = 1; round <= 100; round++) {
		vmm_choose(pages, 300, PAGES, want);
		if (!CHECK_EQ(vmm_write(&vmm, 0, pages, 300, round), 0))
			break;
	}
	quit = true;
	pthread_join(thread, NULL);
	stop();
	/* Nothing of it reaches another tracking. */
	REQUIRE(start(0));
	CHECK(harvest_is_exact(1));
	stop();
}

static void forked(void)
{
	uint32_t round;
	pid_t child;

	REQUIRE(start(0));
	for (round = 1; round <= 5 && !ktap.failed; round++) {
		child = fork();
		if (!child)
			for (;;)
				pause();
		REQUIRE(child > 0);
		CHECK(harvest_is_exact(2 * round));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		CHECK(harvest_is_exact(2 * round + 1));
	}
	stop();
}

static const struct ktap_test tests[] = {
	{ "the VMM starts to log amid a harvest", amid_a_harvest },
	{ "the module's mapping is unmapped", unmapped },
	{ "another takes its place", replaced },
	{ "it is overwritten all the time", overwritten },
	{ "the VMM forks", forked },
};

int main(int argc, char **argv)
{
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
