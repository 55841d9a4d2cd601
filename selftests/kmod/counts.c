// SPDX-License-Identifier: GPL-2.0
/* Counts of dirtied pages, against the pages that the guest was told to write. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kmod.h"

#define PAGES	16384

static struct vmm vmm;
static struct nl nl;
static uint32_t session;
static uint64_t bitmap[PAGES / 64];

static bool start(struct vmm_options options)
{
	options.pages = PAGES;
	return CHECK_EQ(vmm_open(&vmm, &options), 0) && CHECK_EQ(nl_open(&nl), 0) &&
	       CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0) &&
	       CHECK_EQ(vmm_log(&vmm, true), 0);
}

static void stop(void)
{
	nl_close(&nl);
	vmm_close(&vmm);
}

/* All pages of [first, first + span) in random order; take as many as you like. */
static void shuffle(uint32_t *pages, uint32_t first, uint32_t span)
{
	uint32_t i, j, swap;

	for (i = 0; i < span; i++)
		pages[i] = first + i;
	for (i = span - 1; i; i--) {
		j = (uint32_t)random() % (i + 1);
		swap = pages[i];
		pages[i] = pages[j];
		pages[j] = swap;
	}
}

static unsigned int weight(const uint64_t *bits)
{
	unsigned int sum = 0, i;

	for (i = 0; i < PAGES / 64; i++)
		sum += (unsigned int)__builtin_popcountll(bits[i]);
	return sum;
}

static bool expect(uint64_t pages, uint64_t vcpu0, uint64_t vcpu1)
{
	struct nl_vcpu vcpus[VMM_MAX_VCPUS] = {};
	struct nl_counts counts;
	bool ok;

	ok = CHECK_EQ(nl_counts(&nl, session, &counts), 0) &&
	     CHECK(nl_vcpus(&nl, session, vcpus, VMM_MAX_VCPUS) > 0);
	ok &= CHECK_EQ(counts.pages, pages);
	ok &= CHECK_EQ(counts.unattributed, 0);
	ok &= CHECK_EQ(vcpus[0].pages, vcpu0);
	ok &= CHECK_EQ(vcpus[1].pages, vcpu1);
	ok &= CHECK_EQ(counts.repeats, vcpus[0].repeats + vcpus[1].repeats);
	return ok;
}

static void one_vcpu(void)
{
	static uint32_t pages[PAGES];

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	shuffle(pages, 0, PAGES);
	CHECK(expect(0, 0, 0));
	CHECK_EQ(vmm_write(&vmm, 0, pages, 1000, 1), 0);
	CHECK(expect(1000, 1000, 0));
	/* Dirty already. */
	CHECK_EQ(vmm_write(&vmm, 0, pages, 1000, 2), 0);
	CHECK(expect(1000, 1000, 0));
	/* 500 new ones. */
	CHECK_EQ(vmm_write(&vmm, 0, pages + 500, 1000, 3), 0);
	CHECK(expect(1500, 1500, 0));
	/* Clean after a harvest, and so they count again. */
	CHECK_EQ(vmm_harvest(&vmm, bitmap), 0);
	CHECK_EQ(weight(bitmap), 1500);
	CHECK(expect(1500, 1500, 0));
	CHECK_EQ(vmm_write(&vmm, 0, pages, 700, 4), 0);
	CHECK(expect(2200, 2200, 0));
	/* The guest did what it was told. */
	CHECK_EQ(*(uint32_t *)(vmm.memory + pages[0] * 4096ul), 4);
	CHECK_EQ(*(uint32_t *)(vmm.memory + pages[800] * 4096ul), 3);
	stop();
}

/* Both vCPUs at once, on pages of their own. */
static void two_vcpus(void)
{
	static uint32_t pages[PAGES];
	uint64_t sum0 = 0, sum1 = 0;
	uint32_t round, n0, n1;

	REQUIRE(start((struct vmm_options){ .vcpus = 2 }));
	for (round = 1; round <= 8; round++) {
		shuffle(pages, 0, PAGES / 2);
		shuffle(pages + PAGES / 2, PAGES / 2, PAGES / 2);
		n0 = (uint32_t)random() % 2000;
		n1 = (uint32_t)random() % 2000;
		vmm_start(&vmm, 0, pages, n0, round);
		vmm_start(&vmm, 1, pages + PAGES / 2, n1, round);
		CHECK_EQ(vmm_wait(&vmm, 0), 0);
		CHECK_EQ(vmm_wait(&vmm, 1), 0);
		sum0 += n0;
		sum1 += n1;
		if (!expect(sum0 + sum1, sum0, sum1))
			break;
		CHECK_EQ(vmm_harvest(&vmm, bitmap), 0);
		CHECK_EQ(weight(bitmap), n0 + n1);
	}
	stop();
}

/*
 * Both on the same pages. A page that both report in the same instant may count twice
 * (dirty.c says why); what is written down in the bitmap never more than once.
 */
static void same_pages(void)
{
	static uint32_t pages[PAGES];
	uint64_t bits = 0;
	struct nl_counts counts;
	uint32_t round;

	REQUIRE(start((struct vmm_options){ .vcpus = 2 }));
	for (round = 1; round <= 8; round++) {
		shuffle(pages, 0, PAGES);
		vmm_start(&vmm, 0, pages, 1000, round);
		vmm_start(&vmm, 1, pages, 1000, round);
		CHECK_EQ(vmm_wait(&vmm, 0), 0);
		CHECK_EQ(vmm_wait(&vmm, 1), 0);
		CHECK_EQ(vmm_harvest(&vmm, bitmap), 0);
		bits += weight(bitmap);
	}
	CHECK_EQ(bits, 8000);
	CHECK_EQ(nl_counts(&nl, session, &counts), 0);
	KTAP_NOTE("%llu counted for %llu bits", (unsigned long long)counts.pages,
		  (unsigned long long)bits);
	CHECK(counts.pages >= bits && counts.pages <= bits + bits / 100);
	stop();
}

static void not_logging(void)
{
	static uint32_t pages[PAGES];

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	shuffle(pages, 0, PAGES);
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 500, 1), 0);
	CHECK(expect(0, 0, 0));
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 500, 2), 0);
	CHECK(expect(500, 500, 0));
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK_EQ(vmm_write(&vmm, 0, pages + 500, 500, 3), 0);
	CHECK(expect(500, 500, 0));
	stop();
}

/* Each session starts at 0, sees what comes after, and ends alone. */
static void sessions(void)
{
	static uint32_t pages[PAGES];
	struct nl_counts counts;
	uint32_t second;
	struct nl other;

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	shuffle(pages, 0, PAGES);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 300, 1), 0);
	REQUIRE_EQ(nl_open(&other), 0);
	CHECK_EQ(nl_attach(&other, vmm.vm, &second), 0);
	CHECK(second != session);
	CHECK_EQ(nl_counts(&other, second, &counts), 0);
	CHECK_EQ(counts.pages, 0);
	CHECK_EQ(vmm_write(&vmm, 0, pages + 300, 200, 1), 0);
	CHECK_EQ(nl_counts(&other, second, &counts), 0);
	CHECK_EQ(counts.pages, 200);
	CHECK(counts.elapsed_ns > 0);
	CHECK(expect(500, 500, 0));
	nl_close(&other);
	CHECK_EQ(vmm_write(&vmm, 0, pages + 500, 100, 1), 0);
	CHECK(expect(600, 600, 0));
	stop();
}

static void two_vms(void)
{
	struct vmm_options options = { .pages = PAGES, .vcpus = 1 };
	static uint32_t pages[PAGES];
	struct nl_counts counts;
	uint32_t theirs;
	struct vmm second;

	REQUIRE(start(options));
	REQUIRE_EQ(vmm_open(&second, &options), 0);
	CHECK_EQ(vmm_log(&second, true), 0);
	CHECK_EQ(nl_attach(&nl, second.vm, &theirs), 0);
	shuffle(pages, 0, PAGES);
	vmm_start(&vmm, 0, pages, 1500, 1);
	vmm_start(&second, 0, pages, 700, 1);
	CHECK_EQ(vmm_wait(&vmm, 0), 0);
	CHECK_EQ(vmm_wait(&second, 0), 0);
	CHECK(expect(1500, 1500, 0));
	CHECK_EQ(nl_counts(&nl, theirs, &counts), 0);
	CHECK_EQ(counts.pages, 700);
	/* One that nobody watches is not counted for another. */
	CHECK_EQ(nl_detach(&nl, theirs), 0);
	CHECK_EQ(vmm_write(&second, 0, pages + 700, 700, 1), 0);
	CHECK(expect(1500, 1500, 0));
	vmm_close(&second);
	stop();
}

static void backing(enum vmm_backing kind)
{
	static uint32_t pages[PAGES];

	REQUIRE(start((struct vmm_options){ .vcpus = 1, .backing = kind }));
	/* Map all of it before, as large as it comes: logging must split that up. */
	shuffle(pages, 0, PAGES);
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK_EQ(vmm_write(&vmm, 0, pages, PAGES, 1), 0);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 3000, 2), 0);
	CHECK(expect(3000, 3000, 0));
	CHECK_EQ(vmm_harvest(&vmm, bitmap), 0);
	CHECK_EQ(weight(bitmap), 3000);
	stop();
}

static void huge_pages(void)
{
	backing(VMM_THP);
}

static void memfd(void)
{
	backing(VMM_MEMFD);
}

/* With KVM_DIRTY_LOG_INITIALLY_SET all is dirty until the VMM clears it. */
static void initially_set(void)
{
	static uint32_t pages[PAGES];
	struct nl_counts counts;

	REQUIRE(start((struct vmm_options){ .vcpus = 1, .manual = 3 }));
	shuffle(pages, 0, PAGES);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 400, 1), 0);
	CHECK_EQ(nl_counts(&nl, session, &counts), 0);
	CHECK_EQ(counts.pages, 0);
	memset(bitmap, 0xff, sizeof(bitmap));
	CHECK_EQ(vmm_clear(&vmm, bitmap), 0);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 400, 2), 0);
	CHECK(expect(400, 400, 0));
	stop();
}

/* Many rounds: the sum of all bits that were harvested is the count. */
static void endurance(void)
{
	static uint32_t pages[PAGES];
	uint64_t bits = 0, sums[2] = {};
	uint32_t round, n, vcpu;

	REQUIRE(start((struct vmm_options){ .vcpus = 2 }));
	for (round = 1; round <= 24; round++) {
		uint32_t span = 1u << (4 + random() % 11);

		shuffle(pages, 0, span);
		n = 1 + (uint32_t)random() % (span < 1500 ? span : 1500);
		vcpu = round % 2;
		if (!CHECK_EQ(vmm_write(&vmm, vcpu, pages, n, round), 0))
			break;
		sums[vcpu] += n;
		CHECK_EQ(vmm_harvest(&vmm, bitmap), 0);
		bits += weight(bitmap);
		if (!expect(bits, sums[0], sums[1]))
			break;
	}
	KTAP_NOTE("%llu pages in %u rounds", (unsigned long long)bits, round - 1);
	stop();
}

static const struct ktap_test tests[] = {
	{ "one vCPU: new, again, after a harvest", one_vcpu },
	{ "two vCPUs at once, each its own", two_vcpus },
	{ "two vCPUs on the same pages", same_pages },
	{ "nothing counts without logging", not_logging },
	{ "two sessions on one VM", sessions },
	{ "two VMs at once", two_vms },
	{ "memory in transparent huge pages", huge_pages },
	{ "memory in a memfd", memfd },
	{ "manual protection, initially set", initially_set },
	{ "random rounds", endurance },
};

int main(int argc, char **argv)
{
	srandom(4711);
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
