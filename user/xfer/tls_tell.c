// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tls_priv.h"

static const char *peer(const struct km_tls *t)
{
	return t->server ? "source" : "destination";
}

static int tell_certificate(const struct km_tls *t, struct km_err *err)
{
	gnutls_datum_t text = { 0 };
	unsigned int status = gnutls_session_get_verify_cert_status(t->session);
	int rc = gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);

	rc = km_err_set(err, -EACCES, "the %s's certificate is not accepted%s%s: %s", peer(t),
			t->name[0] ? " for " : "", t->name,
			rc ? "it can't be verified" : (char *)text.data);
	gnutls_free(text.data);
	return rc;
}

static int tell_alert(const struct km_tls *t, struct km_err *err)
{
	const char *name = gnutls_alert_get_name(gnutls_alert_get(t->session));

	if (t->creds->kind == KM_SECURE_PSK && !t->server)
		return km_err_set(err, -EACCES,
				  "the destination does not know this pre-shared key (TLS alert: "
				  "%s)",
				  name);
	return km_err_set(err, -EACCES, "the %s refused TLS (alert: %s)", peer(t), name);
}

/* A TLS record begins with its type, 20 to 24, and version 3.x (RFC 8446, 5.1). */
static bool is_tls(const struct km_tls *t)
{
	return !t->nfirst ||
	       (t->first[0] >= 20 && t->first[0] <= 24 && (t->nfirst < 2 || t->first[1] == 3));
}

int km_tls_tell(const struct km_tls *t, int rc, int socket, struct km_err *err)
{
	if (km_tls_peer_is_plain(t))
		return km_err_set(err, -EPROTO,
				  "the %s speaks without TLS (--insecure), and this end does not",
				  peer(t));
	if (!is_tls(t))
		return km_err_set(err, -EPROTO, "the %s does not speak TLS", peer(t));
	if (socket)
		return km_err_set(err, socket, "the %s broke off the TLS handshake: %s", peer(t),
				  strerror(-socket));
	switch (rc) {
	case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
	case GNUTLS_E_CERTIFICATE_ERROR:
		return tell_certificate(t, err);
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
	case GNUTLS_E_CERTIFICATE_REQUIRED:
		return km_err_set(err, -EACCES, "the %s has no certificate", peer(t));
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		return tell_alert(t, err);
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
		return km_err_set(err, -EPROTO, "the %s does not speak TLS 1.3", peer(t));
	case GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER: /* the binder, lib/ext/pre_shared_key.c */
		if (t->server)
			return km_err_set(err, -EACCES, "the source has another pre-shared key");
		break;
	case GNUTLS_E_NO_CIPHER_SUITES:
	case GNUTLS_E_INSUFFICIENT_CREDENTIALS:
		return km_err_set(err, -EACCES,
				  "the %s does not go by %s, as this end does (TLS: %s)", peer(t),
				  t->creds->kind == KM_SECURE_PSK ? "a pre-shared key" :
								    "certificates",
				  gnutls_strerror(rc));
	default:
		break;
	}
	return km_err_set(err, -EPROTO, "TLS with the %s failed: %s", peer(t), gnutls_strerror(rc));
}

const char *km_tls_why(const struct km_tls *t, int rc)
{
	switch (rc) {
	case -EACCES:
		return gnutls_alert_get_name((gnutls_alert_description_t)t->alert);
	case -EBADMSG:
		return "what came is not what was sent";
	case -ECONNRESET:
		return "the connection was cut";
	default:
		return strerror(-rc);
	}
}
