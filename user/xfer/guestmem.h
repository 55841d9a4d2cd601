/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bytes of a guest's RAMBlocks, read or written from outside the VMM.
 *
 *   shared mapping (memfd, file)  mmap of the same file
 *   anonymous, address known      process_vm_readv / process_vm_writev
 *   neither                       a shadow (source): the payload QEMU handed
 *                                 over; at the destination the page goes
 *                                 through QEMU's own multifd channel
 */
#ifndef KM_GUESTMEM_H
#define KM_GUESTMEM_H

#include "ledger.h"

enum km_reach { KM_REACH_NONE, KM_REACH_MAP, KM_REACH_VM, KM_REACH_SHADOW };

struct km_guestmem;

enum km_guestmem_use {
	KM_GUESTMEM_READ,
	KM_GUESTMEM_SOURCE,	 /* unreachable blocks get a shadow */
	KM_GUESTMEM_DESTINATION, /* nobody else writes to holes of the blocks' files meanwhile */
};

/* blocks: where QEMU says they are; ledger: the blocks that move, in its order. */
int km_guestmem_open(struct km_guestmem **out, pid_t pid, const struct km_blocks *blocks,
		     const struct km_ledger *ledger, enum km_guestmem_use use, struct km_err *err);
void km_guestmem_close(struct km_guestmem *g);
enum km_reach km_guestmem_reach(const struct km_guestmem *g, uint32_t block);

/* n <= KM_WIRE_PAGES_MAX pages of one block into dst, one after the other. */
int km_guestmem_read(struct km_guestmem *g, uint32_t block, const uint64_t *index, unsigned int n,
		     uint8_t *dst, struct km_err *err);
/* One page; data NULL = zeros, for which nothing is written where the file has a hole: so a page
 * that the guest never used takes no memory at the destination, either.  -EOPNOTSUPP when the
 * block isn't reachable. */
int km_guestmem_write(struct km_guestmem *g, uint32_t block, uint64_t index, const uint8_t *data,
		      struct km_err *err);

/* n <= KM_WIRE_PAGES_MAX of a block, each of its content, NULL = zeros; the first error ends it. */
int km_guestmem_write_pages(struct km_guestmem *g, uint32_t block, const uint64_t *index,
			    const uint8_t *const *content, unsigned int n, struct km_err *err);
/* So many threads will write at once. Before they do. */
void km_guestmem_writers(struct km_guestmem *g, unsigned int n);

/* Where a page is in this process, to be read; NULL: it isn't. Its guest may write to it. */
const uint8_t *km_guestmem_look(const struct km_guestmem *g, uint32_t block, uint64_t index);
/* The same, to be written. */
uint8_t *km_guestmem_page(struct km_guestmem *g, uint32_t block, uint64_t index);

#endif
