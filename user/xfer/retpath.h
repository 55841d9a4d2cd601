/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The destination QEMU's return path on its way to the source QEMU (QEMU
 * migration/migration.c, enum mig_rp_message_type: be16 type, be16 length,
 * payload).
 *
 * SHUT is held back until the move is to be committed.  Without it the source
 * QEMU waits in migration_completion(), and when its socket closes instead it
 * fails the migration and resumes the guest by itself: up to the commit the
 * death of kmigrate needs nobody's help to be harmless (I4).  Pure.
 */
#ifndef KM_RETPATH_H
#define KM_RETPATH_H

#include <stddef.h>
#include <stdint.h>
#include "../model.h"

struct km_retpath {
	uint8_t head[4];
	size_t nhead; /* bytes of the header read */
	size_t left;  /* of the payload */
	bool shut;    /* what follows is held */
	uint8_t held[64];
	size_t nheld;
};

/* Takes len bytes; *pass of them, from the start of out (len + 4 bytes), go to
 * the source QEMU now.  -EPROTO: that is not a return path. */
int km_retpath_feed(struct km_retpath *r, const uint8_t *buf, size_t len, uint8_t *out,
		    size_t *pass, struct km_err *err);

#endif
