/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One disk's bytes, between a unix socket at which QEMU speaks NBD and a connection to the other
 * kmigrate (DISK in wire.h): as they are, both ways, until either ends.  Then both are ended.
 *
 * Nobody waits for a peer here with a limit: a disk that takes a minute for a flush is slow, not
 * dead.  The control connection watches the peer, and who gives it up cuts the tunnel.
 */
#ifndef KM_TUNNEL_H
#define KM_TUNNEL_H

#include "frame.h"

struct km_tunnel { /* begins as zeroes: not open */
	struct km_conn conn;
	int listen_fd;	/* where QEMU comes from, its thread's; -1 = it was connected to */
	_Atomic int fd; /* QEMU, -1 = not there yet */
	pid_t from;	/* who may come; 0: it was connected to */
	pthread_t there, back;
	_Atomic bool open;
	_Atomic bool cut;
	_Atomic bool over;	/* nothing will come through any more */
	_Atomic uint64_t bytes; /* of NBD, both ways */
};

/* Takes conn, and fd or listen_fd (the other is -1), also when it fails. */
int km_tunnel_open(struct km_tunnel *t, const struct km_conn *conn, int fd, int listen_fd,
		   pid_t from, struct km_err *err);
/* Any thread; nothing comes through any more. Idempotent. */
void km_tunnel_cut(struct km_tunnel *t);
void km_tunnel_close(struct km_tunnel *t); /* cuts, and waits for its threads. Idempotent. */

#endif
