// SPDX-License-Identifier: GPL-2.0
/*
 * toucher PAGES: a guest that touches pages for the first time.
 *
 * Two vCPUs. At a line on standard input the VMM itself writes to every second page of those
 * that they will; then the first writes to PAGES pages and the second to half as many others.
 * So each of these is a fault of the guest's, and half of them are on memory that isn't there
 * yet. Says what it did, how long that took by its own clock, and how many faults the kernel
 * counted for the VMM's thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "guest.h"
#include "vmm.h"

static struct vmm vmm;
static uint32_t lists[2][VMM_MAX_WRITES];

static long faults(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_minflt + u.ru_majflt;
}

static void write_both(const size_t nr[2])
{
	for (unsigned int i = 0; i < 2; i++)
		vmm_start(&vmm, i, lists[i], nr[i], 1);
	for (unsigned int i = 0; i < 2; i++)
		must(vmm_wait(&vmm, i), "the guest");
}

int main(int argc, char **argv)
{
	struct vmm_options options = { .vcpus = 2 };
	unsigned long long start, own_ns, guest_ns;
	uint32_t page = 2;
	size_t nr[2];
	long before;

	if (argc != 2)
		return 2;
	nr[0] = (size_t)atol(argv[1]);
	nr[1] = nr[0] / 2;
	options.pages = (uint32_t)(nr[0] + nr[1]) + 2;
	must(vmm_open(&vmm, &options), "no VM");
	/* Code and lists are touched before: here all entries are for one page. */
	for (unsigned int i = 0; i < 2; i++)
		for (size_t n = 0; n < nr[i]; n++)
			lists[i][n] = i;
	write_both(nr);
	for (unsigned int i = 0; i < 2; i++)
		for (size_t n = 0; n < nr[i]; n++)
			lists[i][n] = page++;
	getchar();
	before = faults();
	start = now_ns();
	for (page = 2; page < options.pages; page += 2)
		*(volatile char *)(vmm.memory + (size_t)page * 4096) = 1;
	own_ns = now_ns() - start;
	start = now_ns();
	write_both(nr);
	guest_ns = now_ns() - start;
	printf("{\"pages\": [%zu, %zu], \"there\": [%zu, %zu], \"own\": %zu, \"faults\": %ld, "
	       "\"own_ns\": %llu, \"guest_ns\": %llu}\n",
	       nr[0], nr[1], nr[0] / 2, nr[1] / 2, (nr[0] + nr[1]) / 2, faults() - before, own_ns,
	       guest_ns);
	vmm_close(&vmm);
	return 0;
}
