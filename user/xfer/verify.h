/* SPDX-License-Identifier: GPL-2.0 */
/*
 * --verify: while both guests stand still, the source sends a hash of every
 * page and the destination compares it with what is in its QEMU's memory,
 * before GO.  Independent of the ledger: whatever it forgot shows here.
 *
 * Some pages differ after any QEMU migration, as loading the guest's state writes to its memory: the
 * vAPIC option ROM's at 0xe8000 (hw/i386/kvmvapic.c, vapic_post_load()), and under Linux the one of
 * the wall clock, since KVM writes that when the MSR is set (kvm_write_wall_clock()).  So the
 * destination looks at all pages between the FENCE and the load, too: a page that was right then
 * has been moved.  That none of ours was written after the FENCE is sink.c's to know.
 * Blocks that can't be read from outside at both ends are counted as unseen.
 */
#ifndef KM_VERIFY_H
#define KM_VERIFY_H

#include <jansson.h>
#include "guestmem.h"

#define KM_VERIFY_PAGES 4096 /* hashes of one VERIFY message */

struct km_verifier {
	const struct km_ledger *blocks;
	struct km_guestmem *mem;
	uint64_t *before; /* hashes as of km_verifier_look(), block after block; NULL: none */
	uint64_t pages, differing, allowed, unseen;
	char first[KM_NAME_MAX]; /* that is wrong; if none is, that was allowed */
};

void km_verifier_init(struct km_verifier *v, const struct km_ledger *blocks,
		      struct km_guestmem *mem);
/* Source: builds the message for pages first.. of a block; returns its bytes, 0
 * when the block is unreachable, or -errno. *n says how many pages it covers. */
ssize_t km_verifier_build(struct km_guestmem *mem, const struct km_ledger *blocks, uint32_t block,
			  uint64_t first, uint8_t *buf, uint64_t *n);
/* Destination, before the load.  -ENOMEM, -EFAULT. */
int km_verifier_look(struct km_verifier *v, struct km_err *err);
/* And after it. */
int km_verifier_check(struct km_verifier *v, const uint8_t *buf, size_t len, struct km_err *err);
json_t *km_verifier_json(const struct km_verifier *v);
void km_verifier_free(struct km_verifier *v);

#define KM_VERIFY_BYTES (16 + 8 * KM_VERIFY_PAGES)

#endif
