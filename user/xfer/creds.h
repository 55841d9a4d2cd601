/* SPDX-License-Identifier: GPL-2.0 */
/*
 * By what this end and its peer know each other: certificates, or a pre-shared key.
 *
 * A folder of certificates has QEMU's and libvirt's layout (QEMU's docs/system/tls.rst,
 * crypto/tlscredsx509.c): ca-cert.pem, ca-crl.pem if there is one, and server-cert.pem,
 * server-key.pem for who receives, client-cert.pem, client-key.pem for who runs a move.
 *
 * Read only once it is open: any thread, any number of connections.  A NULL pointer is plain
 * TCP, which somebody has asked for by --insecure.
 */
#ifndef KM_CREDS_H
#define KM_CREDS_H

#include <gnutls/gnutls.h>
#include "secret.h"

enum km_secure { KM_SECURE_NOT, KM_SECURE_PSK, KM_SECURE_X509 };
#define KM_SECURE_MAX 3

struct km_creds_wish {
	enum km_secure kind;
	const char *path; /* PSK: the key's file, X509: the folder */
	const char *name; /* X509, source: whom the destination's certificate is for; NULL: the
			   * host that is connected to */
};

/* A key by its id, that an earlier move was under; -ENOENT. */
typedef int km_older_key(const char *id, struct km_psk *k);

struct km_creds {
	enum km_secure kind;
	char path[PATH_MAX]; /* X509: the folder, absolute */
	char name[256];	     /* "": none was given */
	struct km_psk psk;
	char psk_id[KM_PSK_ID];
	km_older_key *older; /* destination */
	gnutls_priority_t priority;
	gnutls_certificate_credentials_t cert; /* X509 */
	gnutls_psk_client_credentials_t psk_client;
	gnutls_psk_server_credentials_t psk_server;
};

/*
 * older, of the destination (NULL: the source): keys under which it answers what became of an
 * earlier move, and nothing else.  With KM_SECURE_NOT *c is NULL.
 */
int km_creds_open(struct km_creds **c, const struct km_creds_wish *w, km_older_key *older,
		  struct km_err *err);
int km_creds_of_key(struct km_creds **c, const struct km_psk *k, km_older_key *older,
		    struct km_err *err);
void km_creds_free(struct km_creds *c); /* and wipes it */

enum km_secure km_creds_kind(const struct km_creds *c);
const char *km_secure_name(enum km_secure k); /* none, psk, x509 */
/* KM_SECURE_MAX: there is none of that name. */
enum km_secure km_secure_parse(const char *name);

#endif
