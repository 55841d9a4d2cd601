// SPDX-License-Identifier: GPL-2.0
/* The measurement of a link, over loopback: it works, and none but who has the key is served. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "host/probe.h"
#include "ktap.h"
#include "xfer/clock.h"

struct server {
	pthread_t thread;
	struct km_psk key;
	FILE *says, *hear;
	int rc;
	struct km_err err;
	unsigned int port;
};

static void *serve(void *arg)
{
	struct server *s = arg;

	s->rc = km_probe_serve(&s->key, s->says, &s->err);
	return NULL;
}

static void begin(struct server *s)
{
	int fds[2];

	memset(s, 0, sizeof(*s));
	memset(s->key.key, 7, sizeof(s->key.key));
	if (pipe(fds))
		abort();
	s->hear = fdopen(fds[0], "r");
	s->says = fdopen(fds[1], "w");
	pthread_create(&s->thread, NULL, serve, s);
	if (fscanf(s->hear, "{\"event\": \"listening\", \"port\": %u}", &s->port) != 1)
		abort();
}

static void end(struct server *s)
{
	pthread_join(s->thread, NULL);
	fclose(s->says);
	fclose(s->hear);
}

static int measure(const struct server *s, const struct km_psk *key, struct km_probe *p,
		   struct km_err *err)
{
	char port[16];

	snprintf(port, sizeof(port), "%u", s->port);
	memset(err, 0, sizeof(*err));
	return km_probe_measure("127.0.0.1", port, key, p, err);
}

static void works(bool *ok)
{
	struct km_psk other = { { 1 } };
	struct km_probe p;
	struct km_err err;
	struct server s;
	double began;

	begin(&s);
	/* A stranger is hung up on, and keeps nobody out. */
	CHECK(measure(&s, &other, &p, &err) < 0 && strstr(err.text, "broke off"));
	began = km_now_ms();
	CHECK(!measure(&s, &s.key, &p, &err));
	CHECK(km_now_ms() - began >= 1000);
	CHECK(p.bit_per_s > 1000000 && p.round_trip_us > 0);
	printf("# loopback: %.1f Gbit/s, %u us\n", (double)p.bit_per_s / 1e9, p.round_trip_us);
	end(&s);
	CHECK(!s.rc);
	/* It has served one and is gone. */
	CHECK(measure(&s, &s.key, &p, &err) < 0 && strstr(err.text, "no TCP connection to 127."));
}

static int dial(const struct server *s)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)s->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)))
		abort();
	return fd;
}

/* What it answers to these bytes behind the key, until it hangs up. */
static ssize_t answers(const struct server *s, const char *bytes, bool end_there)
{
	char text[2 * KM_PSK_BYTES + 1], buf[256];
	int fd = dial(s);
	ssize_t n, all = 0;

	km_psk_text(&s->key, text);
	if (write(fd, text, 2 * KM_PSK_BYTES) < 0 ||
	    write(fd, bytes, strlen(bytes)) != (ssize_t)strlen(bytes))
		abort();
	if (end_there)
		shutdown(fd, SHUT_WR);
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		all += n;
	close(fd);
	return all;
}

/* With the key, and then something else: no more than an end. */
static void nonsense(bool *ok)
{
	struct server s;

	begin(&s);
	CHECK(answers(&s, "ex", false) == 1);
	end(&s);
	CHECK(s.rc == -EPROTO && s.err.text[0]);
	begin(&s);
	CHECK(answers(&s, "eeeeeeeeeeeeeeeeeeeeee", false) == 21); /* no end of echoes */
	end(&s);
	CHECK(s.rc == -EPROTO);
	begin(&s);
	CHECK(answers(&s, "e", true) == 1); /* breaks off */
	end(&s);
	CHECK(s.rc == -EPIPE);
	begin(&s);
	CHECK(answers(&s, "d", true) == 16); /* no data at all */
	end(&s);
	CHECK(!s.rc);
}

/* A server that is none: what it says is not believed. */
static void *lie(void *arg)
{
	int *listener = arg, fd = accept(*listener, NULL, NULL);
	char buf[65536];
	uint64_t answer[2] = { UINT64_MAX, 1 };

	/* The key, and each echo. */
	if (recv(fd, buf, 2 * KM_PSK_BYTES, MSG_WAITALL) < 0)
		abort();
	for (int i = 0; i < 20; i++)
		if (recv(fd, buf, 1, 0) != 1 || send(fd, buf, 1, 0) != 1)
			abort();
	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
	if (send(fd, answer, sizeof(answer), MSG_NOSIGNAL) < 0)
		abort();
	close(fd);
	return NULL;
}

static void lies(bool *ok)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct server s = { .port = 0 };
	socklen_t len = sizeof(in);
	struct km_probe p;
	struct km_err err;
	pthread_t t;

	if (bind(listener, (struct sockaddr *)&in, sizeof(in)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&in, &len))
		abort();
	s.port = ntohs(in.sin_port);
	pthread_create(&t, NULL, lie, &listener);
	CHECK(measure(&s, &s.key, &p, &err) == -EPROTO && !p.bit_per_s);
	pthread_join(t, NULL);
	close(listener);
}

static const struct ktap_case cases[] = {
	{ "a measurement, and one without the key", works },
	{ "with the key, and nonsense", nonsense },
	{ "a server that says too much", lies },
};

KTAP_MAIN(cases)
