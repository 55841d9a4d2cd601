/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which parts of a guest are written while it is sent.  Without this it is known of a page when it
 * is read to be sent (chooser.h), which is late for its neighbours and too late for what is sent
 * first: a working set at low addresses would be sent before all else, and then again.  So a page
 * of each group is looked at now and then and compared with what QEMU handed over when it listed
 * it.  That says nothing about what goes, only about what goes first (ledger.h).
 *
 * Pure but for what reads a page.
 */
#ifndef KM_SCOUT_H
#define KM_SCOUT_H

#include "chooser.h"

#define KM_SCOUT_GROUPS 512  /* at most at once; at every 20 ms a few percent of a CPU */
#define KM_SCOUT_WAIT_S 0.25 /* of the link's time: who waits for less is not looked at */

/* Starts as zeroes. */
struct km_scout {
	struct km_page at;
	unsigned int turn;
	unsigned int looked; /* at pages, by the last look */
};

/* What a page holds now: its km_sum_handed(). false: it can't be told. */
typedef bool km_scout_read(void *ctx, struct km_page p, uint32_t *now);

/* At the next so many groups. Pages that were handed over as `zero`, which are zeroes, are not looked
 * at. */
void km_scout_look(struct km_scout *s, struct km_ledger *l, unsigned int groups, uint32_t zero,
		   km_scout_read *read, void *ctx);

#endif
