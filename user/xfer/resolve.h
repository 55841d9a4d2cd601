/* SPDX-License-Identifier: GPL-2.0 */
/* Finishes a move that nobody looks after any more: its kmigrate and its guard
 * are gone, or the answer to GO never came. */
#ifndef KM_RESOLVE_H
#define KM_RESOLVE_H

#include "journal.h"

/* What the user knows: nothing, or what he has seen at the other end. */
enum km_assume { KM_ASSUME_NOTHING, KM_ASSUME_MOVED, KM_ASSUME_STAYED };

/*
 * Acts on j and writes it.  At the source: asks the destination, for at most
 * wait_ms, then lets the guest run here or leaves it to the destination.  At the
 * destination: a QEMU that runs has the guest; one that was never told to run is
 * removed.  -EBUSY: the move is under way; -ECOMM: still not known, j unchanged.
 */
int km_resolve(struct km_journal *j, enum km_assume assume, int wait_ms, struct km_err *err);

#endif
