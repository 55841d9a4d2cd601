/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages on connections, TLS's or plain: whole messages in, whole messages out, checked
 * (wire.h).  Every wait is bounded: a peer that is silent for peer_ms is dead.
 *
 * A message is copied into the socket, and not lent to it (MSG_ZEROCOPY).  With TLS it can't be: GnuTLS
 * encrypts into memory of its own, and the kernel's TLS refuses the flag (net/tls/tls_sw.c,
 * tls_sw_sendmsg()).  Nor straight from the guest's memory: a page that is written while it is sent, or
 * sent again by TCP, is neither what the message's sum is of nor what the ledger takes to be there; if
 * then its old content is written back it would be left out as the same (chooser.h).  So of three copies
 * of a raw page, out of the guest, into the message, into the socket, the last could be saved, without
 * TLS, if messages kept their memory until they are acknowledged.  `make bench-zerocopy` says whether
 * that would pay: over loopback and veth it does not, since the kernel copies there after all.
 *
 * A struct km_conn may be written by several threads (one lock) and read by one, at the same
 * time (tls.h).
 */
#ifndef KM_FRAME_H
#define KM_FRAME_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include "creds.h"
#include "wire.h"

struct km_clocks;
struct km_tls;

struct km_conn {
	int fd;
	struct km_tls *tls; /* NULL: plain TCP; goes with the connection */
	char who[80];	    /* the peer's address, of one that came in by a door */
	int peer_ms;
	int recv_ms; /* how long to wait for the peer's next word; 0 = for ever */
	pthread_mutex_t wlock;
	_Atomic uint64_t plain_bytes; /* written without TLS */
	uint8_t *buf;		      /* the payload of the last message received */
	size_t cap;
	struct km_clocks *clocks; /* asks or answers by PING; NULL = PING only says "alive" */
};

void km_conn_init(struct km_conn *c, int fd, int peer_ms);
void km_conn_close(struct km_conn *c);	  /* idempotent */
void km_conn_shutdown(struct km_conn *c); /* wakes who reads or writes it */
/* From now on the peer may be silent for so long, and a write may wait. Before any thread reads. */
void km_conn_allow(struct km_conn *c, int peer_ms);
/* Who reads it waits for ever: somebody else watches the peer. Before any thread reads. */
void km_conn_be_patient(struct km_conn *c);
/* The kernel sends no more than that on it. */
int km_conn_limit(struct km_conn *c, uint64_t bytes_per_s, struct km_err *err);
uint64_t km_conn_written(const struct km_conn *c); /* bytes, into the socket */

/* creds: NULL for plain TCP. */
int km_conn_dial(struct km_conn *c, const char *host, const char *port,
		 const struct km_creds *creds, int peer_ms, struct km_err *err);
/* -EADDRINUSE and the like with the address named. Prints nothing. */
int km_listen_tcp(const char *host, const char *port, unsigned int *got_port, struct km_err *err);

int km_send(struct km_conn *c, enum km_op op, uint64_t seq, const void *payload, size_t len,
	    struct km_err *err);
int km_send_json(struct km_conn *c, enum km_op op, json_t *j, struct km_err *err); /* steals j */
/* Such an error of sending or receiving is the link's, or the peer's end, and not what was said. */
bool km_conn_broke(int rc);
/* This errno of an open connection's, as a negative code by which km_conn_broke() knows it. */
int km_socket_error(int e);

/* The payload is c->buf until the next call; a NUL follows it. PING is answered, if it asks. */
int km_recv_any(struct km_conn *c, struct km_msg *m, struct km_err *err);
/* The next that is no PING. */
int km_recv(struct km_conn *c, struct km_msg *m, struct km_err *err);
/* Receives and parses JSON; *op says which message it was. */
int km_recv_json(struct km_conn *c, enum km_op *op, json_t **j, struct km_err *err);
/* For who waits for something else than its next message: what has come and was not read yet.
 * It grows while the peer says "alive".  -EPIPE when the peer has closed or is gone. */
int km_conn_unread(const struct km_conn *c);
/* A JSON message's "error", or what stands in for it. */
const char *km_msg_error(const json_t *j, const char *otherwise);

int km_read_full(int fd, void *buf, size_t len); /* 0, -EPIPE at the end, or -errno */
int km_write_full(int fd, const void *buf, size_t len);
int km_writev_full(int fd, struct iovec *iov, int n);

#endif
