// SPDX-License-Identifier: GPL-2.0
/*
 * Page-modification logging against the truth: the pages that the guest was told to write.
 *
 * Each round compares four things, page by page or exactly by number: what was written,
 * what KVM_GET_DIRTY_LOG says, what the module says is dirty (TEST), and what it counted.
 * That the CPU's log was at work and not write-protection is seen from KVM itself: pages
 * that are mapped already are reported again without one page fault, and vCPUs leave the
 * guest because their log of 512 entries is full (trace event kvm_pml_full).
 *
 * The guest of vmm.h writes at offset 0 of pages and has no paging, as it must under Bochs
 * 2.7, whose CPU logs addresses with their offset in the page.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kmod.h"

#define PAGES	 8192
#define MILLION	 (1 << 20)
#define LOG	 512 /* entries of a vCPU's log: PML_ENTITY_NUM, arch/x86/kvm/vmx/vmx.h */
#define TRACING	 "/sys/kernel/tracing"
#define KVM_STAT "/sys/kernel/debug/kvm"

static struct vmm vmm;
static struct nl nl;
static uint32_t session;
static uint64_t truth[PAGES / 64], bitmap[PAGES / 64];
static uint32_t pages[VMM_MAX_VCPUS][PAGES];
static struct {
	unsigned long long written, twice, counted, harvested, full;
} sum;

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

/* How often a log ran full since the last call; the event is on from main() on. */
static unsigned int log_full(void)
{
	static char line[512];
	FILE *file = fopen(TRACING "/trace", "r");
	unsigned int n = 0;

	while (file && fgets(line, sizeof(line), file))
		n += !!strstr(line, "kvm_pml_full:");
	if (file)
		fclose(file);
	CHECK(put(TRACING "/trace", ""));
	sum.full += n;
	return n;
}

/* How often something happened to all guests until now, by KVM's own count, or -1. */
static long long kvm_stat(const char *name)
{
	char path[64];
	FILE *file;
	long long n = -1;

	snprintf(path, sizeof(path), KVM_STAT "/%s", name);
	file = fopen(path, "r");
	if (file && fscanf(file, "%lld", &n) != 1)
		n = -1;
	if (file)
		fclose(file);
	return n;
}

static bool start(struct vmm_options options)
{
	options.pages = PAGES;
	memset(truth, 0, sizeof(truth));
	return CHECK_EQ(vmm_open(&vmm, &options), 0) && CHECK_EQ(nl_open(&nl), 0) &&
	       CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0) && CHECK_EQ(vmm_log(&vmm, true), 0);
}

static void stop(void)
{
	struct nl_counts counts;

	if (CHECK_EQ(nl_counts(&nl, session, &counts), 0))
		sum.counted += counts.pages;
	nl_close(&nl);
	vmm_close(&vmm);
}

static unsigned int weight(const uint64_t *bits)
{
	unsigned int n = 0, i;

	for (i = 0; i < PAGES / 64; i++)
		n += (unsigned int)__builtin_popcountll(bits[i]);
	return n;
}

/* Pages @first, @first + @step, ...; each that is new to this round goes into @truth. */
static void choose(unsigned int vcpu, uint32_t nr, uint32_t first, uint32_t step)
{
	uint32_t i, page;

	for (i = 0; i < nr; i++) {
		page = (first + i * step) % PAGES;
		pages[vcpu][i] = page;
		sum.written += !vmm_bit(truth, page);
		truth[page / 64] |= 1ull << page % 64;
	}
}

static bool write_pages(unsigned int vcpu, uint32_t nr, uint32_t value)
{
	return CHECK_EQ(vmm_write(&vmm, vcpu, pages[vcpu], nr, value), 0);
}

/* The module's answer about all pages, without a harvest. */
static bool test_agrees(void)
{
	struct nl_extent all = { .gfn = VMM_GFN, .npages = PAGES };
	static struct nl_test answer;

	return CHECK_EQ(nl_test(&nl, session, &all, 1, &answer), 0) &&
	       CHECK_EQ(answer.dirty, weight(truth)) &&
	       CHECK(!memcmp(answer.bitmap, truth, sizeof(truth)));
}

static bool harvest_agrees(void)
{
	bool ok = CHECK_EQ(vmm_harvest(&vmm, bitmap), 0) &&
		  CHECK_EQ(weight(bitmap), weight(truth)) &&
		  CHECK(!memcmp(bitmap, truth, sizeof(truth)));

	sum.harvested += weight(bitmap);
	memset(truth, 0, sizeof(truth));
	return ok;
}

static bool counts_agree(uint64_t expected)
{
	struct nl_counts counts;

	return CHECK_EQ(nl_counts(&nl, session, &counts), 0) && CHECK_EQ(counts.pages, expected) &&
	       CHECK_EQ(counts.unattributed, 0);
}

static void mechanism(void)
{
	struct nl_info info;
	struct nl_vm vm;
	unsigned int i;

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	CHECK_EQ(nl_info(&nl, &info), 0);
	CHECK(!strcmp(info.vendor, "kvm_intel"));
	CHECK_EQ(info.mechanism, KMIGRATE_MECHANISM_PML);
	REQUIRE_EQ(info.nr_params, 3);
	for (i = 0; i < 3; i++) {
		CHECK(!strcmp(info.params[i].name, (const char *[]){ "ept", "eptad", "pml" }[i]));
		CHECK_EQ(info.params[i].value, 1);
	}
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.mechanism, KMIGRATE_MECHANISM_PML);
	CHECK_EQ(vm.logging, KMIGRATE_LOGGING_VMM);
	CHECK_EQ(vm.counting, 1);
	KTAP_NOTE("mechanism: pml (ept=1 eptad=1 pml=1)");
	stop();
}

/* Dense and sparse, forwards and backwards, known order. */
static void rounds(void)
{
	static const uint32_t steps[] = { 1, 3, 64, 509, 1021, 8191, 4099, 1 };
	uint64_t written = 0;
	uint32_t round, nr;

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	for (round = 0; round < ARRAY_SIZE(steps); round++) {
		nr = 64u << round % 5;
		choose(0, nr, round * 777, steps[round]);
		written += weight(truth);
		if (!write_pages(0, nr, round + 1) || !test_agrees() || !counts_agree(written) ||
		    !harvest_agrees())
			break;
	}
	CHECK_EQ(round, ARRAY_SIZE(steps));
	stop();
}

/* What the module says of the log, since the session began; the one vCPU's is the same. */
static struct nl_counts module_pml(void)
{
	struct nl_counts counts = {};
	struct nl_vcpu vcpu = {};

	CHECK_EQ(nl_counts(&nl, session, &counts), 0);
	CHECK_EQ(nl_vcpus(&nl, session, &vcpu, 1), 1);
	CHECK_EQ(vcpu.pml_pages, counts.pml_pages);
	CHECK_EQ(vcpu.pml_drains, counts.pml_drains);
	CHECK_EQ(vcpu.pml_full, counts.pml_full);
	return counts;
}

/* Mapped pages, a million times: nothing but the CPU's log can know. */
static void no_faults(void)
{
	static const uint32_t steps[] = { 1, 5, 8191, 1021 };
	uint64_t written = PAGES, drains;
	struct nl_counts first, last;
	unsigned int full;
	long long before, exits;
	uint32_t round;

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	choose(0, PAGES, 0, 1);
	REQUIRE(write_pages(0, PAGES, 1));
	CHECK(harvest_agrees());
	log_full();
	first = module_pml();
	/* Each page was mapped by a fault, writable and dirty: none was left to the log. */
	CHECK_EQ(first.pml_pages, 0);
	exits = kvm_stat("exits");
	for (round = 2; round <= 1 + MILLION / PAGES; round++) {
		choose(0, PAGES, round * 1000, steps[round % 4]);
		written += PAGES;
		before = kvm_stat("pf_taken");
		CHECK(before >= PAGES);
		if (!write_pages(0, PAGES, round) || !CHECK_EQ(kvm_stat("pf_taken") - before, 0) ||
		    !test_agrees() || !counts_agree(written) || !harvest_agrees())
			break;
	}
	/* Other exits empty the log before it is full; but not always. */
	full = log_full();
	KTAP_NOTE("%llu pages, %u full buffers", (unsigned long long)written, full);
	CHECK(full > 0 && full <= written / LOG);
	exits = kvm_stat("exits") - exits;
	last = module_pml();
	CHECK_EQ(last.pml_full - first.pml_full, full);
	CHECK_EQ(last.pml_pages - first.pml_pages, written - PAGES);
	drains = last.pml_drains - first.pml_drains;
	KTAP_NOTE("%llu drains at %lld exits", (unsigned long long)drains, exits);
	CHECK(drains >= (written - PAGES) / LOG && drains >= full && drains <= (uint64_t)exits);
	stop();
}

/* As many as fit, and one more. */
static void around_full(void)
{
	uint64_t written = PAGES;
	uint32_t nr;

	REQUIRE(start((struct vmm_options){ .vcpus = 1 }));
	choose(0, PAGES, 0, 1);
	REQUIRE(write_pages(0, PAGES, 1));
	CHECK(harvest_agrees());
	for (nr = LOG - 2; nr <= LOG + 2; nr++) {
		choose(0, nr, nr, 7);
		written += nr;
		if (!write_pages(0, nr, nr) || !counts_agree(written) || !harvest_agrees())
			break;
	}
	stop();
}

/* Four vCPUs at once, on pages of their own, as 1:2:4:8. */
static void by_vcpu(void)
{
	struct nl_vcpu vcpus[VMM_MAX_VCPUS] = {};
	uint32_t round, nr = 100;
	unsigned int i;

	REQUIRE(start((struct vmm_options){ .vcpus = 4 }));
	for (round = 1; round <= 4; round++) {
		for (i = 0; i < 4; i++)
			choose(i, nr << i, i * PAGES / 4 + round, 1);
		for (i = 0; i < 4; i++)
			vmm_start(&vmm, i, pages[i], nr << i, round);
		for (i = 0; i < 4; i++)
			CHECK_EQ(vmm_wait(&vmm, i), 0);
		CHECK_EQ(nl_vcpus(&nl, session, vcpus, VMM_MAX_VCPUS), 4);
		for (i = 0; i < 4; i++)
			CHECK_EQ(vcpus[i].pages, (uint64_t)round * (nr << i));
		if (!test_agrees() || !counts_agree((uint64_t)round * nr * 15) || !harvest_agrees())
			break;
	}
	stop();
}

/* What @bitmap has and @allowed hasn't; what it has is taken out of @left. */
static unsigned int take(const uint64_t *allowed, uint64_t *left)
{
	unsigned int wrong = 0, i;

	for (i = 0; i < PAGES / 64; i++) {
		wrong += (unsigned int)__builtin_popcountll(bitmap[i] & ~allowed[i]);
		left[i] &= ~bitmap[i];
	}
	return wrong;
}

/*
 * Harvests while the guest writes every other page: each comes with one of them. Some come
 * twice, when a harvest falls between KVM's mapping of a page, which marks it, and the write
 * itself, which the CPU logs. The module must count what KVM reports.
 */
static void while_running(void)
{
	static uint64_t left[PAGES / 64];
	unsigned int nr = PAGES / 4, bits = 0, wrong = 0, harvests = 0;

	REQUIRE(start((struct vmm_options){ .vcpus = 2 }));
	choose(0, nr, 0, 2);
	choose(1, nr, PAGES / 2, 2);
	memcpy(left, truth, sizeof(left));
	vmm_start(&vmm, 0, pages[0], nr, 1);
	vmm_start(&vmm, 1, pages[1], nr, 1);
	do {
		CHECK_EQ(vmm_harvest(&vmm, bitmap), 0);
		bits += weight(bitmap);
		wrong += take(truth, left);
		harvests++;
		usleep(10000);
	} while (bits < nr);
	CHECK_EQ(vmm_wait(&vmm, 0), 0);
	CHECK_EQ(vmm_wait(&vmm, 1), 0);
	CHECK_EQ(vmm_harvest(&vmm, bitmap), 0);
	bits += weight(bitmap);
	wrong += take(truth, left);
	KTAP_NOTE("%u harvests, %u pages twice", harvests + 1, bits - 2 * nr);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(weight(left), 0);
	CHECK(counts_agree(bits));
	sum.harvested += bits;
	sum.twice += bits - 2 * nr;
	stop();
}

static void totals(void)
{
	KTAP_NOTE("%llu pages written, %llu counted, %llu in KVM's log, %llu full buffers",
		  sum.written, sum.counted, sum.harvested, sum.full);
	CHECK_EQ(sum.counted, sum.harvested);
	CHECK_EQ(sum.harvested, sum.written + sum.twice);
	CHECK(sum.written > 0);
	CHECK_EQ(nl_sessions(), 0);
}

static const struct ktap_test tests[] = {
	{ "the module says pml, and from what", mechanism },
	{ "rounds of known pages, dense and sparse", rounds },
	{ "a million mapped pages: no faults, full buffers", no_faults },
	{ "one buffer, a little less and a little more", around_full },
	{ "four vCPUs, 1:2:4:8", by_vcpu },
	{ "harvests while the guest writes", while_running },
	{ "what was written, counted and harvested is the same", totals },
};

int main(int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "--list");

	if (!list && !put(TRACING "/events/kvm/kvm_pml_full/enable", "1"))
		KTAP_NOTE("no trace event kvm_pml_full");
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
