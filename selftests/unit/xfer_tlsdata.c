// SPDX-License-Identifier: GPL-2.0
/* Data over TLS: all sizes, both directions at once while keys change, ends of all kinds. */
#include "ktap.h"
#include "tlspeer.h"
#include "xfer/clock.h"
#include "xfer/tls_priv.h"

static void sizes(bool *ok)
{
	static const size_t some[] = { 0,     1,     16351,
				       16352, 16353, 16384,
				       32768, 70000, KM_WIRE_PAYLOAD_MAX };
	uint8_t *data = malloc(KM_WIRE_PAYLOAD_MAX);
	struct km_creds *s, *d;
	struct km_conn c = { .fd = -1 };
	struct km_err err = { 0 };
	struct host h;
	uint64_t sent = 0;

	for (size_t i = 0; i < KM_WIRE_PAYLOAD_MAX; i++)
		data[i] = (uint8_t)(i * 7 + i / 4096);
	new_pair(&s, &d, no_older);
	host_open(&h, d);
	CHECK(!km_conn_dial(&c, "127.0.0.1", h.port, s, PATIENCE_MS, &err));
	for (unsigned int i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		CHECK(!echo(&c, data, some[i], &err));
		sent += some[i] + KM_WIRE_HEADER_BYTES;
	}
	/* 22 bytes more a record of 16 KiB (RFC 8446, 5.2), and the handshake. */
	CHECK(km_conn_written(&c) > sent && km_conn_written(&c) < sent + sent / 500 + 2000);
	CHECK(!strcmp(km_tls_cipher(c.tls), "AES-128-GCM"));
	km_conn_close(&c);
	host_close(&h);
	km_creds_free(s);
	km_creds_free(d);
	free(data);
}

/* ---- threads ---- */

enum { MESSAGES = 800, CHANGES = 5 };

struct side {
	struct km_conn *c;
	const char *what;
	bool ok, change; /* keys, on the way */
};

static size_t size_of(uint64_t i)
{
	return (size_t)(i * 2654435761u % 40000);
}

/* As gnutls_record_send() does by itself after 2^24 records. GnuTLS takes 8 a second. */
static bool change_keys(struct km_conn *c)
{
	bool ok;

	pthread_mutex_lock(&c->tls->lock);
	ok = !gnutls_session_key_update(c->tls->session, 0);
	pthread_mutex_unlock(&c->tls->lock);
	return ok;
}

static void *writer(void *arg)
{
	struct side *d = arg;
	uint8_t data[40000];

	d->ok = true;
	for (uint64_t i = 0; i < MESSAGES && d->ok; i++) {
		memset(data, (int)(i & 0xff), sizeof(data));
		d->ok = !km_send(d->c, KM_OP_MAIN, i, data, size_of(i), NULL);
		if (d->change && i % (MESSAGES / CHANGES) == 1)
			d->ok = d->ok && change_keys(d->c);
	}
	return NULL;
}

static void *reader(void *arg)
{
	struct side *d = arg;
	struct km_err err = { 0 };
	struct km_msg m;

	d->ok = true;
	for (uint64_t i = 0; i < MESSAGES && d->ok; i++) {
		d->ok = !km_recv(d->c, &m, &err) && m.seq == i && m.len == size_of(i) &&
			(!m.len || d->c->buf[m.len - 1] == (i & 0xff));
		if (!d->ok)
			printf("# %s, message %llu: %s\n", d->what, (unsigned long long)i,
			       err.text);
	}
	return NULL;
}

static void work(struct pair *p, bool change, bool *ok)
{
	struct side side[4] = { { .c = &p->source, .what = "source", .change = change },
				{ .c = &p->source, .what = "source" },
				{ .c = &p->destination, .what = "destination", .change = change },
				{ .c = &p->destination, .what = "destination" } };
	pthread_t t[4];

	for (unsigned int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, i % 2 ? reader : writer, &side[i]);
	for (unsigned int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		CHECK(side[i].ok);
	}
}

static void both_ways(bool *ok)
{
	struct pair p;

	open_pair(&p);
	work(&p, true, ok);
	close_pair(&p);
}

/* Both write more than their sockets hold, and each reads while it waits. */
static void full_sockets(bool *ok)
{
	struct pair p;
	int small = 4096;

	open_pair(&p);
	setsockopt(p.source.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(p.destination.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	work(&p, false, ok);
	close_pair(&p);
}

/* ---- ends ---- */

static void goodbye(bool *ok)
{
	struct km_err err = { 0 };
	struct km_msg m;
	struct pair p;

	open_pair(&p);
	km_conn_close(&p.source);
	CHECK(km_recv(&p.destination, &m, &err) == -EPIPE &&
	      strstr(err.text, "closed the connection"));
	close_pair(&p);
}

static void cut(bool *ok)
{
	struct km_err err = { 0 };
	struct km_msg m;
	struct pair p;

	open_pair(&p);
	shutdown(p.source.fd, SHUT_WR);
	CHECK(km_recv(&p.destination, &m, &err) == -ECONNRESET && strstr(err.text, "was cut"));
	/* The end of one direction is none of the other: FAILED can still be said. */
	CHECK(!km_send(&p.destination, KM_OP_FAILED, 0, "{}", 2, &err));
	CHECK(!km_recv(&p.source, &m, &err) && m.op == KM_OP_FAILED);
	close_pair(&p);
}

static void *shut_soon(void *arg)
{
	struct km_conn *c = arg;

	usleep(200000);
	shutdown(c->fd, SHUT_RD);
	return NULL;
}

static void shutdown_wakes(bool *ok)
{
	struct km_err err = { 0 };
	double began = km_now_ms();
	struct km_msg m;
	pthread_t t;
	struct pair p;

	open_pair(&p);
	pthread_create(&t, NULL, shut_soon, &p.source);
	CHECK(km_recv(&p.source, &m, &err) && km_now_ms() - began < PATIENCE_MS / 2);
	pthread_join(t, NULL);
	CHECK(!km_send(&p.source, KM_OP_ABORT, 0, "why", 3, &err));
	CHECK(!km_recv(&p.destination, &m, &err) && m.op == KM_OP_ABORT);
	close_pair(&p);
}

static void patience(bool *ok)
{
	struct km_err err = { 0 };
	double began = km_now_ms();
	struct km_msg m;
	struct pair p;

	open_pair(&p);
	p.destination.recv_ms = 300;
	CHECK(km_recv(&p.destination, &m, &err) == -ETIMEDOUT && km_now_ms() - began >= 300);
	CHECK(!km_send(&p.source, KM_OP_BYE, 0, NULL, 0, &err));
	CHECK(!km_recv(&p.destination, &m, &err) && m.op == KM_OP_BYE);
	close_pair(&p);
}

/* What km_conn_unread() is for: signs of life that nobody reads yet. */
static void unread(bool *ok)
{
	struct km_err err = { 0 };
	uint8_t head[KM_WIRE_HEADER_BYTES];
	struct pair p;
	int before;

	open_pair(&p);
	CHECK(!km_conn_unread(&p.destination));
	/* One byte of a record is read, the rest is in GnuTLS and not in the socket. */
	CHECK(!km_send(&p.source, KM_OP_BYE, 0, NULL, 0, &err));
	CHECK(!km_tls_read(p.destination.tls, head, 1, 1000));
	CHECK(km_conn_unread(&p.destination) == KM_WIRE_HEADER_BYTES - 1);
	CHECK(!km_tls_read(p.destination.tls, head + 1, sizeof(head) - 1, 1000));
	CHECK(!km_conn_unread(&p.destination));
	for (int i = 0; i < 5; i++) {
		before = km_conn_unread(&p.destination);
		CHECK(!km_send(&p.source, KM_OP_BYE, 0, NULL, 0, &err));
		usleep(50000);
		CHECK(km_conn_unread(&p.destination) > before);
	}
	km_conn_close(&p.source);
	usleep(50000);
	CHECK(km_conn_unread(&p.destination) == -EPIPE);
	close_pair(&p);
}

/* The socket is read ahead of GnuTLS: who polls it must still hear of what came with the first. */
static void read_ahead(bool *ok)
{
	struct km_err err = { 0 };
	struct km_msg m;
	struct pair p;

	open_pair(&p);
	CHECK(!km_send(&p.source, KM_OP_BYE, 0, NULL, 0, &err));
	CHECK(!km_send(&p.source, KM_OP_ABORT, 0, NULL, 0, &err));
	usleep(100000); /* both are in the socket */
	CHECK(!km_recv(&p.destination, &m, &err) && m.op == KM_OP_BYE);
	CHECK(km_conn_unread(&p.destination) > 0);
	CHECK(!km_recv(&p.destination, &m, &err) && m.op == KM_OP_ABORT);
	CHECK(!km_conn_unread(&p.destination));
	close_pair(&p);
}

static const struct ktap_case cases[] = {
	{ "messages of all sizes, and what they take on the wire", sizes },
	{ "both ways at once, while the keys change", both_ways },
	{ "both ways at once through small buffers", full_sockets },
	{ "a goodbye", goodbye },
	{ "a cut, after which the other direction works", cut },
	{ "shutdown wakes the reader, and the writer can write", shutdown_wakes },
	{ "a reader's patience", patience },
	{ "what has come and was not read", unread },
	{ "what was read ahead is unread, too", read_ahead },
};

KTAP_MAIN(cases)
