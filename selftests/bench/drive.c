// SPDX-License-Identifier: GPL-2.0
/*
 * Does a harvest by the module cost more than one by the VMM? Two guests that are made
 * alike write the same pages; the module harvests one, its VMM the other. They change
 * roles again and again, so that whatever is not alike about them cancels out. A third
 * one's VMM uses KVM_CLEAR_DIRTY_LOG, for information.
 *
 * The guests have touched a quarter of their memory, at random, before: KVM takes longer for
 * a page among others that aren't mapped, which would flatter the module.
 */
#include <stdio.h>

#include "bench.h"

#define RAM	262144			/* pages: 1 GiB */
#define TOUCHED	65535

enum { OURS, THEIRS, MANUAL, GUESTS };

struct sizes {
	size_t pages;
	struct pairs inside, wall, manual;
};

static void change_roles(struct guest *guests, struct nl *nl, unsigned int driven)
{
	guest_undrive(&guests[!driven], nl);
	guest_log(&guests[driven], false);
	guest_drive(&guests[driven], nl);
	guest_log(&guests[!driven], true);
}

/* The same pages in all, harvested in random order. */
static void one(struct guest *guests, struct nl *nl, unsigned int driven,
		const uint32_t *pages, struct sizes *size, bool counts)
{
	uint32_t order[GUESTS] = { OURS, THEIRS, MANUAL };
	struct harvest_ns ours = {};
	double theirs = 0, manual = 0;
	unsigned int i;

	for (i = 0; i < GUESTS; i++)
		must(vmm_write(&guests[i].vmm, 0, pages, size->pages, 1), "the guest");
	shuffle(order, GUESTS);
	for (i = 0; i < GUESTS; i++) {
		if (order[i] == OURS)
			ours = guest_harvest(&guests[driven], nl);
		else if (order[i] == THEIRS)
			theirs = guest_get_ns(&guests[!driven]);
		else
			manual = guest_get_ns(&guests[2]);
	}
	if (!counts)
		return;
	pairs_add(&size->inside, ours.inside / 1000, theirs / 1000);
	pairs_add(&size->wall, ours.wall / 1000, theirs / 1000);
	pairs_add(&size->manual, ours.inside / 1000, manual / 1000);
}

static void report(const struct sizes *size)
{
	char name[64];

	snprintf(name, sizeof(name), "%zu pages: harvest / GET", size->pages);
	report_pairs(&(struct row){ .section = "drive", .name = name, .unit = "us", .wanted = 1.15 },
		     &size->inside);
	snprintf(name, sizeof(name), "%zu pages: harvest as seen / GET", size->pages);
	report_pairs(&(struct row){ .section = "drive", .name = name, .unit = "us" },
		     &size->wall);
	snprintf(name, sizeof(name), "%zu pages: harvest / GET and CLEAR", size->pages);
	report_pairs(&(struct row){ .section = "drive", .name = name, .unit = "us" },
		     &size->manual);
}

void bench_drive(struct nl *nl)
{
	static struct sizes sizes[] = { { .pages = 256 }, { .pages = 4096 }, { .pages = 32768 } };
	static uint32_t touched[TOUCHED];
	static struct guest guests[GUESTS];
	size_t i, s, turn, turns = how_many(10, 2), each = how_many(10, 3);
	unsigned int driven = 0;

	choose_pages(touched, TOUCHED, RAM);
	for (i = 0; i < GUESTS; i++) {
		guest_open(&guests[i], nl, RAM, 0,
			   i == MANUAL ? KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE : 0);
		must(vmm_write(&guests[i].vmm, 0, touched, TOUCHED, 1), "the guest");
	}
	guest_log(&guests[MANUAL], true);
	guest_drive(&guests[0], nl);
	guest_log(&guests[1], true);
	for (turn = 0; turn < turns; turn++) {
		for (s = 0; s < ARRAY_SIZE(sizes); s++) {
			shuffle(touched, TOUCHED);
			/* The first finds more pages dirty than it wrote. */
			for (i = 0; i <= each; i++)
				one(guests, nl, driven, touched, &sizes[s], i);
		}
		driven = !driven;
		change_roles(guests, nl, driven);
	}
	for (s = 0; s < ARRAY_SIZE(sizes); s++)
		report(&sizes[s]);
	for (i = 0; i < GUESTS; i++)
		guest_close(&guests[i], nl);
}
