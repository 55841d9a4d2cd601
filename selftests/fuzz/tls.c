// SPDX-License-Identifier: GPL-2.0
/* Somebody who has no key, at either end of a TLS handshake, and texts that are to be keys. He is
 * never taken for somebody who has one. The first byte says whom he talks to. */
#include <errno.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fuzz.h"
#include "xfer/tls.h"

enum { TO_DESTINATION, TO_SOURCE, KEY_TEXT, TALKS };

static int no_older(const char *id, struct km_psk *k)
{
	(void)k;
	must(strlen(id) < 65536);
	return -ENOENT;
}

static struct km_creds *creds(int talk)
{
	static struct km_creds *c[2];
	struct km_psk k = { { 1, 2, 3 } };

	if (!c[talk] && km_creds_of_key(&c[talk], &k, talk == TO_SOURCE ? NULL : no_older, NULL))
		abort();
	return c[talk];
}

static struct km_tls *open_end(int talk, int fd)
{
	struct km_tls *t;

	if (km_tls_open(&t, creds(talk), fd, talk == TO_SOURCE ? "b" : NULL, NULL))
		abort();
	return t;
}

static void pair(int fd[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		abort();
}

/* What a source that has the key says first, or a destination answers to it. */
static size_t flight(int of, uint8_t *buf)
{
	int fd[2];
	struct km_tls *source, *destination;
	ssize_t n;

	pair(fd);
	source = open_end(TO_SOURCE, fd[0]);
	destination = open_end(TO_DESTINATION, fd[1]);
	km_tls_shake(source, NULL);
	if (of == TO_SOURCE)
		km_tls_shake(destination, NULL);
	n = recv(fd[of == TO_SOURCE ? 0 : 1], buf, FUZZ_MAX - 1, MSG_DONTWAIT);
	km_tls_close(source);
	km_tls_close(destination);
	close(fd[0]);
	close(fd[1]);
	return n > 0 ? (size_t)n : 0;
}

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	buf[0] = (uint8_t)(i % TALKS);
	if (i < KEY_TEXT)
		return 1 + flight((int)i, buf + 1);
	if (i == KEY_TEXT) {
		memset(buf + 1, 'a', 2 * KM_PSK_BYTES);
		buf[1 + 2 * KM_PSK_BYTES] = '\n';
		return 2 + 2 * KM_PSK_BYTES;
	}
	return 0;
}

/* What was sent was taken for a hello: a destination answers with its own, and a source goes on
 * encrypted (RFC 8446, 5.1: record types 22 and 20 or 23), behind its own hello. */
static bool went_on(int fd, int talk)
{
	uint8_t said[4096];
	ssize_t n = recv(fd, said, sizeof(said), MSG_DONTWAIT);
	size_t at = 0;

	if (talk == TO_SOURCE && n > 5)
		at = 5 + (size_t)(said[3] << 8 | said[4]);
	if (n <= (ssize_t)at)
		return false;
	return talk == TO_SOURCE ? said[at] == 20 || said[at] == 23 : said[at] == 22;
}

static void shake(int talk, const uint8_t *data, size_t len)
{
	struct km_tls *t;
	int fd[2], rc;

	pair(fd);
	if (len && send(fd[1], data, len, MSG_DONTWAIT) != (ssize_t)len)
		abort();
	shutdown(fd[1], SHUT_WR);
	t = open_end(talk, fd[0]);
	for (int i = 0; i < 16; i++) {
		struct km_err err = { 0 };

		rc = km_tls_shake(t, &err);
		must(rc < 0);
		if (rc == -EAGAIN)
			continue;
		must(err.text[0]);
		break;
	}
	fuzz_accepted += went_on(fd[1], talk);
	km_tls_close(t);
	close(fd[0]);
	close(fd[1]);
}

static void key(const uint8_t *data, size_t len)
{
	char *text = fuzz_string(data, len), again[2 * KM_PSK_BYTES + 1];
	struct km_psk k;

	if (!km_psk_parse(&k, text, len)) {
		fuzz_accepted++;
		km_psk_text(&k, again);
		must(!strncasecmp(again, text, 2 * KM_PSK_BYTES));
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!len)
		return 0;
	if (data[0] % TALKS == KEY_TEXT)
		key(data + 1, len - 1);
	else
		shake(data[0] % TALKS, data + 1, len - 1);
	return 0;
}
