/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ledger: which pages QEMU has listed and the destination hasn't got yet.
 * Pure: no I/O, no locks of its own beyond atomics and one mutex a stream.
 *
 *        list            take             sent, applied
 *   clean ----> listed ---------> in flight ----------> clean
 *                 ^                  |
 *                 +------- list -----+
 *
 * The argument for I1: QEMU clears a page's dirty bit before it lists the page.
 * km_ledger_list() sets the page's bit here; km_ledger_take() clears it, and
 * only then is the content read.  So either the bit is set (a read is still to
 * come) or a read began after the last listing.  A write after that read makes
 * QEMU list the page again.
 *
 * I3, one page's versions stay in order: a page belongs to one stream for the
 * whole move (groups of 64 pages, dealt out in turn), a stream's pages are read
 * and sent by one thread, and TCP keeps their order.
 */
#ifndef KM_LEDGER_H
#define KM_LEDGER_H

#include <stddef.h>
#include "../model.h"

struct km_ledger;

/* A page of a block. */
struct km_page {
	uint32_t block;
	uint64_t index; /* offset / 4096 */
};

struct km_ledger *km_ledger_new(unsigned int streams);
void km_ledger_free(struct km_ledger *l);

/* Returns the block's number or a negative errno. Before the first listing. */
int km_ledger_add_block(struct km_ledger *l, const char *name, uint64_t used_bytes);
int km_ledger_find_block(const struct km_ledger *l, const char *name);
unsigned int km_ledger_blocks(const struct km_ledger *l);
const char *km_ledger_block_name(const struct km_ledger *l, uint32_t block);
uint64_t km_ledger_block_pages(const struct km_ledger *l, uint32_t block);

unsigned int km_ledger_stream_of(const struct km_ledger *l, struct km_page p);

/* Marks a page.  Returns 1 when it was new, 0 when it already waited (merged),
 * -ERANGE when the block has no such page, -ENOMEM.  Any thread. */
int km_ledger_list(struct km_ledger *l, struct km_page p);

/* Takes up to max waiting pages of a stream's; their bits are cleared, so the
 * caller must now read and send them.  One thread a stream. */
unsigned int km_ledger_take(struct km_ledger *l, unsigned int stream, struct km_page *pages,
			    unsigned int max);

/* Pages listed and not taken, of all streams or of one. */
uint64_t km_ledger_waiting(const struct km_ledger *l);
uint64_t km_ledger_stream_waiting(const struct km_ledger *l, unsigned int stream);

#endif
