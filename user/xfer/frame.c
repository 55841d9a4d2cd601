// SPDX-License-Identifier: GPL-2.0
#include "frame.h"
#include "clock.h"
#include "clocks.h"
#include "tls.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void km_conn_allow(struct km_conn *c, int peer_ms)
{
	struct timeval tv = { .tv_sec = peer_ms / 1000, .tv_usec = peer_ms % 1000 * 1000 };
	unsigned int user_ms = (unsigned int)peer_ms;

	c->peer_ms = c->recv_ms = peer_ms;
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof(user_ms));
}

void km_conn_init(struct km_conn *c, int fd, int peer_ms)
{
	int one = 1;

	memset(c, 0, sizeof(*c));
	c->fd = fd;
	pthread_mutex_init(&c->wlock, NULL);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	km_conn_allow(c, peer_ms);
}

void km_conn_close(struct km_conn *c)
{
	km_tls_close(c->tls);
	c->tls = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	free(c->buf);
	c->buf = NULL;
	c->cap = 0;
	c->plain_bytes = 0;
}

void km_conn_shutdown(struct km_conn *c)
{
	if (c->fd >= 0)
		shutdown(c->fd, SHUT_RDWR);
}

/* By TCP's own pacing (net/core/sock.c, sk_pacing_status), whatever the queueing discipline. */
int km_conn_limit(struct km_conn *c, uint64_t bytes_per_s, struct km_err *err)
{
	if (setsockopt(c->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes_per_s, sizeof(bytes_per_s)))
		return km_err_set(err, -errno, "--bandwidth can't be kept: %s", strerror(errno));
	return 0;
}

void km_conn_be_patient(struct km_conn *c)
{
	struct timeval forever = { 0 };

	c->recv_ms = 0;
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
}

uint64_t km_conn_written(const struct km_conn *c)
{
	return c->tls ? km_tls_wrote(c->tls) : c->plain_bytes;
}

static struct addrinfo *resolve(const char *host, const char *port, int flags, struct km_err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags }, *ai;
	int rc = getaddrinfo(host, port, &hints, &ai);

	if (!rc)
		return ai;
	km_err_set(err, -EHOSTUNREACH, "cannot resolve %s port %s: %s", host ? host : "*", port,
		   gai_strerror(rc));
	return NULL;
}

static int dial_plain(struct km_conn *c, const char *host, const char *port, int peer_ms,
		      struct km_err *err)
{
	struct addrinfo *list = resolve(host, port, 0, err), *ai;
	int rc = -EHOSTUNREACH, fd;

	if (!list)
		return rc;
	for (ai = list; ai; ai = ai->ai_next) {
		struct timeval tv = { .tv_sec = peer_ms / 1000, .tv_usec = peer_ms % 1000 * 1000 };

		fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0) {
			rc = -errno;
			continue;
		}
		/* connect() obeys the send timeout: socket(7). */
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
		if (!connect(fd, ai->ai_addr, ai->ai_addrlen)) {
			km_conn_init(c, fd, peer_ms);
			freeaddrinfo(list);
			return 0;
		}
		rc = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
		close(fd);
	}
	freeaddrinfo(list);
	return km_err_set(err, rc,
			  "cannot reach %s port %s: %s; is `kmigrate receive` running there?", host,
			  port, strerror(-rc));
}

int km_conn_dial(struct km_conn *c, const char *host, const char *port,
		 const struct km_creds *creds, int peer_ms, struct km_err *err)
{
	int rc = dial_plain(c, host, port, peer_ms, err);

	if (rc || !creds)
		return rc;
	rc = km_tls_open(&c->tls, creds, c->fd, host, err);
	if (!rc)
		rc = km_tls_shake_all(c->tls, peer_ms, err);
	if (rc)
		km_conn_close(c);
	return rc;
}

int km_listen_tcp(const char *host, const char *port, unsigned int *got_port, struct km_err *err)
{
	struct addrinfo *ai = resolve(host, port, AI_PASSIVE, err);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd, one = 1, rc;

	if (!ai)
		return -EHOSTUNREACH;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		goto fail;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, KM_STREAMS_MAX + 4) ||
	    getsockname(fd, (struct sockaddr *)&ss, &len))
		goto fail;
	*got_port = ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port :
						     ((struct sockaddr_in *)&ss)->sin_port);
	freeaddrinfo(ai);
	return fd;
fail:
	rc = -errno;
	if (fd >= 0)
		close(fd);
	freeaddrinfo(ai);
	return km_err_set(err, rc, "cannot listen on %s port %s: %s", host ? host : "*", port,
			  strerror(-rc));
}

int km_conn_unread(const struct km_conn *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };
	int n;

	/* TLS's goodbye is followed by the socket's end, so that is all there is to look for. */
	if (poll(&p, 1, 0) > 0 || ioctl(c->fd, FIONREAD, &n))
		return -EPIPE;
	return c->tls ? n + (int)km_tls_unread(c->tls) : n;
}

int km_socket_error(int e)
{
	/*
	 * Of a connection that was open, inet_sk_rebuild_header() says by these that the route has
	 * become a black hole's or is prohibited (fib_props[]), and tcp_write_err() has them
	 * instead of ETIMEDOUT.
	 */
	return e == EINVAL || e == EACCES ? -EHOSTUNREACH : -e;
}

int km_read_full(int fd, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : km_socket_error(errno);
		if (!n)
			return -EPIPE;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int km_writev_full(int fd, struct iovec *iov, int n)
{
	while (n) {
		struct msghdr mh = { .msg_iov = iov, .msg_iovlen = (size_t)n };
		ssize_t w = sendmsg(fd, &mh, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return errno == EAGAIN ? -ETIMEDOUT : km_socket_error(errno);
		while (n && (size_t)w >= iov->iov_len) {
			w -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n) {
			iov->iov_base = (uint8_t *)iov->iov_base + w;
			iov->iov_len -= (size_t)w;
		}
	}
	return 0;
}

int km_write_full(int fd, const void *buf, size_t len)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };

	return len ? km_writev_full(fd, &iov, 1) : 0;
}

/* A record has room for the header and what fits besides: what is short goes as one. */
#define TLS_RECORD 16384

static int write_tls(struct km_conn *c, const uint8_t *head, const uint8_t *payload, size_t len)
{
	uint8_t record[TLS_RECORD];
	size_t n = len < sizeof(record) - KM_WIRE_HEADER_BYTES ?
			   len :
			   sizeof(record) - KM_WIRE_HEADER_BYTES;
	int rc;

	memcpy(record, head, KM_WIRE_HEADER_BYTES);
	if (n)
		memcpy(record + KM_WIRE_HEADER_BYTES, payload, n);
	rc = km_tls_put(c->tls, record, KM_WIRE_HEADER_BYTES + n, c->peer_ms);
	return rc ? rc : km_tls_write(c->tls, payload + n, len - n, c->peer_ms);
}

static int write_plain(struct km_conn *c, const uint8_t *head, const void *payload, size_t len)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)head, .iov_len = KM_WIRE_HEADER_BYTES },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = len },
	};

	atomic_fetch_add(&c->plain_bytes, KM_WIRE_HEADER_BYTES + len);
	return km_writev_full(c->fd, iov, len ? 2 : 1);
}

static const char *why(const struct km_conn *c, int rc)
{
	return c->tls ? km_tls_why(c->tls, rc) : strerror(-rc);
}

int km_send(struct km_conn *c, enum km_op op, uint64_t seq, const void *payload, size_t len,
	    struct km_err *err)
{
	uint8_t head[KM_WIRE_HEADER_BYTES];
	int rc;

	if (len > KM_WIRE_PAYLOAD_MAX)
		return km_err_set(err, -EMSGSIZE, "%s message of %zu bytes", km_op_name(op), len);
	if (c->tls)
		km_wire_head(head, op, seq, (uint32_t)len);
	else
		km_wire_seal(head, op, seq, payload, (uint32_t)len);
	pthread_mutex_lock(&c->wlock);
	rc = c->tls ? write_tls(c, head, payload, len) : write_plain(c, head, payload, len);
	pthread_mutex_unlock(&c->wlock);
	if (rc)
		km_err_set(err, rc, "sending %s to the peer: %s", km_op_name(op), why(c, rc));
	return rc;
}

int km_send_json(struct km_conn *c, enum km_op op, json_t *j, struct km_err *err)
{
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	int rc;

	json_decref(j);
	if (!text)
		return km_err_set(err, -ENOMEM, "out of memory for a %s message", km_op_name(op));
	rc = km_send(c, op, 0, text, strlen(text), err);
	free(text);
	return rc;
}

static int read_conn(struct km_conn *c, void *buf, size_t len)
{
	return c->tls ? km_tls_read(c->tls, buf, len, c->recv_ms) : km_read_full(c->fd, buf, len);
}

static int recv_one(struct km_conn *c, struct km_msg *m, struct km_err *err)
{
	uint8_t head[KM_WIRE_HEADER_BYTES];
	int rc = read_conn(c, head, sizeof(head));

	if (rc == -EPIPE)
		return km_err_set(err, rc, "the peer closed the connection");
	if (rc == -EACCES)
		return km_err_set(err, rc, "the peer refused TLS (alert: %s)", why(c, rc));
	if (rc)
		return km_err_set(err, rc, "no word from the peer: %s", why(c, rc));
	rc = km_wire_open(head, m, err);
	if (rc)
		return rc;
	if (m->len + 1u > c->cap) {
		uint8_t *bigger = realloc(c->buf, m->len + 1u);

		if (!bigger)
			return km_err_set(err, -ENOMEM, "out of memory for a message");
		c->buf = bigger;
		c->cap = m->len + 1u;
	}
	rc = read_conn(c, c->buf, m->len);
	if (rc)
		return km_err_set(err, rc, "a %s message broke off: %s", km_op_name(m->op),
				  why(c, rc));
	c->buf[m->len] = '\0';
	if (!c->tls)
		return km_wire_check(head, m, c->buf, err);
	return m->sum ? km_err_set(err, -EPROTO, "a %s message with a sum, over TLS",
				   km_op_name(m->op)) :
			0;
}

static int heard_ping(struct km_conn *c, size_t len, struct km_err *err)
{
	uint8_t answer[KM_CLOCKS_BYTES];

	if (!c->clocks || !km_clocks_hear(c->clocks, c->buf, len, km_now_ns(), answer))
		return 0;
	return km_send(c, KM_OP_PING, 0, answer, sizeof(answer), err);
}

bool km_conn_broke(int rc)
{
	/* tcp(7), ip(7); ETIMEDOUT is also this end's patience. */
	return rc == -EPIPE || rc == -ECONNRESET || rc == -ECONNABORTED || rc == -ETIMEDOUT ||
	       rc == -EHOSTUNREACH || rc == -ENETUNREACH || rc == -EHOSTDOWN || rc == -ENETDOWN ||
	       rc == -ENONET;
}

int km_recv_any(struct km_conn *c, struct km_msg *m, struct km_err *err)
{
	int rc = recv_one(c, m, err);

	return rc || m->op != KM_OP_PING ? rc : heard_ping(c, m->len, err);
}

int km_recv(struct km_conn *c, struct km_msg *m, struct km_err *err)
{
	int rc;

	do {
		rc = km_recv_any(c, m, err);
	} while (!rc && m->op == KM_OP_PING);
	return rc;
}

int km_recv_json(struct km_conn *c, enum km_op *op, json_t **j, struct km_err *err)
{
	struct km_msg m;
	int rc = km_recv(c, &m, err);

	if (rc)
		return rc;
	*op = m.op;
	*j = json_loadb((char *)c->buf, m.len, 0, NULL);
	if (!json_is_object(*j)) {
		json_decref(*j);
		return km_err_set(err, -EPROTO, "%s message without a JSON object",
				  km_op_name(m.op));
	}
	return 0;
}

const char *km_msg_error(const json_t *j, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(j, "error"));

	return text ? text : otherwise;
}
