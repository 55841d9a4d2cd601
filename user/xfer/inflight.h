/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pages of a stream that are on their way: written into the connection, or about to be, and not
 * acknowledged.  When the connection breaks, these are the ones of which nobody knows what the
 * destination holds (ledger.h, I1 over a broken link).
 *
 * An acknowledgement counts pages of whole messages that were applied, so of a message whose write
 * failed midway no page is ever acknowledged.
 *
 * Pure.  One thread puts, another takes off, in the same order; nobody waits.  There is room for
 * more whole pages than a connection's buffers: only of those that take a few bytes (zero pages,
 * small deltas) could more be on their way, and then their sender waits for an acknowledgement.
 */
#ifndef KM_INFLIGHT_H
#define KM_INFLIGHT_H

#include <stdatomic.h>
#include "ledger.h"

#define KM_INFLIGHT_PAGES 65536u /* 256 MiB of raw ones; a power of two */

/* Starts as zeroes. */
struct km_inflight {
	struct km_page *page; /* a ring */
	_Atomic uint64_t put, off;
};

int km_inflight_init(struct km_inflight *f); /* -ENOMEM; untouched places take no memory */
void km_inflight_free(struct km_inflight *f);

bool km_inflight_has_room(const struct km_inflight *f, unsigned int n);
/* n pages with room for them, before the first byte of them is written. */
void km_inflight_put(struct km_inflight *f, const struct km_taken *pages, unsigned int n);
/* The n oldest have been acknowledged; -EPROTO: there are not so many. */
int km_inflight_off(struct km_inflight *f, uint64_t n);
/* The connection is gone, and so are its two threads: all of them wait again in the ledger.
 * Returns how many they were. */
uint64_t km_inflight_unsend(struct km_inflight *f, struct km_ledger *l);

#endif
