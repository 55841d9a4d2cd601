// SPDX-License-Identifier: GPL-2.0
/*
 * VMs whose VMM chose dirty rings: the module says so, doesn't drive them, and counts as
 * many pages as the VMM finds in its rings.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kmod.h"
#include "nltrack.h"

#define PAGES	8192
#define RING	65536			/* bytes: 4096 entries */
#define WRITES	1500			/* at most, in one round; rings fill up before their end */

static struct vmm vmm;
static struct nl nl;
static uint32_t session;
static uint64_t bitmap[PAGES / 64], want[PAGES / 64];
static uint32_t pages[VMM_MAX_VCPUS][WRITES];

static bool start(unsigned int vcpus)
{
	struct vmm_options options = { .pages = PAGES, .vcpus = vcpus, .ring = RING };

	return CHECK_EQ(vmm_open(&vmm, &options), 0) && CHECK_EQ(nl_open(&nl), 0) &&
	       CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0) &&
	       CHECK_EQ(vmm_log(&vmm, true), 0);
}

static void stop(void)
{
	nl_close(&nl);
	vmm_close(&vmm);
}

static void not_driven(void)
{
	struct nl_track track;
	struct nl_vm vm;

	REQUIRE(start(1));
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.mechanism, KMIGRATE_MECHANISM_DIRTY_RING);
	CHECK_EQ(vm.ring, RING);
	CHECK_EQ(nl_track_start(&nl, session, true, 10), -EOPNOTSUPP);
	CHECK_EQ(nl_track(&nl, session, &track), 0);
	CHECK_EQ(track.state, KMIGRATE_TRACK_OFF);
	CHECK_EQ(nl_command(&nl, KMIGRATE_CMD_HARVEST, 0, session, NULL, NULL), -ENOENT);
	/* Nor is one that does not log switched on. */
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK_EQ(nl_track_start(&nl, session, true, 0), -EOPNOTSUPP);
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.logging, KMIGRATE_LOGGING_NONE);
	stop();
}

/* Different pages for each vCPU: page % @vcpus is its index. */
static void choose(unsigned int vcpu, unsigned int vcpus, uint32_t nr)
{
	uint32_t i = 0;

	while (i < nr) {
		uint32_t page = (uint32_t)random() % PAGES / vcpus * vcpus + vcpu;

		if (page >= PAGES || vmm_bit(want, page))
			continue;
		want[page / 64] |= 1ull << page % 64;
		pages[vcpu][i++] = page;
	}
}

static void rounds(unsigned int vcpus)
{
	uint64_t sums[VMM_MAX_VCPUS] = {}, sum = 0;
	struct nl_vcpu list[VMM_MAX_VCPUS] = {};
	struct nl_counts counts;
	unsigned int i, round;
	int nr;

	REQUIRE(start(vcpus));
	for (round = 1; round <= 8 && !ktap.failed; round++) {
		uint32_t writes = 1 + (uint32_t)random() % (WRITES / vcpus);

		memset(want, 0, sizeof(want));
		memset(bitmap, 0, sizeof(bitmap));
		for (i = 0; i < vcpus; i++)
			choose(i, vcpus, writes);
		for (i = 0; i < vcpus; i++)
			vmm_start(&vmm, i, pages[i], writes, round);
		for (i = 0; i < vcpus; i++)
			CHECK_EQ(vmm_wait(&vmm, i), 0);
		for (i = 0; i < vcpus; i++) {
			nr = vmm_reap(&vmm, i, bitmap);
			CHECK(nr >= (int)writes);
			sums[i] += nr > 0 ? (unsigned int)nr : 0;
			sum += nr > 0 ? (unsigned int)nr : 0;
		}
		CHECK(!memcmp(bitmap, want, sizeof(want)));
		CHECK_EQ(nl_counts(&nl, session, &counts), 0);
		CHECK_EQ(counts.pages, sum);
		CHECK_EQ(counts.unattributed, 0);
		CHECK_EQ(nl_vcpus(&nl, session, list, VMM_MAX_VCPUS), (int)vcpus);
		for (i = 0; i < vcpus; i++)
			CHECK_EQ(list[i].pages, sums[i]);
	}
	KTAP_NOTE("%llu entries of rings", (unsigned long long)sum);
	stop();
}

static void one_vcpu(void)
{
	rounds(1);
}

static void four_vcpus(void)
{
	rounds(4);
}

/* Tracked without being driven: each page once in the working set, nothing is missing. */
static void observed(void)
{
	struct nl_track track;
	struct nl_window w[5];

	REQUIRE(start(1));
	REQUIRE_EQ(nl_track_start(&nl, session, false, 10), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
	memset(want, 0, sizeof(want));
	choose(0, 1, WRITES);
	CHECK_EQ(vmm_write(&vmm, 0, pages[0], WRITES, 1), 0);
	CHECK(vmm_reap(&vmm, 0, bitmap) >= WRITES);
	CHECK_EQ(vmm_write(&vmm, 0, pages[0], 500, 2), 0);
	CHECK(vmm_reap(&vmm, 0, bitmap) >= 500);
	CHECK_EQ(nl_windows(&nl, session, w), 0);
	CHECK_EQ(w[4].unique, WRITES);
	CHECK_EQ(nl_track(&nl, session, &track), 0);
	CHECK_EQ(track.state, KMIGRATE_TRACK_ON);
	CHECK(!track.drive && !track.missed);
	stop();
}

static const struct ktap_test tests[] = {
	{ "told, and not driven", not_driven },
	{ "one vCPU: as many as its ring has", one_vcpu },
	{ "four vCPUs: as many as each ring has", four_vcpus },
	{ "observed", observed },
};

int main(int argc, char **argv)
{
	srandom(4711);
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
