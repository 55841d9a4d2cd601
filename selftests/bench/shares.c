// SPDX-License-Identifier: GPL-2.0
/*
 * Four vCPUs write 1, 2, 4 and 8 times as many pages, all at once: does the module give
 * each its share? Once while the VMM logs and harvests, and once while the module drives,
 * every 10 ms. How much they write is told by lists, not by time, so the truth is known
 * however few CPUs there are and however the vCPUs take turns on them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define VCPUS	4
#define EACH	400u			/* pages of the first, in a round */
#define SPAN	4096			/* pages of each */
#define RAM	(VCPUS * SPAN)

static void round_of_writes(struct vmm *vmm, uint32_t value)
{
	static uint32_t pages[SPAN];
	uint32_t v, i;

	for (v = 0; v < VCPUS; v++) {
		choose_pages(pages, EACH << v, SPAN);
		for (i = 0; i < EACH << v; i++)
			pages[i] += v * SPAN;
		vmm_start(vmm, v, pages, EACH << v, value);
	}
	for (v = 0; v < VCPUS; v++)
		must(vmm_wait(vmm, v), "the guest");
}

/* The pages of each vCPU in @nr rounds; a harvest after each, so that all count. */
static void measure(struct nl *nl, bool drive, size_t nr, double share[VCPUS])
{
	const struct vmm_options vmm_options = { .pages = RAM, .vcpus = VCPUS };
	static uint64_t bitmap[RAM / 64];
	struct nl_vcpu vcpus[VCPUS];
	struct nl_track track;
	uint32_t session, i;
	double sum = 0;
	struct vmm vmm;

	must(vmm_open(&vmm, &vmm_options), "a VM");
	must(nl_attach(nl, vmm.vm, &session), "KMIGRATE_CMD_VM_ATTACH");
	if (drive) {
		must(nl_track_start(nl, session, true, 10), "KMIGRATE_CMD_TRACK_START");
		must(nl_track_wait(nl, session, KMIGRATE_TRACK_ON, &track), "driving");
	} else {
		must(vmm_log(&vmm, true), "dirty logging");
	}
	for (i = 1; i <= nr; i++) {
		round_of_writes(&vmm, i);
		must(drive ? nl_harvest(nl, session) : vmm_harvest(&vmm, bitmap), "a harvest");
	}
	must(nl_vcpus(nl, session, vcpus, VCPUS) == VCPUS ? 0 : -1, "the vCPUs' counts");
	for (i = 0; i < VCPUS; i++)
		sum += (double)vcpus[i].pages;
	for (i = 0; i < VCPUS; i++)
		share[i] = (double)vcpus[i].pages / sum;
	must(nl_detach(nl, session), "KMIGRATE_CMD_VM_DETACH");
	vmm_close(&vmm);
}

/* How far the worst is off, as a ratio over 1. */
static void report(struct nl *nl, bool drive, const char *name)
{
	static struct pairs pairs;
	size_t i, nr = how_many(10, 1);
	double share[VCPUS];

	pairs.nr = 0;
	while (pairs.nr < nr) {
		double worst = -1, got = 0, told = 0;

		measure(nl, drive, how_many(8, 3), share);
		for (i = 0; i < VCPUS; i++) {
			double is = (double)(1 << i) / 15, off = fabs(share[i] / is - 1);

			if (off <= worst)
				continue;
			worst = off;
			got = share[i];
			told = is;
		}
		pairs_add(&pairs, got > told ? got : told, got > told ? told : got);
	}
	report_pairs(&(struct row){ .section = "shares", .name = name, .unit = "of 1", .wanted = 1.05 },
		     &pairs);
}

void bench_shares(struct nl *nl)
{
	report(nl, false, "1:2:4:8, worst: observed / told");
	report(nl, true, "1:2:4:8, worst: driven / told");
}
