/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What one end says on the control connection while the guest works, and what must get there
 * exactly once and in order, though connections break: BLOCKS, MAIN, SYNC of the source's, REACH
 * and RP of the destination's.
 *
 * Each such message has a number, from 1, in its header's seq, and the peer takes none but the
 * next: one that is lost or said twice ends the move.  They are kept, all of them, until
 * km_talk_finish(); on a new connection each end says how many it has dealt with (RESUME, RESUMED),
 * and the other says the rest again.  Pre-copy has few of them (QEMU's set-up, a ping or two), so
 * nothing is acknowledged in between.  Should they be more than KM_TALK_BYTES, none is kept
 * any more, and a link that breaks then is not redialled.
 *
 * Locks: `lock` keeps the numbers in order on the wire, so it is held while one writes: whoever
 * finds the connection broken shuts it down first (km_conn_shutdown()), which wakes the writer.
 */
#ifndef KM_TALK_H
#define KM_TALK_H

#include "frame.h"

#define KM_TALK_BYTES (1u << 20)

struct km_told {
	enum km_op op;
	uint32_t len;
	uint8_t *payload;
};

struct km_talk {
	pthread_mutex_t lock;
	struct km_conn *conn;
	bool up;    /* conn can be written */
	bool keeps; /* so far, all */
	uint64_t said;
	uint64_t heard; /* the peer's, that were dealt with; the reader's thread only */
	struct km_told *told;
	size_t bytes;
};

/* keeps: a broken link is to be redialled. */
void km_talk_init(struct km_talk *t, struct km_conn *conn, bool keeps);
void km_talk_free(struct km_talk *t);

/* The connection is open; the peer has dealt with `heard` of ours: the others are said again.
 * -EPROTO: it can't have; -ENOBUFS: they were not kept. */
int km_talk_up(struct km_talk *t, uint64_t heard, struct km_err *err);
/* It is broken, and was shut down. On return nobody writes it. */
void km_talk_down(struct km_talk *t);
/* No link is redialled from now on: nothing is kept. */
void km_talk_finish(struct km_talk *t);

/* Says a message with a number.  An error is that of km_send(); where km_conn_broke() says so of
 * it, and messages are kept, it will be said again.  While there is no connection it is kept for
 * the next, -ENOBUFS if it can't be. */
int km_talk_say(struct km_talk *t, enum km_op op, const void *payload, size_t len,
		struct km_err *err);

/* This message of the peer's has a number, and it is the next (0), another (-EPROTO), or it has
 * none. */
int km_talk_check(const struct km_talk *t, const struct km_msg *m, struct km_err *err);
/* It was dealt with. */
void km_talk_done(struct km_talk *t, const struct km_msg *m);

#endif
