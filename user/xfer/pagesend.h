/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The last step of a page's way at the source: in which form each goes (pack.h, differ.h,
 * worth.h), and into the stream.  One a stream, used by its sender's thread.
 */
#ifndef KM_PAGESEND_H
#define KM_PAGESEND_H

#include "frame.h"
#include "pack.h"

/* What was sent so far, by all streams. */
struct km_pagesend_counts {
	_Atomic uint64_t pages[KM_KINDS]; /* by kind */
	_Atomic uint64_t bytes[KM_KINDS]; /* of their content in that form */
	_Atomic uint64_t codec_ns;	  /* CPU time */
};

struct km_pagesend;

/* All but the number outlives it. */
struct km_pagesend_setup {
	struct km_conn *conn;
	struct km_pagesend_counts *counts;
	const struct km_ledger *blocks;
	const _Atomic bool *takes_deltas; /* by block: the destination has said so */
	uint64_t delta_bytes;		  /* of memory for them; 0: none */
};

struct km_pagesend *km_pagesend_new(const struct km_pagesend_setup *setup);
void km_pagesend_free(struct km_pagesend *s);

/* One PAGES message of n pages of one block; content: of each, NULL for zeroes. */
int km_pagesend(struct km_pagesend *s, uint64_t seq, const struct km_taken *pages, unsigned int n,
		const uint8_t *const *content, struct km_err *err);

#endif
