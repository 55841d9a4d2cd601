// SPDX-License-Identifier: GPL-2.0
#include "probe.h"

#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../xfer/clock.h"
#include "../xfer/frame.h"

#define PATIENCE_MS    5000 /* for a peer that is silent in the middle */
#define WAIT_MS	       10000
#define ECHOES	       20
#define SETTLE_NS      200000000u
#define SEND_NS	       1000000000u
#define SERVE_NS       5000000000u /* a sender that never ends */
#define CHUNK	       (256u << 10)
#define KEY_TEXT_BYTES (2 * KM_PSK_BYTES)

/* Each answer at once. */
static void prepare(int fd)
{
	const struct timeval tv = { .tv_sec = PATIENCE_MS / 1000 };
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

/* ---- the one who is measured ---- */

static bool has_key(int fd, const struct km_psk *key)
{
	char want[KEY_TEXT_BYTES + 1], got[KEY_TEXT_BYTES];

	km_psk_text(key, want);
	return !km_read_full(fd, got, sizeof(got)) && !memcmp(want, got, sizeof(got));
}

static int take_data(int fd, uint64_t answer[2])
{
	uint64_t began = km_now_ns(), from = 0, bytes = 0, now = began;
	char *buf = malloc(CHUNK);
	ssize_t n = 1;

	while (buf && n > 0 && now - began < SERVE_NS) {
		n = recv(fd, buf, CHUNK, 0);
		now = km_now_ns();
		if (n > 0 && from)
			bytes += (uint64_t)n;
		else if (n > 0 && now - began >= SETTLE_NS)
			from = now; /* what comes from here on counts */
	}
	free(buf);
	answer[0] = htole64(bytes);
	answer[1] = htole64(from ? now - from : 0);
	return !buf ? -ENOMEM : n < 0 ? -errno : 0;
}

static int serve_one(int fd)
{
	uint64_t answer[2];
	char what;
	int rc;

	for (int i = 0; i <= ECHOES; i++) {
		rc = km_read_full(fd, &what, 1);
		if (!rc && what == 'd')
			rc = take_data(fd, answer);
		else if (!rc && what == 'e')
			rc = km_write_full(fd, &what, 1);
		else if (!rc)
			rc = -EPROTO;
		if (rc)
			return rc;
		if (what == 'd')
			return km_write_full(fd, answer, sizeof(answer));
	}
	return -EPROTO;
}

int km_probe_serve(const struct km_psk *key, FILE *says, struct km_err *err)
{
	double deadline = km_now_ms() + WAIT_MS;
	unsigned int port;
	int rc = -ETIMEDOUT, listener = km_listen_tcp(NULL, "0", &port, err), fd = -1;
	struct pollfd p = { .fd = listener, .events = POLLIN };

	if (listener < 0)
		return listener;
	fprintf(says, "{\"event\": \"listening\", \"port\": %u}\n", port);
	fflush(says);
	while (fd < 0 && km_now_ms() < deadline) {
		if (poll(&p, 1, (int)(deadline - km_now_ms())) > 0)
			fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		prepare(fd);
		if (has_key(fd, key)) {
			rc = serve_one(fd);
			close(fd);
		} else { /* a stranger; the other one may come yet */
			close(fd);
			fd = -1;
		}
	}
	close(listener);
	return rc ? km_err_set(err, rc, "the measurement failed: %s", strerror(-rc)) : 0;
}

/* ---- the one who measures ---- */

static int by_time(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int ask_echoes(int fd, struct km_probe *p)
{
	uint64_t took[ECHOES];
	char e = 'e';
	int rc = 0;

	for (int i = 0; !rc && i < ECHOES; i++) {
		uint64_t began = km_now_ns();

		rc = km_write_full(fd, &e, 1);
		if (!rc)
			rc = km_read_full(fd, &e, 1);
		took[i] = km_now_ns() - began;
		if (!rc && e != 'e')
			rc = -EPROTO;
	}
	if (rc)
		return rc;
	qsort(took, ECHOES, sizeof(took[0]), by_time);
	p->round_trip_us = (uint32_t)((took[ECHOES / 2] + 999) / 1000);
	return 0;
}

static int send_data(int fd, struct km_probe *p)
{
	uint64_t until = km_now_ns() + SEND_NS, answer[2];
	char *buf = calloc(1, CHUNK);
	int rc = buf ? km_write_full(fd, "d", 1) : -ENOMEM;
	double s;

	while (!rc && km_now_ns() < until)
		rc = km_write_full(fd, buf, CHUNK);
	free(buf);
	if (!rc && shutdown(fd, SHUT_WR))
		rc = -errno;
	if (!rc)
		rc = km_read_full(fd, answer, sizeof(answer));
	if (rc)
		return rc;
	s = (double)le64toh(answer[1]) / 1e9;
	if (!(s > 0) || s > 60 || (double)le64toh(answer[0]) / s > 1e13)
		return -EPROTO;
	p->bit_per_s = (uint64_t)((double)le64toh(answer[0]) * 8 / s);
	return 0;
}

int km_probe_measure(const char *host, const char *port, const struct km_psk *key,
		     struct km_probe *p, struct km_err *err)
{
	char text[KEY_TEXT_BYTES + 1];
	struct km_conn c;
	int rc = km_conn_dial(&c, host, port, NULL, PATIENCE_MS, err);

	memset(p, 0, sizeof(*p));
	if (rc)
		return km_err_set(err, rc, "no TCP connection to %.200s port %.8s: %s", host, port,
				  strerror(-rc));
	prepare(c.fd);
	km_psk_text(key, text);
	rc = km_write_full(c.fd, text, KEY_TEXT_BYTES);
	if (!rc)
		rc = ask_echoes(c.fd, p);
	if (!rc)
		rc = send_data(c.fd, p);
	km_conn_close(&c);
	return rc ? km_err_set(err, rc, "the measurement broke off: %s", strerror(-rc)) : 0;
}
