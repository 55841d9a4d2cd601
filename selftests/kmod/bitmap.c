// SPDX-License-Identifier: GPL-2.0
/* TEST, against what the guest wrote and against KVM_GET_DIRTY_LOG. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kmod.h"

#define PAGES	20000			/* no multiple of 64 */

static struct vmm vmm;
static struct nl nl;
static uint32_t session;
static struct nl_test answer;
static uint64_t truth[(PAGES + 63) / 64], harvested[(PAGES + 63) / 64];

static bool start(struct vmm_options options)
{
	options.pages = PAGES;
	options.vcpus = 1;
	memset(truth, 0, sizeof(truth));
	return CHECK_EQ(vmm_open(&vmm, &options), 0) && CHECK_EQ(nl_open(&nl), 0) &&
	       CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0) &&
	       CHECK_EQ(vmm_log(&vmm, true), 0);
}

static void stop(void)
{
	nl_close(&nl);
	vmm_close(&vmm);
}

/* @nr random pages, which @truth then knows. */
static bool write_random(uint32_t nr, uint32_t value)
{
	static uint32_t pages[VMM_MAX_WRITES];
	uint32_t i;

	for (i = 0; i < nr; i++) {
		pages[i] = (uint32_t)random() % PAGES;
		truth[pages[i] / 64] |= 1ull << pages[i] % 64;
	}
	return CHECK_EQ(vmm_write(&vmm, 0, pages, nr, value), 0);
}

/* Does the last answer say what it must about these extents of the test memory? */
static bool compare(const struct nl_extent *extents, unsigned int nr)
{
	uint32_t bit = 0, dirty = 0, wrong = 0, i, page;

	for (i = 0; i < nr; i++) {
		for (page = 0; page < extents[i].npages; page++, bit++) {
			uint32_t n = (uint32_t)(extents[i].gfn - VMM_GFN) + page;
			bool expected = vmm_bit(truth, n);

			dirty += expected;
			wrong += (answer.bitmap[bit / 8] >> bit % 8 & 1) != expected;
		}
	}
	for (; bit < answer.bytes * 8; bit++)
		wrong += answer.bitmap[bit / 8] >> bit % 8 & 1;
	return CHECK_EQ(wrong, 0) && CHECK_EQ(answer.dirty, dirty) &&
	       CHECK_EQ(answer.bytes, (bit + 7) / 8) && CHECK_EQ(answer.untracked, 0);
}

static bool test_all(void)
{
	struct nl_extent all = { .gfn = VMM_GFN, .npages = PAGES };

	return CHECK_EQ(nl_test(&nl, session, &all, 1, &answer), 0) && compare(&all, 1);
}

static bool harvest_matches(void)
{
	bool ok = CHECK_EQ(vmm_harvest(&vmm, harvested), 0) &&
		  CHECK(!memcmp(harvested, truth, sizeof(truth)));

	memset(truth, 0, sizeof(truth));
	return ok;
}

static void whole_slot(void)
{
	uint32_t round;

	REQUIRE(start((struct vmm_options){}));
	CHECK(test_all());
	for (round = 1; round <= 12; round++) {
		if (!write_random(round * 150, round) || !test_all())
			break;
		/* It changes nothing: the same answer again, and KVM has it all. */
		if (!test_all() || !harvest_matches() || !test_all())
			break;
	}
	stop();
}

static void random_extents(void)
{
	static struct nl_extent extents[KMIGRATE_MAX_TEST_EXTENTS];
	uint32_t round, i, nr, left;

	REQUIRE(start((struct vmm_options){}));
	for (round = 1; round <= 40; round++) {
		if (!write_random(200, round))
			break;
		left = KMIGRATE_MAX_TEST_PAGES;
		nr = 1 + (uint32_t)random() % KMIGRATE_MAX_TEST_EXTENTS;
		for (i = 0; i < nr && left; i++) {
			uint32_t longest = round % 2 ? 64 : 2000;

			extents[i].npages = 1 + (uint32_t)random() % longest;
			if (extents[i].npages > left)
				extents[i].npages = left;
			left -= extents[i].npages;
			extents[i].gfn = VMM_GFN + (uint64_t)random() %
					 (PAGES - extents[i].npages + 1);
		}
		if (!CHECK_EQ(nl_test(&nl, session, extents, i, &answer), 0) ||
		    !compare(extents, i))
			break;
		if (round % 5 == 0 && !harvest_matches())
			break;
	}
	stop();
}

/* As many single pages as a request can hold, and as many pages. */
static void limits(void)
{
	static struct nl_extent extents[KMIGRATE_MAX_TEST_EXTENTS + 1];
	uint32_t i;

	REQUIRE(start((struct vmm_options){}));
	REQUIRE(write_random(2000, 1));
	for (i = 0; i <= KMIGRATE_MAX_TEST_EXTENTS; i++)
		extents[i] = (struct nl_extent){ .gfn = VMM_GFN + i * 19, .npages = 1 };
	CHECK_EQ(nl_test(&nl, session, extents, KMIGRATE_MAX_TEST_EXTENTS, &answer), 0);
	CHECK(compare(extents, KMIGRATE_MAX_TEST_EXTENTS));
	CHECK_EQ(nl_test(&nl, session, extents, KMIGRATE_MAX_TEST_EXTENTS + 1, &answer),
		 -E2BIG);

	extents[0] = (struct nl_extent){ .gfn = VMM_GFN, .npages = KMIGRATE_MAX_TEST_PAGES };
	CHECK_EQ(nl_test(&nl, session, extents, 1, &answer), 0);
	CHECK_EQ(answer.bytes, KMIGRATE_MAX_TEST_PAGES / 8);
	CHECK_EQ(answer.untracked, KMIGRATE_MAX_TEST_PAGES - PAGES);
	extents[0].npages++;
	CHECK_EQ(nl_test(&nl, session, extents, 1, &answer), -E2BIG);
	/* A sum that wraps must not slip through. */
	for (i = 0; i < 3; i++)
		extents[i] = (struct nl_extent){ .gfn = VMM_GFN, .npages = 0xaaaaaaab };
	CHECK_EQ(nl_test(&nl, session, extents, 3, &answer), -E2BIG);
	stop();
}

static void bad_extents(void)
{
	struct nl_extent extent = { .gfn = VMM_GFN, .npages = 0 };

	REQUIRE(start((struct vmm_options){}));
	CHECK_EQ(nl_test(&nl, session, &extent, 1, &answer), -ERANGE);
	CHECK_EQ(nl_test(&nl, session, &extent, 0, &answer), -EINVAL);
	CHECK_EQ(nl.missing, KMIGRATE_A_EXTENT);
	extent = (struct nl_extent){ .gfn = UINT64_MAX, .npages = 2 };
	CHECK_EQ(nl_test(&nl, session, &extent, 1, &answer), -EINVAL);
	extent = (struct nl_extent){ .gfn = UINT64_MAX - 1, .npages = 1 };
	CHECK_EQ(nl_test(&nl, session, &extent, 1, &answer), 0);
	CHECK_EQ(answer.untracked, 1);
	extent = (struct nl_extent){ .gfn = VMM_GFN, .npages = 1, .as_id = 2 };
	CHECK_EQ(nl_test(&nl, session, &extent, 1, &answer), -ERANGE);
	extent.as_id = UINT32_MAX;
	CHECK_EQ(nl_test(&nl, session, &extent, 1, &answer), -ERANGE);
	stop();
}

/* Pages of no slot, of one that doesn't log, and extents across their borders. */
static void untracked(void)
{
	uint32_t last[2] = { PAGES - 1, PAGES - 3 };
	struct nl_extent extents[] = {
		{ .gfn = 0, .npages = 100 },			/* a slot without logging */
		{ .gfn = VMM_GFN - 50, .npages = 51 },		/* 50 before the slot */
		{ .gfn = VMM_GFN + PAGES - 3, .npages = 10 },	/* 7 behind it */
	};
	unsigned int i;

	REQUIRE(start((struct vmm_options){}));
	CHECK_EQ(vmm_write(&vmm, 0, last, 2, 1), 0);
	CHECK_EQ(nl_test(&nl, session, extents, 3, &answer), 0);
	CHECK_EQ(answer.untracked, 157);
	CHECK_EQ(answer.dirty, 2);
	for (i = 0; i < 161; i++)
		CHECK_EQ(answer.bitmap[i / 8] >> i % 8 & 1, i == 151 || i == 153);
	/* Off: what was dirty is not known any more. */
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK_EQ(nl_test(&nl, session, extents, 3, &answer), 0);
	CHECK_EQ(answer.untracked, 161);
	CHECK_EQ(answer.dirty, 0);
	stop();
}

/* Two slots that touch, both logging: an extent across them is one answer. */
static void neighbours(void)
{
	struct nl_extent extent = { .gfn = VMM_GFN + PAGES - 4, .npages = 8 };
	uint32_t pages[] = { PAGES - 4, PAGES - 1, PAGES, PAGES + 2 };

	REQUIRE(start((struct vmm_options){}));
	CHECK_EQ(vmm_slot(&vmm, 5, VMM_GFN + PAGES, 16, vmm.low, KVM_MEM_LOG_DIRTY_PAGES), 0);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 4, 1), 0);
	CHECK_EQ(nl_test(&nl, session, &extent, 1, &answer), 0);
	CHECK_EQ(answer.untracked, 0);
	CHECK_EQ(answer.dirty, 4);
	CHECK_EQ(answer.bitmap[0], 0x01 | 0x08 | 0x10 | 0x40);
	stop();
}

/* With manual protection a harvest leaves the bits, and only clearing takes them. */
static void manual_protect(void)
{
	REQUIRE(start((struct vmm_options){ .manual = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE }));
	REQUIRE(write_random(500, 1));
	CHECK(test_all());
	CHECK_EQ(vmm_harvest(&vmm, harvested), 0);
	CHECK(!memcmp(harvested, truth, sizeof(truth)));
	CHECK(test_all());
	CHECK_EQ(vmm_clear(&vmm, harvested), 0);
	memset(truth, 0, sizeof(truth));
	CHECK(test_all());
	stop();
}

/* The slot's bitmap comes and goes while it is being read. */
static atomic_bool toggling;

static void *toggle(void *data)
{
	while (toggling) {
		vmm_log(&vmm, false);
		vmm_log(&vmm, true);
	}
	return NULL;
}

static void while_toggling(void)
{
	struct nl_extent all = { .gfn = VMM_GFN, .npages = PAGES };
	pthread_t thread;
	unsigned int i, odd = 0;

	REQUIRE(start((struct vmm_options){}));
	toggling = true;
	REQUIRE_EQ(pthread_create(&thread, NULL, toggle, NULL), 0);
	for (i = 0; i < 2000; i++) {
		if (!CHECK_EQ(nl_test(&nl, session, &all, 1, &answer), 0))
			break;
		odd += answer.dirty || (answer.untracked && answer.untracked != PAGES);
	}
	toggling = false;
	pthread_join(thread, NULL);
	CHECK_EQ(odd, 0);
	stop();
}

static const struct ktap_test tests[] = {
	{ "the whole slot, twelve rounds with harvests", whole_slot },
	{ "forty rounds of random extents", random_extents },
	{ "as much as fits, and one more", limits },
	{ "bad extents", bad_extents },
	{ "pages that are not tracked", untracked },
	{ "an extent across two slots", neighbours },
	{ "manual protection", manual_protect },
	{ "while logging goes off and on", while_toggling },
};

int main(int argc, char **argv)
{
	srandom(4712);
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
