// SPDX-License-Identifier: GPL-2.0
/* What is on the wire: peers of other kinds, noise, silence. */
#include "ktap.h"
#include "tlspeer.h"

/* ---- peers of another kind ---- */

/* A source by GnuTLS itself: 0, or what its handshake met. */
static int raw_source(const char *port, const char *priority, const struct km_creds *creds)
{
	gnutls_certificate_credentials_t none;
	gnutls_session_t s;
	struct timeval soon = { .tv_usec = 500000 };
	int fd = call(port), rc;
	char byte;

	gnutls_init(&s, GNUTLS_CLIENT);
	gnutls_certificate_allocate_credentials(&none);
	gnutls_priority_set_direct(s, priority, NULL);
	gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, none);
	gnutls_credentials_set(s, GNUTLS_CRD_PSK, creds->psk_client);
	gnutls_transport_set_int(s, fd);
	gnutls_handshake_set_timeout(s, PATIENCE_MS);
	do {
		rc = gnutls_handshake(s);
	} while (rc && !gnutls_error_is_fatal(rc));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	if (!rc && gnutls_record_recv(s, &byte, 1) != GNUTLS_E_AGAIN)
		rc = GNUTLS_E_FATAL_ALERT_RECEIVED; /* TLS 1.3's handshake does not show it yet */
	gnutls_deinit(s);
	gnutls_certificate_free_credentials(none);
	close(fd);
	return rc;
}

static void other_tls(bool *ok)
{
	static const char *const bad[][2] = {
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK", "does not speak TLS 1.3" },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.0:+VERS-TLS1.1:-KX-ALL:+ECDHE-PSK", "TLS" },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+PSK", "" }, /* no ephemeral key */
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-RSA", "" },
	};
	struct km_err err = { 0 };
	struct km_creds *s, *d;
	struct host h;

	new_pair(&s, &d, no_older);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		host_open(&h, d);
		CHECK(raw_source(h.port, bad[i][0], s));
		CHECK(host_refuses(&h, bad[i][1]));
		CHECK(!h.let_in);
		CHECK(!visit(&h, s, "127.0.0.1", &err)); /* who is refused bars nobody's way */
		host_close(&h);
	}
	/* And the source of this test is refused for that alone. */
	host_open(&h, d);
	CHECK(!raw_source(h.port, "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK", s));
	host_close(&h);
	km_creds_free(s);
	km_creds_free(d);
}

struct raw_host {
	int fd;
	const char *priority;
	const struct km_creds *creds;
	int rc;
};

static int any_key(gnutls_session_t s, const char *id, gnutls_datum_t *key)
{
	(void)s;
	(void)id;
	key->data = gnutls_malloc(KM_PSK_BYTES);
	memset(key->data, 1, KM_PSK_BYTES);
	key->size = KM_PSK_BYTES;
	return 0;
}

/* A destination that has no right key, of whatever kind. */
static void *raw_host_main(void *arg)
{
	struct raw_host *h = arg;
	gnutls_psk_server_credentials_t psk;
	gnutls_session_t s;
	int fd = accept(h->fd, NULL, NULL);

	gnutls_init(&s, GNUTLS_SERVER | GNUTLS_NO_TICKETS);
	gnutls_priority_set_direct(s, h->priority, NULL);
	gnutls_psk_allocate_server_credentials(&psk);
	gnutls_psk_set_server_credentials_function(psk, any_key);
	gnutls_credentials_set(s, GNUTLS_CRD_PSK, psk);
	gnutls_transport_set_int(s, fd);
	gnutls_handshake_set_timeout(s, PATIENCE_MS);
	do {
		h->rc = gnutls_handshake(s);
	} while (h->rc && !gnutls_error_is_fatal(h->rc));
	if (h->rc)
		gnutls_alert_send_appropriate(s, h->rc);
	gnutls_deinit(s);
	gnutls_psk_free_server_credentials(psk);
	close(fd);
	return NULL;
}

/* What a source says of such a one. */
static bool false_host(const char *priority, const struct km_creds *creds, const char *words)
{
	struct raw_host h = { .priority = priority };
	struct km_conn c = { .fd = -1 };
	struct km_err err = { 0 };
	unsigned int port = 0;
	pthread_t t;
	char text[8];
	int rc;

	h.fd = km_listen_tcp("127.0.0.1", "0", &port, &err);
	snprintf(text, sizeof(text), "%u", port);
	pthread_create(&t, NULL, raw_host_main, &h);
	rc = km_conn_dial(&c, "127.0.0.1", text, creds, PATIENCE_MS, &err);
	km_conn_close(&c);
	pthread_join(t, NULL);
	close(h.fd);
	if (rc && h.rc && strstr(err.text, words))
		return true;
	printf("# %d there, %d here: %s\n", h.rc, rc, err.text);
	return false;
}

static void false_hosts(bool *ok)
{
	struct km_creds *s, *d;

	new_pair(&s, &d, no_older);
	CHECK(false_host("NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK", s,
			 "does not know this pre-shared key"));
	CHECK(false_host("NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK", s, ""));
	km_creds_free(s);
	km_creds_free(d);
}

/* ---- without TLS ---- */

static void plain_source(bool *ok)
{
	struct km_conn c = { .fd = -1 };
	struct km_creds *s, *d;
	struct km_err err = { 0 };
	struct km_msg m = { 0 };
	struct host h;

	new_pair(&s, &d, no_older);
	host_open(&h, d);
	CHECK(!km_conn_dial(&c, "127.0.0.1", h.port, NULL, PATIENCE_MS, &err));
	CHECK(!km_send(&c, KM_OP_HELLO, 0, "{}", 2, &err));
	CHECK(!km_recv(&c, &m, &err) && m.op == KM_OP_FAILED &&
	      strstr((char *)c.buf, "by TLS alone: --psk-file or --tls-dir"));
	km_conn_close(&c);
	CHECK(host_refuses(&h, "the source speaks without TLS (--insecure)"));
	CHECK(!visit(&h, s, "127.0.0.1", &err));
	CHECK(h.let_in == 1);
	host_close(&h);
	km_creds_free(s);
	km_creds_free(d);
}

static void plain_destination(bool *ok)
{
	struct km_err err = { 0 };
	struct km_creds *s, *d;
	struct host h;

	new_pair(&s, &d, no_older);
	host_open(&h, NULL);
	CHECK(visit(&h, s, "127.0.0.1", &err) &&
	      strstr(err.text, "the destination speaks without TLS (--insecure)"));
	CHECK(!visit(&h, NULL, "127.0.0.1", &err));
	host_close(&h);
	CHECK(h.let_in == 2);
	km_creds_free(s);
	km_creds_free(d);
}

static void nonsense(bool *ok)
{
	static const char *const noise[] = {
		"GET / HTTP/1.1\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and no more",
		"\x16\x03\x01\xff\xff\xff\xff\xff",
		"\x17\x03\x03\x00\x05hello",
		"\x15\x03\x03\x00\x02\x02\x28",
	};
	struct km_err err = { 0 };
	struct km_creds *s, *d;
	struct host h;
	int fd[40];

	new_pair(&s, &d, no_older);
	host_open(&h, d);
	for (unsigned int i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
		fd[0] = call(h.port);
		CHECK(write(fd[0], noise[i], strlen(noise[i])) > 0);
		CHECK(!visit(&h, s, "127.0.0.1", &err));
		close(fd[0]);
	}
	for (int i = 0; i < 40; i++) /* more than there is room for, and they say nothing */
		fd[i] = call(h.port);
	CHECK(!visit(&h, s, "127.0.0.1", &err));
	for (int i = 0; i < 40; i++)
		close(fd[i]);
	CHECK(h.let_in == sizeof(noise) / sizeof(noise[0]) + 1);
	host_close(&h);
	km_creds_free(s);
	km_creds_free(d);
}

/* Who only waits is sent away, in time. */
static void silence(bool *ok)
{
	struct km_creds *s, *d;
	struct host h;
	char byte;
	int fd;

	new_pair(&s, &d, no_older);
	host_open(&h, d);
	fd = call(h.port);
	CHECK(host_refuses(&h, "no TLS handshake within 10 s"));
	while (recv(fd, &byte, 1, 0) > 0)
		;
	CHECK(!recv(fd, &byte, 1, 0));
	close(fd);
	host_close(&h);
	km_creds_free(s);
	km_creds_free(d);
}

static const struct ktap_case cases[] = {
	{ "TLS 1.2, no ephemeral key, certificates: refused", other_tls },
	{ "destinations without the key, of both versions", false_hosts },
	{ "a source without TLS: each end is told, the next one gets in", plain_source },
	{ "a destination without TLS", plain_destination },
	{ "noise, half a handshake, a crowd: nobody is kept waiting", nonsense },
	{ "a caller who says nothing is sent away", silence },
};

KTAP_MAIN(cases)
