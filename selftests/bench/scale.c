// SPDX-License-Identifier: GPL-2.0
/*
 * The same pages written in a guest with 1 GiB of memory and in one with 16 GiB, most of
 * which nobody ever touches: how much more does a harvest cost? The module's, and for
 * information KVM's own.
 */
#include <stdio.h>

#include "bench.h"

#define RAM	262144			/* pages: 1 GiB */
#define TOUCHED	32768			/* before; see drive.c */
#define TIMES	16

enum { OURS_SMALL, OURS_LARGE, THEIRS_SMALL, THEIRS_LARGE, GUESTS };

struct sizes {
	size_t pages;
	struct pairs ours, theirs;
};

static void one(struct guest *guests, struct nl *nl, const uint32_t *pages,
		struct sizes *size, bool counts)
{
	uint32_t order[GUESTS] = { OURS_SMALL, OURS_LARGE, THEIRS_SMALL, THEIRS_LARGE };
	double ns[GUESTS];
	unsigned int i;

	for (i = 0; i < GUESTS; i++)
		must(vmm_write(&guests[i].vmm, 0, pages, size->pages, 1), "the guest");
	shuffle(order, GUESTS);
	for (i = 0; i < GUESTS; i++) {
		struct guest *guest = &guests[order[i]];

		ns[order[i]] = order[i] < THEIRS_SMALL ? guest_harvest(guest, nl).inside :
							 guest_get_ns(guest);
	}
	if (!counts)
		return;
	pairs_add(&size->ours, ns[OURS_LARGE] / 1000, ns[OURS_SMALL] / 1000);
	pairs_add(&size->theirs, ns[THEIRS_LARGE] / 1000, ns[THEIRS_SMALL] / 1000);
}

static void report(const struct sizes *size)
{
	char name[64];

	snprintf(name, sizeof(name), "%zu pages: 16 GiB / 1 GiB", size->pages);
	report_pairs(&(struct row){ .section = "scale", .name = name, .unit = "us", .wanted = 2 },
		     &size->ours);
	snprintf(name, sizeof(name), "%zu pages: 16 GiB / 1 GiB, GET", size->pages);
	report_pairs(&(struct row){ .section = "scale", .name = name, .unit = "us" },
		     &size->theirs);
}

void bench_scale(struct nl *nl)
{
	static struct sizes sizes[] = { { .pages = 256 }, { .pages = 4096 } };
	static uint32_t touched[TOUCHED];
	static struct guest guests[GUESTS];
	size_t i, s, turn, turns = how_many(10, 2), each = how_many(8, 3);

	choose_pages(touched, TOUCHED, RAM);
	for (i = 0; i < GUESTS; i++) {
		guest_open(&guests[i], nl, RAM, i & 1 ? RAM * (TIMES - 1) : 0, 0);
		must(vmm_write(&guests[i].vmm, 0, touched, TOUCHED, 1), "the guest");
		if (i < THEIRS_SMALL)
			guest_drive(&guests[i], nl);
		else
			guest_log(&guests[i], true);
	}
	for (turn = 0; turn < turns; turn++)
		for (s = 0; s < ARRAY_SIZE(sizes); s++) {
			shuffle(touched, TOUCHED);
			for (i = 0; i <= each; i++)
				one(guests, nl, touched, &sizes[s], i);
		}
	for (s = 0; s < ARRAY_SIZE(sizes); s++)
		report(&sizes[s]);
	for (i = 0; i < GUESTS; i++)
		guest_close(&guests[i], nl);
}
