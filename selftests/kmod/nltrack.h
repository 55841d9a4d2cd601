/* SPDX-License-Identifier: GPL-2.0 */
/* The family's commands about tracking, for tests. */
#ifndef KMOD_NLTRACK_H
#define KMOD_NLTRACK_H

#include "nl.h"

struct nl_track {
	uint32_t session, state, error, interval_ms, harvests, harvest, overruns;
	uint64_t bytes, missed, pages, ns, sum_ns;
	bool drive;
};

struct nl_window {
	uint32_t ms;
	uint64_t unique, ns, pages;
};

struct nl_region {
	uint32_t as_id, npages, pages_1s, pages_10s, pages_60s;
	uint64_t gfn;
};

int nl_track_start(struct nl *nl, uint32_t session, bool drive, uint32_t interval_ms);
int nl_track_stop(struct nl *nl, uint32_t session);
int nl_track(struct nl *nl, uint32_t session, struct nl_track *track);
/* Waits until @state comes, or -ETIMEDOUT; what there is instead is in @track. */
int nl_track_wait(struct nl *nl, uint32_t session, uint32_t state, struct nl_track *track);
int nl_harvest_ask(struct nl *nl, uint32_t session, uint32_t *nr);
int nl_harvest_wait(struct nl *nl, uint32_t session, uint32_t nr);
/* Both. */
int nl_harvest(struct nl *nl, uint32_t session);
/* How many there are, at most @max of which are stored. */
int nl_extents(struct nl *nl, uint32_t session, struct nl_extent *extents, int max);
/*
 * Sets the bits of the pages from @gfn on that the kept harvest has; those of other places
 * are left out. How many are set, or -EINTR if another harvest took its place.
 */
int nl_harvested(struct nl *nl, uint32_t session, uint64_t gfn, uint32_t npages,
		 uint64_t *bitmap);
int nl_windows(struct nl *nl, uint32_t session, struct nl_window windows[5]);
int nl_regions(struct nl *nl, uint32_t session, struct nl_region *regions, int max);

#endif
