/* SPDX-License-Identifier: GPL-2.0 */
/* A destination's door in a thread, which says back what it hears, and keys for both ends. */
#ifndef UNIT_TLSPEER_H
#define UNIT_TLSPEER_H

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "xfer/door.h"
#include "xfer/tls.h"

enum { PATIENCE_MS = 5000 };

struct host {
	struct km_door door;
	char port[8];
	pthread_t thread;
	_Atomic bool stop;
	_Atomic unsigned int let_in, refusals;
	bool older; /* the last one came by an older key */
	pthread_mutex_t lock;
	char refusal[KM_ERR_MAX], heard[KM_ERR_MAX]; /* the last ones; lock */
};

static inline void host_refused(void *ctx, const struct km_err *err)
{
	struct host *h = ctx;

	pthread_mutex_lock(&h->lock);
	snprintf(h->refusal, sizeof(h->refusal), "%s", err->text);
	pthread_mutex_unlock(&h->lock);
	h->refusals++;
}

static inline void *host_main(void *arg)
{
	struct host *h = arg;
	struct km_err err = { 0 };
	struct km_conn c;
	struct km_msg m;

	while (!h->stop) {
		if (km_door_wait(&h->door, &c, PATIENCE_MS, NULL, 50, &err))
			continue;
		h->older = c.tls && km_tls_by_older_key(c.tls);
		h->let_in++;
		while (!km_recv(&c, &m, &err))
			km_send(&c, m.op, m.seq, c.buf, m.len, NULL);
		if (err.code == -EPROTO) /* as sink_setup.c does */
			km_send_json(&c, KM_OP_FAILED, json_pack("{s:s}", "error", err.text), NULL);
		pthread_mutex_lock(&h->lock);
		snprintf(h->heard, sizeof(h->heard), "%s", err.text);
		pthread_mutex_unlock(&h->lock);
		km_conn_close(&c);
	}
	km_door_clear(&h->door);
	return NULL;
}

static inline void host_open(struct host *h, const struct km_creds *creds)
{
	struct km_err err = { 0 };
	unsigned int port = 0;
	int fd = km_listen_tcp("127.0.0.1", "0", &port, &err);

	memset(h, 0, sizeof(*h));
	h->door = (struct km_door){
		.listen_fd = fd, .creds = creds, .refused = host_refused, .ctx = h
	};
	snprintf(h->port, sizeof(h->port), "%u", port);
	pthread_mutex_init(&h->lock, NULL);
	if (fd < 0 || pthread_create(&h->thread, NULL, host_main, h))
		_exit(1);
}

static inline void host_close(struct host *h)
{
	h->stop = true;
	pthread_join(h->thread, NULL);
	close(h->door.listen_fd);
}

/* Within the handshake's limit and a little. */
static inline bool host_refuses(struct host *h, const char *words)
{
	bool said;

	for (int i = 0; i < 1200 && !h->refusals; i++)
		usleep(10000);
	pthread_mutex_lock(&h->lock);
	said = h->refusals == 1 && strstr(h->refusal, words);
	if (!said)
		printf("# %u refusals: %s\n", h->refusals, h->refusal);
	pthread_mutex_unlock(&h->lock);
	return said;
}

/* A connected socket. */
static inline int call(const char *port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(port)),
	};
	struct timeval tv = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
		_exit(1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

/* A message there and back. */
static inline int echo(struct km_conn *c, const void *data, size_t len, struct km_err *err)
{
	struct km_msg m;
	int rc = km_send(c, KM_OP_MAIN, 7, data, len, err);

	if (!rc)
		rc = km_recv(c, &m, err);
	if (!rc && (m.op != KM_OP_MAIN || m.seq != 7 || m.len != len ||
		    (len && memcmp(c->buf, data, len) != 0)))
		rc = km_err_set(err, -EBADMSG, "something else came back");
	return rc;
}

/* As a source would: connects, and is understood. */
static inline int visit_by(const char *port, const struct km_creds *creds, const char *host,
			   struct km_err *err)
{
	struct km_conn c = { .fd = -1 };
	int rc = km_conn_dial(&c, host, port, creds, PATIENCE_MS, err);

	if (!rc)
		rc = echo(&c, "word", 4, err);
	km_conn_close(&c);
	return rc;
}

static inline int visit(struct host *h, const struct km_creds *creds, const char *host,
			struct km_err *err)
{
	return visit_by(h->port, creds, host, err);
}

/* Both ends' credentials by one key. */
static inline void new_pair(struct km_creds **source, struct km_creds **destination,
			    km_older_key *older)
{
	struct km_err err = { 0 };
	struct km_psk k;

	if (km_psk_new(&k, &err) || km_creds_of_key(source, &k, NULL, &err) ||
	    km_creds_of_key(destination, &k, older, &err)) {
		printf("# %s\n", err.text);
		_exit(1);
	}
}

static inline int no_older(const char *id, struct km_psk *k)
{
	(void)id;
	(void)k;
	return -ENOENT;
}

/* ---- two ends of one connection, both in the test's hands ---- */

struct pair {
	struct km_creds *s, *d;
	struct km_door door;
	char port[8];
	struct km_conn source, destination;
	pthread_t thread;
};

static inline void *let_in(void *arg)
{
	struct pair *p = arg;
	struct km_err err = { 0 };

	p->destination.fd = -1;
	if (km_door_wait(&p->door, &p->destination, PATIENCE_MS, NULL, PATIENCE_MS, &err))
		printf("# %s\n", err.text);
	return NULL;
}

static inline void listen_pair(struct pair *p)
{
	struct km_err err = { 0 };
	unsigned int port = 0;

	memset(p, 0, sizeof(*p));
	new_pair(&p->s, &p->d, no_older);
	p->door.creds = p->d;
	p->door.listen_fd = km_listen_tcp("127.0.0.1", "0", &port, &err);
	snprintf(p->port, sizeof(p->port), "%u", port);
	pthread_create(&p->thread, NULL, let_in, p);
}

static inline void join_pair(struct pair *p, const char *port)
{
	struct km_err err = { 0 };

	if (km_conn_dial(&p->source, "127.0.0.1", port, p->s, PATIENCE_MS, &err))
		printf("# %s\n", err.text);
	pthread_join(p->thread, NULL);
	if (p->destination.fd < 0 || p->source.fd < 0)
		_exit(1);
}

static inline void open_pair(struct pair *p)
{
	listen_pair(p);
	join_pair(p, p->port);
}

static inline void close_pair(struct pair *p)
{
	km_conn_close(&p->source);
	km_conn_close(&p->destination);
	km_door_clear(&p->door);
	close(p->door.listen_fd);
	km_creds_free(p->s);
	km_creds_free(p->d);
}

#endif
