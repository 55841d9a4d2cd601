/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pre-shared key of a move, beside its journal's entry: in ID.source.psk and
 * ID.destination.psk, of mode 0600.  Whoever finishes the move after a crash (guard.h,
 * resolve.h, a later `kmigrate receive`) speaks to the other end by it.
 *
 * It is wiped as soon as nobody can have to ask any more: at the source when the journal says
 * where the guest is, at the destination when the source has understood that, or can't ask;
 * a source that never comes back leaves it there until the entry goes, after 30 days.
 */
#ifndef KM_KEEP_H
#define KM_KEEP_H

#include "creds.h"
#include "journal.h"

/* How this end is known to its peer is written into j, and a key beside it; j has its id. */
int km_keep(struct km_journal *j, const struct km_creds *c, struct km_err *err);
/* The source's credentials, for a question about j. NULL for plain TCP. */
int km_keep_open(const struct km_journal *j, struct km_creds **c, struct km_err *err);
/* A km_older_key: of the destination's moves. */
int km_keep_find(const char *id, struct km_psk *k);
void km_keep_wipe(const struct km_journal *j);

#endif
