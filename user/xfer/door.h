/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where connections come in: who has shown who he is gets through.
 *
 * Handshakes go on side by side, each with a time limit, in the one thread that waits here: a
 * stranger who says nothing, or nonsense, keeps nobody waiting.  When there is no room for a
 * further one the oldest has to go.  Who is refused is told, and his connection stays until he
 * has closed it or the limit is over: closed at once, a reset might overtake what he was told.
 *
 * One thread at a time.  Without credentials (--insecure) everybody gets through who says anything.
 */
#ifndef KM_DOOR_H
#define KM_DOOR_H

#include <poll.h>
#include "frame.h"

#define KM_DOOR_GUESTS	32
#define KM_HANDSHAKE_MS 10000

struct km_door_guest {
	struct km_tls *tls; /* NULL: plain TCP, or refused */
	bool refused;
	int fd;
	double until_ms;
	char who[80];
};

struct km_door {
	int listen_fd;
	const struct km_creds *creds; /* NULL: plain TCP */
	/* Somebody was refused; may be NULL. */
	void (*refused)(void *ctx, const struct km_err *err);
	void *ctx;
	unsigned int n;
	struct km_door_guest guest[KM_DOOR_GUESTS]; /* the oldest first */
};

#define KM_DOOR_MORE 2 /* descriptors that the caller waits for meanwhile */

/* 0: c is open.  1: one of more[] is ready, its revents are set.  -ETIMEDOUT after ms (-1: never)
 * or another error. */
int km_door_wait(struct km_door *d, struct km_conn *c, int peer_ms,
		 struct pollfd more[KM_DOOR_MORE], int ms, struct km_err *err);
/* Sends everybody away who has not got through. */
void km_door_clear(struct km_door *d);

#endif
