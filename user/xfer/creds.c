// SPDX-License-Identifier: GPL-2.0
#include "creds.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PEM_MAX 65536

/* TLS 1.3 alone, and each key exchange with an ephemeral key.  A key given by hand goes with
 * SHA-256, GnuTLS's default for it, so with the ciphers of that hash. */
#define ONLY_13	      "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL"
#define PRIORITY_PSK  ONLY_13 ":+ECDHE-PSK:-CIPHER-ALL:+AES-128-GCM:+CHACHA20-POLY1305"
#define PRIORITY_CERT ONLY_13 ":+ECDHE-ECDSA:+ECDHE-RSA"
#define PRIORITY_BOTH PRIORITY_CERT ":+ECDHE-PSK"

static const char *const names[] = { "none", "psk", "x509" };

const char *km_secure_name(enum km_secure k)
{
	return names[k];
}

enum km_secure km_secure_parse(const char *name)
{
	enum km_secure k = KM_SECURE_NOT;

	while (k < KM_SECURE_MAX && strcmp(name, names[k]))
		k++;
	return k;
}

enum km_secure km_creds_kind(const struct km_creds *c)
{
	return c ? c->kind : KM_SECURE_NOT;
}

void km_creds_free(struct km_creds *c)
{
	if (!c)
		return;
	if (c->cert)
		gnutls_certificate_free_credentials(c->cert);
	if (c->psk_client)
		gnutls_psk_free_client_credentials(c->psk_client);
	if (c->psk_server)
		gnutls_psk_free_server_credentials(c->psk_server);
	if (c->priority)
		gnutls_priority_deinit(c->priority);
	km_wipe(c, sizeof(*c));
	free(c);
}

/* ---- certificates ---- */

static int file_in(char *path, const char *dir, const char *name, struct km_err *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return km_err_set(err, -ENAMETOOLONG, "%s: too long a path", dir);
	return 0;
}

/* One that is of no use is found out here, and not by the peer. */
static int check_time(const gnutls_certificate_credentials_t cert, const char *path,
		      struct km_err *err)
{
	gnutls_x509_crt_t *list = NULL;
	unsigned int n = 0;
	time_t now = time(NULL);
	int rc = gnutls_certificate_get_x509_crt(cert, 0, &list, &n);

	if (rc || !n)
		return km_err_set(err, -EINVAL, "%s: %s", path, gnutls_strerror(rc));
	if (gnutls_x509_crt_get_expiration_time(list[0]) < now)
		rc = km_err_set(err, -EKEYEXPIRED, "the certificate %s has expired", path);
	else if (gnutls_x509_crt_get_activation_time(list[0]) > now)
		rc = km_err_set(err, -EKEYEXPIRED, "the certificate %s is not valid yet", path);
	for (unsigned int i = 0; i < n; i++)
		gnutls_x509_crt_deinit(list[i]);
	gnutls_free(list);
	return rc;
}

static int load_own(struct km_creds *c, const char *role, struct km_err *err)
{
	char name[32], path[PATH_MAX], key_path[PATH_MAX], *pem = malloc(PEM_MAX);
	gnutls_datum_t key = { .data = (unsigned char *)pem }, crt = { 0 };
	size_t len;
	int rc = pem ? 0 : km_err_set(err, -ENOMEM, "out of memory");

	snprintf(name, sizeof(name), "%s-key.pem", role);
	if (!rc)
		rc = file_in(key_path, c->path, name, err);
	if (!rc)
		rc = km_secret_read(key_path, pem, PEM_MAX, &len, err);
	snprintf(name, sizeof(name), "%s-cert.pem", role);
	if (!rc)
		rc = file_in(path, c->path, name, err);
	if (!rc && access(path, R_OK))
		rc = km_err_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	if (!rc) {
		key.size = (unsigned int)len;
		rc = gnutls_load_file(path, &crt);
		if (!rc)
			rc = gnutls_certificate_set_x509_key_mem(c->cert, &crt, &key,
								 GNUTLS_X509_FMT_PEM);
		if (rc)
			rc = km_err_set(err, -EINVAL, "%s with %s-key.pem: %s", path, role,
					gnutls_strerror(rc));
	}
	if (!rc)
		rc = check_time(c->cert, path, err);
	gnutls_free(crt.data);
	if (pem)
		km_wipe(pem, PEM_MAX);
	free(pem);
	return rc;
}

/* Who may be a peer: whom this CA has signed, and its list does not revoke. */
static int load_ca(struct km_creds *c, struct km_err *err)
{
	char path[PATH_MAX];
	int n, rc = file_in(path, c->path, "ca-cert.pem", err);

	if (rc)
		return rc;
	if (access(path, R_OK))
		return km_err_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	n = gnutls_certificate_set_x509_trust_file(c->cert, path, GNUTLS_X509_FMT_PEM);
	if (n <= 0)
		return km_err_set(err, -EINVAL, "%s: %s", path,
				  n ? gnutls_strerror(n) : "no certificate in it");
	rc = file_in(path, c->path, "ca-crl.pem", err);
	if (rc || access(path, F_OK))
		return rc;
	n = gnutls_certificate_set_x509_crl_file(c->cert, path, GNUTLS_X509_FMT_PEM);
	return n < 0 ? km_err_set(err, -EINVAL, "%s: %s", path, gnutls_strerror(n)) : 0;
}

static int open_x509(struct km_creds *c, const struct km_creds_wish *w, struct km_err *err)
{
	int rc;

	if (!realpath(w->path, c->path))
		return km_err_set(err, -errno, "--tls-dir %s: %s", w->path, strerror(errno));
	snprintf(c->name, sizeof(c->name), "%s", w->name ? w->name : "");
	if (gnutls_certificate_allocate_credentials(&c->cert))
		return km_err_set(err, -ENOMEM, "out of memory");
	rc = load_ca(c, err);
	return rc ? rc : load_own(c, c->older ? "server" : "client", err);
}

/* ---- keys ---- */

/* The destination's: the key of that name. 1: there is none, and GnuTLS goes on with a random
 * one, so that a stranger can't tell (lib/auth/psk_passwd.c). */
static int find_key(gnutls_session_t session, const char *id, gnutls_datum_t *key)
{
	const struct km_creds *c = gnutls_session_get_ptr(session);
	bool own = c->kind == KM_SECURE_PSK && !strcmp(id, c->psk_id);
	struct km_psk k = c->psk;

	if (!own && c->older(id, &k))
		return 1;
	key->data = gnutls_malloc(sizeof(k.key));
	if (key->data) {
		memcpy(key->data, k.key, sizeof(k.key));
		key->size = sizeof(k.key);
	}
	km_wipe(&k, sizeof(k));
	return key->data ? 0 : -1;
}

static int set_key(struct km_creds *c, struct km_err *err)
{
	gnutls_datum_t key = { .data = c->psk.key, .size = sizeof(c->psk.key) };

	km_psk_id(&c->psk, c->psk_id);
	if (c->older)
		return 0; /* the destination looks keys up */
	if (gnutls_psk_allocate_client_credentials(&c->psk_client) ||
	    gnutls_psk_set_client_credentials(c->psk_client, c->psk_id, &key, GNUTLS_PSK_KEY_RAW))
		return km_err_set(err, -ENOMEM, "out of memory");
	return 0;
}

static int open_with(struct km_creds **to, const struct km_creds_wish *w, const struct km_psk *k,
		     km_older_key *older, struct km_err *err)
{
	struct km_creds *c = calloc(1, sizeof(*c));
	const char *priority = w->kind == KM_SECURE_PSK ? PRIORITY_PSK :
			       older			? PRIORITY_BOTH :
							  PRIORITY_CERT;
	int rc = c ? 0 : km_err_set(err, -ENOMEM, "out of memory");

	if (rc)
		return rc;
	c->kind = w->kind;
	c->older = older;
	rc = gnutls_priority_init2(&c->priority, priority, NULL, 0);
	if (rc)
		rc = km_err_set(err, -ENOTSUP, "GnuTLS here has no TLS 1.3: %s",
				gnutls_strerror(rc));
	if (!rc && older && gnutls_psk_allocate_server_credentials(&c->psk_server))
		rc = km_err_set(err, -ENOMEM, "out of memory");
	if (c->psk_server)
		gnutls_psk_set_server_credentials_function(c->psk_server, find_key);
	if (!rc && k)
		c->psk = *k;
	else if (!rc && w->kind == KM_SECURE_PSK)
		rc = km_psk_read(&c->psk, w->path, err);
	if (!rc)
		rc = w->kind == KM_SECURE_PSK ? set_key(c, err) : open_x509(c, w, err);
	if (rc)
		km_creds_free(c);
	else
		*to = c;
	return rc;
}

int km_creds_open(struct km_creds **c, const struct km_creds_wish *w, km_older_key *older,
		  struct km_err *err)
{
	*c = NULL;
	return w->kind == KM_SECURE_NOT ? 0 : open_with(c, w, NULL, older, err);
}

int km_creds_of_key(struct km_creds **c, const struct km_psk *k, km_older_key *older,
		    struct km_err *err)
{
	const struct km_creds_wish w = { .kind = KM_SECURE_PSK };

	return open_with(c, &w, k, older, err);
}
