// SPDX-License-Identifier: GPL-2.0
#include "door.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "clock.h"
#include "tls.h"

#define LOOK_MS 500 /* at the time limits */

static void drop(struct km_door *d, unsigned int i)
{
	km_tls_close(d->guest[i].tls);
	close(d->guest[i].fd);
	memmove(&d->guest[i], &d->guest[i + 1], (--d->n - i) * sizeof(d->guest[0]));
}

void km_door_clear(struct km_door *d)
{
	while (d->n)
		drop(d, 0);
}

static void name_peer(int fd, char who[80])
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char host[48], port[8];

	if (getpeername(fd, (struct sockaddr *)&ss, &len) ||
	    getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(who, 80, "a peer");
	else
		snprintf(who, 80, "%s port %s", host, port);
}

/* kmigrate without TLS is told so in its own way. */
static void say_failed(int fd, const char *text)
{
	struct km_conn plain;

	km_conn_init(&plain, fd, 1000);
	km_send_json(&plain, KM_OP_FAILED, json_pack("{s:s}", "error", text), NULL);
	pthread_mutex_destroy(&plain.wlock);
}

static void refuse(struct km_door *d, struct km_door_guest *g, const struct km_err *why)
{
	bool plain = km_tls_peer_is_plain(g->tls);
	struct km_err err;

	km_tls_close(g->tls);
	g->tls = NULL;
	g->refused = true;
	if (plain)
		say_failed(g->fd, "it takes guests by TLS alone: --psk-file or --tls-dir");
	shutdown(g->fd, SHUT_WR);
	km_err_set(&err, why->code, "refused %s: %s", g->who, why->text);
	if (d->refused && why->code != -ECONNRESET) /* a port scan that only knocks */
		d->refused(d->ctx, &err);
}

/* True: it can be forgotten. */
static bool was_read(int fd)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	return !n || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static int let_in(struct km_door *d, struct km_err *err)
{
	int fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct km_door_guest *g;

	if (fd < 0) /* accept(2): what the network did to it before is no error of ours */
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ?
			       km_err_set(err, -errno, "accept: %s", strerror(errno)) :
			       0;
	if (d->n == KM_DOOR_GUESTS)
		drop(d, 0);
	g = &d->guest[d->n++];
	*g = (struct km_door_guest){ .fd = fd, .until_ms = km_now_ms() + KM_HANDSHAKE_MS };
	name_peer(fd, g->who);
	if (d->creds && km_tls_open(&g->tls, d->creds, fd, NULL, err)) {
		drop(d, d->n - 1);
		return err->code;
	}
	return 0;
}

/* 0: guest i is through, and c is his. */
static int go_on(struct km_door *d, unsigned int i, struct km_conn *c, int peer_ms)
{
	struct km_door_guest *g = &d->guest[i];
	struct km_err err = { 0 };
	int rc = d->creds ? km_tls_shake(g->tls, &err) : 0;

	if (rc == -EAGAIN)
		return rc;
	if (rc) {
		refuse(d, g, &err);
		return -EAGAIN;
	}
	km_conn_init(c, g->fd, peer_ms);
	c->tls = g->tls;
	snprintf(c->who, sizeof(c->who), "%s", g->who);
	memmove(g, g + 1, (--d->n - i) * sizeof(*g));
	return 0;
}

/* Each guest whose socket is ready, or whose time is over. */
static int attend(struct km_door *d, const struct pollfd *p, struct km_conn *c, int peer_ms)
{
	double now = km_now_ms();
	struct km_err late = { 0 };

	/* From the last, since one that goes moves those behind it. */
	for (unsigned int i = d->n; i--;) {
		struct km_door_guest *g = &d->guest[i];
		bool over = now > g->until_ms;

		if (p[i].revents && !g->refused && !go_on(d, i, c, peer_ms))
			return 0;
		if (p[i].revents && g->refused && was_read(g->fd)) {
			drop(d, i);
		} else if (over) {
			km_err_set(&late, -ETIMEDOUT, "no TLS handshake within %d s",
				   KM_HANDSHAKE_MS / 1000);
			if (g->tls)
				refuse(d, g, &late);
			drop(d, i);
		}
	}
	return -EAGAIN;
}

/* Until the caller's time is over, or somebody's here could be. */
static int patience(const struct km_door *d, double end)
{
	double left = end - km_now_ms();

	if (end < 0)
		return d->n ? LOOK_MS : -1;
	return left <= 0 ? 0 : left < LOOK_MS ? (int)left + 1 : LOOK_MS;
}

int km_door_wait(struct km_door *d, struct km_conn *c, int peer_ms,
		 struct pollfd more[KM_DOOR_MORE], int ms, struct km_err *err)
{
	double end = ms < 0 ? -1 : km_now_ms() + ms;
	struct pollfd p[1 + KM_DOOR_MORE + KM_DOOR_GUESTS];
	struct pollfd *guests = p + 1 + KM_DOOR_MORE;
	int rc;

	do {
		p[0] = (struct pollfd){ .fd = d->listen_fd, .events = POLLIN };
		for (unsigned int i = 0; i < KM_DOOR_MORE; i++)
			p[1 + i] = more ? more[i] : (struct pollfd){ .fd = -1 };
		for (unsigned int i = 0; i < d->n; i++)
			guests[i] = (struct pollfd){
				.fd = d->guest[i].fd,
				.events = d->guest[i].tls ? km_tls_wants(d->guest[i].tls) : POLLIN,
			};
		if (poll(p, 1 + KM_DOOR_MORE + d->n, patience(d, end)) < 0 && errno != EINTR)
			return km_err_set(err, -errno, "poll: %s", strerror(errno));
		for (unsigned int i = 0; more && i < KM_DOOR_MORE; i++) {
			more[i].revents = p[1 + i].revents;
			if (more[i].revents)
				return 1;
		}
		if (!attend(d, guests, c, peer_ms))
			return 0;
		rc = p[0].revents ? let_in(d, err) : 0;
	} while (!rc && (end < 0 || km_now_ms() < end));
	return rc ? rc : km_err_set(err, -ETIMEDOUT, "nobody came");
}
