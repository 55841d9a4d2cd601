// SPDX-License-Identifier: GPL-2.0
/*
 * Driven harvests against the truth, over all that a guest's memory may be made of.
 *
 * The rule of the kernel's own dirty_log_test: the guest writes the number of the round to
 * pages. Where a harvest has a page, its word says this round or the last. Where it hasn't,
 * and the word says this round, the next harvest must have it. Half of the harvests are
 * taken while the vCPUs run; of the others more is known: they have all pages of their round.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "kmod.h"
#include "nltrack.h"

#define PAGES		16384
#define HUGE_PAGES	(PAGES / 512)
#define WRITES		88000		/* of each test, of which there are twelve */
#define A_ROUND		3200		/* at most, of all vCPUs */
#define DEBUGFS		"/sys/kernel/debug"
#define RESERVE		"/proc/sys/vm/nr_hugepages"

static struct vmm vmm;
static struct nl nl;
static uint32_t session;
static uint64_t bitmap[PAGES / 64], want[PAGES / 64], next[PAGES / 64];
static uint32_t pages[VMM_MAX_VCPUS][A_ROUND];
static struct {
	unsigned long long written, harvested, rounds, running;
} sum;

static long number_in(const char *path)
{
	FILE *file = fopen(path, "r");
	long n = -1;

	if (file && fscanf(file, "%ld", &n) != 1)
		n = -1;
	if (file)
		fclose(file);
	return n;
}

static bool reserve(long nr)
{
	FILE *file = fopen(RESERVE, "w");
	bool ok = file && fprintf(file, "%ld", nr) > 0;

	if (file)
		ok &= !fclose(file);
	return ok && number_in(RESERVE) == nr;
}

static uint32_t word(uint32_t page)
{
	return *(volatile uint32_t *)(vmm.memory + page * 4096ul);
}

/* @nr pages: all over the memory, or side by side; @want has their bits, too. */
static void choose(uint32_t *list, uint32_t nr, bool dense)
{
	uint32_t i, first = (uint32_t)random() % PAGES;

	for (i = 0; i < nr; i++) {
		list[i] = dense ? (first + i) % PAGES : (uint32_t)random() % PAGES;
		want[list[i] / 64] |= 1ull << list[i] % 64;
	}
}

/*
 * @running: the harvest was taken while the guest wrote; @before: so was the last one.
 * If it was not, nothing of the last round is left for this one.
 */
static bool judge(uint32_t round, bool running, bool before)
{
	uint32_t page, lost = 0, made_up = 0, guest = 0;

	for (page = 0; page < PAGES; page++) {
		bool has = vmm_bit(bitmap, page), now = word(page) == round;
		uint64_t *due = &next[page / 64], bit = 1ull << page % 64;

		guest += now != vmm_bit(want, page);
		made_up += has && !now && !(before && word(page) == round - 1);
		lost += !has && ((*due & bit) || (now && !running));
		*due = !has && now ? *due | bit : *due & ~bit;
	}
	return CHECK_EQ(guest, 0) & CHECK_EQ(made_up, 0) & CHECK_EQ(lost, 0);
}

static bool harvest(void)
{
	int nr;

	if (!CHECK_EQ(nl_harvest(&nl, session), 0))
		return false;
	nr = nl_harvested(&nl, session, VMM_GFN, PAGES, bitmap);
	sum.harvested += nr > 0 ? (unsigned int)nr : 0;
	return CHECK(nr >= 0);
}

static bool one_round(uint32_t round, unsigned int vcpus, uint32_t nr)
{
	bool running = round % 4 >= 2, before = (round - 1) % 4 >= 2, ok = true;
	unsigned int i;

	memset(want, 0, sizeof(want));
	for (i = 0; i < vcpus; i++)
		choose(pages[i], nr, round % 3 == 0);
	for (i = 0; i < vcpus; i++)
		vmm_start(&vmm, i, pages[i], nr, round);
	if (running) {
		usleep((useconds_t)(random() % 30000));
		ok = harvest();
	}
	for (i = 0; i < vcpus; i++)
		ok &= CHECK_EQ(vmm_wait(&vmm, i), 0);
	ok = ok && (running || harvest()) && judge(round, running, before);
	sum.written += vcpus * nr;
	sum.running += running;
	sum.rounds++;
	return ok;
}

/* All of the guest's memory, mapped as large as it comes. */
static bool touch_all(void)
{
	uint32_t first, i;

	for (first = 0; first < PAGES; first += A_ROUND) {
		for (i = 0; i < A_ROUND && first + i < PAGES; i++)
			pages[0][i] = first + i;
		if (!CHECK_EQ(vmm_write(&vmm, 0, pages[0], i, 1), 0))
			return false;
	}
	return true;
}

static bool start(enum vmm_backing backing, unsigned int vcpus)
{
	const struct vmm_options options = {
		.pages = PAGES, .vcpus = vcpus, .backing = backing,
	};
	struct nl_track track;
	long huge;

	memset(next, 0, sizeof(next));
	if (!CHECK_EQ(vmm_open(&vmm, &options), 0) || !touch_all())
		return false;
	huge = number_in(DEBUGFS "/kvm/pages_2m");
	if (backing == VMM_THP || backing == VMM_HUGETLB)
		CHECK(huge >= HUGE_PAGES / 2);
	else
		CHECK_EQ(huge, 0);
	return CHECK_EQ(nl_open(&nl), 0) && CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0) &&
	       CHECK_EQ(nl_track_start(&nl, session, true, 0), 0) &&
	       CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
}

static void rounds(enum vmm_backing backing, unsigned int vcpus)
{
	uint32_t round, nr = A_ROUND / vcpus, written = 0;

	REQUIRE(start(backing, vcpus));
	/* Of what touch_all() wrote, nothing may come. */
	for (round = 4; written < WRITES; round++, written += nr * vcpus) {
		nr = (A_ROUND / 2 + (uint32_t)random() % (A_ROUND / 2)) / vcpus;
		if (!one_round(round, vcpus, nr))
			break;
	}
	CHECK(written >= WRITES);
	nl_close(&nl);
	vmm_close(&vmm);
}

static void hugetlb(unsigned int vcpus)
{
	long before = number_in(RESERVE);

	REQUIRE(reserve(before + HUGE_PAGES));
	rounds(VMM_HUGETLB, vcpus);
	CHECK(reserve(before));
}


static void anonymous(unsigned int vcpus)
{
	rounds(VMM_ANON, vcpus);
}

static void thp(unsigned int vcpus)
{
	rounds(VMM_THP, vcpus);
}

static void memfd(unsigned int vcpus)
{
	rounds(VMM_MEMFD, vcpus);
}

#define BY_VCPUS(backing)					\
	static void backing##_1(void) { backing(1); }		\
	static void backing##_2(void) { backing(2); }		\
	static void backing##_4(void) { backing(4); }

BY_VCPUS(anonymous)
BY_VCPUS(thp)
BY_VCPUS(memfd)
BY_VCPUS(hugetlb)

static void totals(void)
{
	KTAP_NOTE("%llu pages written, %llu harvested, in %llu rounds, %llu of them running",
		  sum.written, sum.harvested, sum.rounds, sum.running);
	CHECK(sum.written >= 1000000);
	CHECK(sum.harvested >= sum.written / 2);
	CHECK_EQ(nl_sessions(), 0);
}

static const struct ktap_test tests[] = {
	{ "anonymous memory, one vCPU", anonymous_1 },
	{ "anonymous memory, two vCPUs", anonymous_2 },
	{ "anonymous memory, four vCPUs", anonymous_4 },
	{ "transparent huge pages, one vCPU", thp_1 },
	{ "transparent huge pages, two vCPUs", thp_2 },
	{ "transparent huge pages, four vCPUs", thp_4 },
	{ "memfd, one vCPU", memfd_1 },
	{ "memfd, two vCPUs", memfd_2 },
	{ "memfd, four vCPUs", memfd_4 },
	{ "hugetlbfs, one vCPU", hugetlb_1 },
	{ "hugetlbfs, two vCPUs", hugetlb_2 },
	{ "hugetlbfs, four vCPUs", hugetlb_4 },
	{ "a million pages, all told", totals },
};

int main(int argc, char **argv)
{
	if (access(DEBUGFS "/kvm", F_OK))
		mount("debugfs", DEBUGFS, "debugfs", 0, NULL);
	srandom(4711);
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
