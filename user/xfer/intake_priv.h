/* SPDX-License-Identifier: GPL-2.0 */
/* Between what reads QEMU's main channel (intake.c) and its multifd channels (channel.c). */
#ifndef KM_INTAKE_PRIV_H
#define KM_INTAKE_PRIV_H

#include "move.h"

/* A channel has read a SYNC, or the main one EOS: waits until all have.  -ECANCELED: the move has
 * failed. */
int km_intake_barrier(struct km_move *m);

/* QEMU has handed over this content; NULL: zeroes. */
int km_intake_list(struct km_move *m, struct km_page p, const uint8_t *data, struct km_err *err);
/* It is about to hand it over. Not of a block that is reached through its copies. */
int km_intake_list_unseen(struct km_move *m, struct km_page p, struct km_err *err);

enum km_intake_room {
	KM_INTAKE_NO_ROOM, /* the move has failed */
	KM_INTAKE_AHEAD,   /* it is read ahead of the link (pace.h) */
	KM_INTAKE_SOON,	   /* the link wants it */
};

/* Until there is room for more; npages of content are coming then. */
enum km_intake_room km_intake_await_room(struct km_move *m, unsigned int npages);

void *km_channel_main(void *channel); /* a struct km_channel's thread */

#endif
