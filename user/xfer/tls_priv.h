/* SPDX-License-Identifier: GPL-2.0 */
/* tls.c: sessions; tls_tell.c: what went wrong, in words. */
#ifndef KM_TLS_PRIV_H
#define KM_TLS_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include "tls.h"

struct km_tls_out {
	uint8_t *buf;
	size_t len, cap, sent;
};

struct km_tls {
	gnutls_session_t session;
	const struct km_creds *creds;
	pthread_mutex_t lock; /* each call into session, and out */
	int fd;
	bool server, shaken;
	bool broken;		 /* the writers' */
	_Atomic int end;	 /* 0, or the error that the socket has ended with */
	_Atomic int alert;	 /* GnuTLS's number of the one that came */
	struct km_tls_out out;	 /* what GnuTLS has written */
	struct km_tls_out going; /* what is on its way into the socket: the writers' */
	_Atomic uint64_t wrote;
	struct {
		size_t at, len;
		uint8_t buf[64 << 10];
	} in;		  /* what came and GnuTLS has not asked for yet */
	uint8_t first[4]; /* that the peer has sent */
	size_t nfirst;
	char name[256]; /* that the peer's certificate must have */
	gnutls_typed_vdata_st want[2];
};

/* A handshake ended with GnuTLS's error rc, or, if it is not 0, the socket's. Returns err's code. */
int km_tls_tell(const struct km_tls *t, int rc, int socket, struct km_err *err);

#endif
