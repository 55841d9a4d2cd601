// SPDX-License-Identifier: GPL-2.0
#include "tls.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "clock.h"
#include "frame.h"
#include "tls_priv.h"
#include "wire.h"

/* ---- what GnuTLS reads and writes by; under the lock ---- */

/* Records are sent so many bytes at a time, and read as many: a call for each, of which reading takes
 * two, is dear. */
#define OUT_BYTES (64u << 10)

static size_t serve(struct km_tls *t, void *buf, size_t len)
{
	size_t n = t->in.len - t->in.at < len ? t->in.len - t->in.at : len;

	memcpy(buf, t->in.buf + t->in.at, n);
	t->in.at += n;
	return n;
}

static ssize_t pull(gnutls_transport_ptr_t p, void *buf, size_t len)
{
	struct km_tls *t = p;
	bool ahead = t->shaken && len < sizeof(t->in.buf);
	ssize_t n;

	if (t->in.at < t->in.len)
		return (ssize_t)serve(t, buf, len);
	n = ahead ? recv(t->fd, t->in.buf, sizeof(t->in.buf), MSG_DONTWAIT) :
		    recv(t->fd, buf, len, MSG_DONTWAIT);
	if (ahead && n > 0) {
		t->in.at = 0;
		t->in.len = (size_t)n;
		return (ssize_t)serve(t, buf, len);
	}
	if (n > 0 && t->nfirst < sizeof(t->first)) {
		size_t k = sizeof(t->first) - t->nfirst;

		memcpy(t->first + t->nfirst, buf, k < (size_t)n ? k : (size_t)n);
		t->nfirst += k < (size_t)n ? k : (size_t)n;
	}
	if (n > 0)
		return n;
	if (!n || (errno != EAGAIN && errno != EINTR))
		t->end = n ? km_socket_error(errno) : -ECONNRESET;
	errno = EAGAIN;
	return -1;
}

/* GnuTLS asks only with a time limit of its own, and it has none. */
static int pull_timeout(gnutls_transport_ptr_t p, unsigned int ms)
{
	(void)p;
	(void)ms;
	return 1;
}

static ssize_t push(gnutls_transport_ptr_t p, const void *buf, size_t len)
{
	struct km_tls *t = p;
	struct km_tls_out *o = &t->out;

	if (o->len + len > o->cap) {
		uint8_t *more = realloc(o->buf, 2 * (o->len + len));

		if (!more) {
			errno = ENOMEM;
			return -1;
		}
		o->buf = more;
		o->cap = 2 * (o->len + len);
	}
	memcpy(o->buf + o->len, buf, len);
	o->len += len;
	return (ssize_t)len;
}

/* ---- begin and end ---- */

static void verify_peer(struct km_tls *t, const char *host)
{
	unsigned int n = 0;

	t->server = !host;
	t->want[n].type = GNUTLS_DT_KEY_PURPOSE_OID;
	t->want[n++].data = (void *)(host ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT);
	if (host) {
		snprintf(t->name, sizeof(t->name), "%s", t->creds->name[0] ? t->creds->name : host);
		t->want[n].type = GNUTLS_DT_DNS_HOSTNAME; /* or an address, in its words */
		t->want[n++].data = (unsigned char *)t->name;
	}
	gnutls_session_set_verify_cert2(t->session, t->want, n, 0);
	if (!host)
		gnutls_certificate_server_set_request(t->session, GNUTLS_CERT_REQUIRE);
}

static int set_up(struct km_tls *t, const char *host)
{
	const struct km_creds *c = t->creds;
	int rc = gnutls_init(&t->session, (host ? GNUTLS_CLIENT : GNUTLS_SERVER) | GNUTLS_NONBLOCK |
						  GNUTLS_NO_TICKETS);

	if (rc)
		return rc;
	gnutls_session_set_ptr(t->session, (void *)(uintptr_t)c); /* find_key() of creds.c */
	gnutls_transport_set_ptr(t->session, t);
	gnutls_transport_set_pull_function(t->session, pull);
	gnutls_transport_set_pull_timeout_function(t->session, pull_timeout);
	gnutls_transport_set_push_function(t->session, push);
	gnutls_handshake_set_timeout(t->session, GNUTLS_INDEFINITE_TIMEOUT); /* callers have one */
	rc = gnutls_priority_set(t->session, c->priority);
	if (!rc && c->cert)
		rc = gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, c->cert);
	if (!rc && c->psk_client)
		rc = gnutls_credentials_set(t->session, GNUTLS_CRD_PSK, c->psk_client);
	if (!rc && c->psk_server)
		rc = gnutls_credentials_set(t->session, GNUTLS_CRD_PSK, c->psk_server);
	if (!rc && c->cert)
		verify_peer(t, host);
	return rc;
}

int km_tls_open(struct km_tls **to, const struct km_creds *c, int fd, const char *host,
		struct km_err *err)
{
	struct km_tls *t = calloc(1, sizeof(*t));
	int rc = t ? 0 : GNUTLS_E_MEMORY_ERROR;

	if (!rc) {
		t->fd = fd;
		t->creds = c;
		t->server = !host;
		pthread_mutex_init(&t->lock, NULL);
		rc = set_up(t, host);
	}
	if (rc) {
		km_tls_close(t);
		return km_err_set(err, -ENOMEM, "no TLS session: %s", gnutls_strerror(rc));
	}
	*to = t;
	return 0;
}

/* What was pushed goes out as far as the socket takes it at once. 0, -EAGAIN or an error. */
static int flush_some(struct km_tls *t)
{
	struct km_tls_out *o = &t->going;
	ssize_t n;

	pthread_mutex_lock(&t->lock);
	if (o->sent == o->len) { /* the two change places */
		struct km_tls_out idle = { .buf = o->buf, .cap = o->cap };

		t->going = t->out;
		t->out = idle;
	}
	pthread_mutex_unlock(&t->lock);
	while (o->sent < o->len) {
		n = send(t->fd, o->buf + o->sent, o->len - o->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EINTR)
			return km_socket_error(errno);
		if (n > 0) {
			o->sent += (size_t)n;
			atomic_fetch_add(&t->wrote, (uint64_t)n);
		}
	}
	return 0;
}

void km_tls_close(struct km_tls *t)
{
	if (!t)
		return;
	if (t->shaken && !t->broken) {
		gnutls_bye(t->session, GNUTLS_SHUT_WR);
		flush_some(t);
	}
	if (t->session)
		gnutls_deinit(t->session);
	free(t->out.buf);
	free(t->going.buf);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* ---- the handshake ---- */

short km_tls_wants(const struct km_tls *t)
{
	return t->going.sent < t->going.len || t->out.len ? POLLIN | POLLOUT : POLLIN;
}

bool km_tls_peer_is_plain(const struct km_tls *t)
{
	return t->nfirst == sizeof(t->first) && km_wire_is_ours(t->first);
}

bool km_tls_by_older_key(const struct km_tls *t)
{
	const char *id = t->server ? gnutls_psk_server_get_username(t->session) : NULL;

	return id && (t->creds->kind != KM_SECURE_PSK || strcmp(id, t->creds->psk_id) != 0);
}

/* What was agreed upon is looked at, too, not only asked for. */
static int check_agreed(const struct km_tls *t, struct km_err *err)
{
	bool psk = gnutls_auth_get_type(t->session) == GNUTLS_CRD_PSK;

	if (gnutls_protocol_get_version(t->session) != GNUTLS_TLS1_3)
		return km_err_set(err, -EPROTO, "TLS: an older version than 1.3");
	if (psk ? gnutls_kx_get(t->session) != GNUTLS_KX_ECDHE_PSK :
		  gnutls_auth_get_type(t->session) != GNUTLS_CRD_CERTIFICATE ||
			    gnutls_session_get_verify_cert_status(t->session))
		return km_err_set(err, -EACCES, "TLS: the peer has not shown who it is");
	if (!t->server && psk != (t->creds->kind == KM_SECURE_PSK))
		return km_err_set(err, -EACCES, "TLS: the peer has not shown who it is");
	return 0;
}

int km_tls_shake(struct km_tls *t, struct km_err *err)
{
	int rc = 0, out;

	if (!t->shaken) {
		pthread_mutex_lock(&t->lock);
		rc = gnutls_handshake(t->session);
		pthread_mutex_unlock(&t->lock);
	}
	if (rc && !gnutls_error_is_fatal(rc)) {
		out = flush_some(t);
		if (t->end) /* nothing more will come */
			return km_tls_tell(t, rc, t->end, err);
		return out && out != -EAGAIN ? km_tls_tell(t, rc, out, err) : -EAGAIN;
	}
	if (!rc)
		rc = check_agreed(t, err);
	else {
		km_tls_tell(t, rc, 0, err);
		if (!km_tls_peer_is_plain(t))
			gnutls_alert_send_appropriate(t->session, rc);
		rc = -EACCES;
	}
	out = flush_some(t);
	t->shaken = !rc;
	return rc ? rc : out;
}

/* Until the socket is ready, or the other end is gone. */
static int wait_for(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n = poll(&p, 1, ms);

	return n > 0 || (n < 0 && errno == EINTR) ? 0 : n ? -errno : -ETIMEDOUT;
}

int km_tls_shake_all(struct km_tls *t, int ms, struct km_err *err)
{
	double end = km_now_ms() + ms, left = ms;
	int rc;

	while ((rc = km_tls_shake(t, err)) == -EAGAIN) {
		if (left <= 0 || wait_for(t->fd, km_tls_wants(t), (int)left + 1))
			return km_err_set(err, -ETIMEDOUT,
					  "no word from the peer in the TLS handshake, for %d s",
					  ms / 1000);
		left = end - km_now_ms();
	}
	return rc;
}

/* ---- data ---- */

/* Bytes, 0 when the peer has said goodbye, -EAGAIN, or an error. */
static ssize_t read_some(struct km_tls *t, void *buf, size_t len)
{
	ssize_t n;

	pthread_mutex_lock(&t->lock);
	n = gnutls_record_recv(t->session, buf, len);
	if (n == GNUTLS_E_FATAL_ALERT_RECEIVED)
		t->alert = gnutls_alert_get(t->session);
	pthread_mutex_unlock(&t->lock);
	if (n >= 0)
		return n;
	if (n == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return -EACCES;
	if (gnutls_error_is_fatal((int)n))
		return -EBADMSG;
	return t->end ? t->end : -EAGAIN;
}

int km_tls_read(struct km_tls *t, void *buf, size_t len, int ms)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = read_some(t, p, len);
		int rc;

		if (!n)
			return -EPIPE;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (n != -EAGAIN)
			return (int)n;
		rc = wait_for(t->fd, POLLIN, ms ? ms : -1);
		if (rc)
			return rc;
	}
	return 0;
}

static int flush_all(struct km_tls *t, int ms)
{
	int rc;

	while ((rc = flush_some(t)) == -EAGAIN) {
		rc = wait_for(t->fd, POLLOUT, ms ? ms : -1);
		if (rc)
			return rc;
	}
	return rc;
}

int km_tls_put(struct km_tls *t, const void *buf, size_t len, int ms)
{
	const uint8_t *p = buf;
	int rc = t->broken ? -EPIPE : 0;

	while (len && !rc) {
		bool full;
		ssize_t n;

		pthread_mutex_lock(&t->lock);
		n = gnutls_record_send(t->session, p, len);
		full = t->out.len >= OUT_BYTES;
		pthread_mutex_unlock(&t->lock);
		if (n <= 0) {
			rc = -EPIPE;
			break;
		}
		p += n;
		len -= (size_t)n;
		rc = full ? flush_all(t, ms) : 0;
	}
	t->broken = rc; /* a record may be half sent */
	return rc;
}

int km_tls_write(struct km_tls *t, const void *buf, size_t len, int ms)
{
	int rc = km_tls_put(t, buf, len, ms);

	if (rc)
		return rc;
	rc = flush_all(t, ms);
	t->broken = rc;
	return rc;
}

size_t km_tls_unread(struct km_tls *t)
{
	size_t n;

	pthread_mutex_lock(&t->lock);
	n = gnutls_record_check_pending(t->session) + t->in.len - t->in.at;
	pthread_mutex_unlock(&t->lock);
	return n;
}

uint64_t km_tls_wrote(const struct km_tls *t)
{
	return t->wrote;
}

const char *km_tls_cipher(const struct km_tls *t)
{
	return gnutls_cipher_get_name(gnutls_cipher_get(t->session));
}
