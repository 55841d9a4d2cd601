/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whether a guest's rounds get smaller, or a move goes on for ever. Pure.
 *
 * A round's size is what QEMU lists in it.  While the link carries more than the guest dirties
 * each is a part of the one before; a guest that outruns the link lists its whole working set
 * every time.
 */
#ifndef KM_FLAT_H
#define KM_FLAT_H

#include <stdbool.h>

/* Starts as zeroes. */
struct km_flat {
	double before;	       /* the last round's pages */
	unsigned int in_a_row; /* rounds in a row that were hardly smaller */
};

#define KM_FLAT_ROUNDS 3

/* A round has ended; room: pages that the pause has room for. Says how many in a row were hardly
 * smaller than the one before, and too large for the pause: KM_FLAT_ROUNDS are a stall. */
unsigned int km_flat_round(struct km_flat *s, double pages, double room);

#endif
