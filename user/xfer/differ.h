/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which pages of a message go as deltas, in bounded memory (pagecache.h). Pure; one a stream, used
 * by its sender's thread, which shows it every page that it sends.
 *
 * Pages get into the cache that the guest has shown to write: those that are sent for the second
 * time, and those that the ledger calls hot, which were left or listed again before.
 */
#ifndef KM_DIFFER_H
#define KM_DIFFER_H

#include "pack.h"

struct km_differ;

/* bytes: for the cache. NULL: out of memory, or not enough of it for a page. */
struct km_differ *km_differ_new(uint64_t bytes, const struct km_ledger *blocks);
void km_differ_free(struct km_differ *d);

/* Before a message, whose pages are zero or raw, all with their content: raw pages become deltas where these take at most max bytes (of which
 * KM_PACK_DELTA_HEAD for the record), whose bytes are the differ's until the next message.  may: the
 * destination can apply deltas to this block; it never changes back. */
void km_differ_see(struct km_differ *d, struct km_pages *p, bool may, size_t max);

#endif
