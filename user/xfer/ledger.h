/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ledger: which pages QEMU has listed and the destination hasn't got yet, and what it has
 * got.  Pure: no I/O; one mutex a stream.
 *
 *          list              take              done: sent, or the same there
 *   clean -------> waiting ---------> in hand ------------------------------> clean
 *                    ^  ^                |
 *                    |  +----- list -----+
 *                    |                   | leave: QEMU must list it again
 *                    +--- list, recall --+-> owed
 *
 *   unsend: clean or owed ---> waiting, and what the destination has got is forgotten
 *
 * The argument for I1.  QEMU clears a page's dirty bit before it lists the page, and
 * km_ledger_list() puts it among the waiting.  km_ledger_take() takes it from there, under the
 * same lock, and only then is its content read.  So either it waits (a read is still to come) or
 * a read began after the last listing.  What that read found is sent, or is known to be what
 * the destination holds, or the page is left: it goes to the owed, and stays there until it is
 * listed again.
 *
 * I2.  A page may be left only if QEMU is bound to list it again (chooser.h says how that is
 * known).  Nothing depends on it: when QEMU has listed its last page km_ledger_recall() puts all
 * that is still owed back among the waiting, and from then on nothing can be left.
 *
 * I3, one page's versions stay in order: a page belongs to one stream for the whole move (groups
 * of 64 pages, dealt out in turn), a stream's pages are read and sent by one thread, and TCP
 * keeps their order.
 *
 * I1 over a broken link.  A page's sum says what the destination holds, or will by the order of the
 * connection: it is set once the page is written into that.  When the connection breaks, the
 * latter is no longer so for the pages that were written and not acknowledged (inflight.h): each
 * may be there in the version that was sent last, in an earlier one, or never have been.
 * km_ledger_unsend() forgets the sum and lets the page wait, so it is read once more, after the
 * break, and can't be taken for one that the destination holds.  What was acknowledged is there.
 * A page that was found to be the same there as one on its way is that very page, and waits again
 * with it.  I3: a version of the old connection can't come after one of the new, since the
 * destination has done with the old one for good before it takes a page from the new (sink_door.c).
 *
 * Which first: pages of groups that get dirty again and again (heat.h) wait until no other does,
 * since a page that is read late is sent less often.  What is near to such a group goes before it
 * and after all else: it may be next to be written.  Within each kind by address, in turn.
 *
 * Memory: 20.5 bytes a page, 0.5 % of the guest's: a sum of 16, 4 of what QEMU handed over,
 * four sets of a bit.  It is untouched (and so not there) for pages that were never listed.
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

/* Of a page's content: xxh3-128 with the move's secret (chooser.h). */
struct km_sum {
	uint64_t low, high;
};

/* Instead of a sum of what QEMU handed over. */
#define KM_HANDED_NEVER	  0u /* the page was not listed yet */
#define KM_HANDED_UNKNOWN 2u /* it was listed by a packet's head: it is never left for later */

/* A page in hand. */
struct km_taken {
	struct km_page page;
	uint32_t handed; /* km_sum_handed() of what QEMU handed over when it listed it last */
	bool hot;	 /* its group gets dirty again and again (heat.h) */
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

/* Marks a page; handed is km_sum_handed() of its content, or KM_HANDED_UNKNOWN.  Returns 1 when it
 * was new, 0 when it already waited (merged), -ERANGE when the block has no such page.  Any
 * thread. */
int km_ledger_list(struct km_ledger *l, struct km_page p, uint32_t handed);

/* Takes up to max waiting pages of a stream's, of one block; the caller must now read each, and
 * then call done or leave for it.  One thread a stream. */
unsigned int km_ledger_take(struct km_ledger *l, unsigned int stream, struct km_taken *pages,
			    unsigned int max);
/* n pages in hand were sent, or needn't be. */
void km_ledger_done(struct km_ledger *l, unsigned int stream, unsigned int n);
/* A page in hand is not sent, since QEMU must list it again.  false: too late for that, it
 * waits again. */
bool km_ledger_leave(struct km_ledger *l, struct km_page p);
/* A page that was sent, or is in hand and then said to be done, may be lost. The stream's thread,
 * or none. */
void km_ledger_unsend(struct km_ledger *l, struct km_page p);
/* QEMU has listed its last page: what is owed waits again, and nothing can be left. */
void km_ledger_recall(struct km_ledger *l);

/* The guest was seen to write to a page since it was listed: its group is hot, and what is near to it
 * suspect. A hint: it puts pages in order, and no more.  Any thread. */
void km_ledger_suspect(struct km_ledger *l, struct km_page p);
/* Of each of so many groups from *at on (index a multiple of KM_GROUP_PAGES) a page of which it is
 * known what QEMU handed over, unless the group is hot; another one with another turn.  *at is
 * then the next group, or of no block: it was the last.  Any thread. */
unsigned int km_ledger_sample(struct km_ledger *l, struct km_page *at, unsigned int turn,
			      struct km_taken *pages, unsigned int groups);

/* What the destination last got of a page; NULL: nothing yet. The stream's thread only. */
const struct km_sum *km_ledger_sum(const struct km_ledger *l, struct km_page p);
void km_ledger_set_sum(struct km_ledger *l, struct km_page p, struct km_sum sum);

/* The longest run of hot groups: its first page and its pages, 0 when nothing is hot. */
uint64_t km_ledger_hottest(struct km_ledger *l, struct km_page *at);

/* A round of QEMU's is over: every group is half as hot. Any thread. */
void km_ledger_cool(struct km_ledger *l);

/* Pages that wait or are in hand, of all streams. */
uint64_t km_ledger_open(const struct km_ledger *l);
uint64_t km_ledger_owed(const struct km_ledger *l);

#endif
