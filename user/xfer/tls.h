/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TLS 1.3 on a connected socket, by GnuTLS: both ends show who they are (creds.h), no older
 * version, no resumption, no early data.
 *
 * Threads.  One thread reads a connection while others, one at a time, write it.  GnuTLS allows
 * one that sends and one that receives as long as neither changes keys (its manual, "Thread
 * safety"), but gnutls_record_send() does change them by itself, after 2^24 records
 * (lib/record.c, the limit of AES-GCM in RFC 8446, 5.5), and the reader when the peer does.
 * 2^24 records are 256 GiB, a guest that real hosts have.  So each call into a session is made
 * under the session's lock, and none of them blocks: GnuTLS reads the socket with MSG_DONTWAIT
 * and writes into a buffer, whose content goes to the socket, and waits there, outside of the
 * lock.  A writer that waits for the link therefore never keeps the reader from reading, which
 * would let two ends wait for each other; and a record is never half done inside GnuTLS when
 * something else comes in between.
 *
 * The socket's end is kept from GnuTLS, which would not send on a session after it, and FAILED
 * has still to be said then (sink.c): shutdown(2) of the socket wakes both.
 *
 * Kernel TLS is not used.  Debian 12's GnuTLS 3.7.9 has it, off unless /etc/gnutls/config says
 * otherwise, but does not give the kernel the new key after a key update
 * (lib/tls13/key_update.c), which ends the connection.  It is left out for sessions with
 * transport functions of their own (lib/handshake.c), as these are.
 */
#ifndef KM_TLS_H
#define KM_TLS_H

#include "creds.h"

struct km_tls;

/* host: whom the source has connected to; NULL at the destination.  The socket stays the
 * caller's; its timeouts don't count, ms below does. */
int km_tls_open(struct km_tls **t, const struct km_creds *c, int fd, const char *host,
		struct km_err *err);
/* Says goodbye if that can be done at once. */
void km_tls_close(struct km_tls *t);

/* One step of the handshake; never blocks.  0: the peer is who it should be.  -EAGAIN: again,
 * when the socket is ready for km_tls_wants() (poll(2)'s events).  Else it has failed, and the
 * peer has been told by an alert.  At the source 0 does not mean that the destination has
 * accepted it: that shows in the first km_tls_read(). */
int km_tls_shake(struct km_tls *t, struct km_err *err);
short km_tls_wants(const struct km_tls *t);
/* All of it, within ms. */
int km_tls_shake_all(struct km_tls *t, int ms, struct km_err *err);
/* The peer, as far as it was heard, speaks kmigrate's protocol without TLS. */
bool km_tls_peer_is_plain(const struct km_tls *t);
/* It has authenticated itself by the key of an earlier move, and has a right to its outcome. */
bool km_tls_by_older_key(const struct km_tls *t);

/*
 * All of it, or a negative errno; ms for each wait, 0 = for ever.  -EPIPE: the peer has said
 * goodbye; -ECONNRESET: the connection was cut; -EACCES: the peer sent an alert;
 * -EBADMSG: what came is not what it sent; -ETIMEDOUT.
 */
int km_tls_read(struct km_tls *t, void *buf, size_t len, int ms);
int km_tls_write(struct km_tls *t, const void *buf, size_t len, int ms);
/* The same, but what was written last may wait for the next km_tls_write(). */
int km_tls_put(struct km_tls *t, const void *buf, size_t len, int ms);
/* What such an error means, in words. */
const char *km_tls_why(const struct km_tls *t, int rc);

size_t km_tls_unread(struct km_tls *t);	       /* bytes that the socket doesn't have any more */
uint64_t km_tls_wrote(const struct km_tls *t); /* bytes on the wire */
const char *km_tls_cipher(const struct km_tls *t);

#endif
