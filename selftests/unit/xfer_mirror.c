// SPDX-License-Identifier: GPL-2.0
/* What QEMU says of its mirrors; --bandwidth, divided; bytes through a tunnel. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "ktap.h"
#include "xfer/mirror.h"
#include "xfer/share.h"
#include "xfer/tunnel.h"

static struct km_mirror_job job;
static struct km_err err;

/* As QEMU 7.2.22 says it of two mirrors, in parts. */
static void look(const char *list, unsigned int nr)
{
	json_t *j = json_loads(list, 0, NULL);

	if (!j)
		abort();
	km_mirror_parse(j, nr, &job);
	json_decref(j);
}

static void jobs(bool *ok)
{
	static const char list[] =
		"[{\"auto-finalize\":true,\"io-status\":\"ok\",\"device\":\"kmigrate-disk1\","
		"\"auto-dismiss\":false,\"busy\":false,\"len\":0,\"offset\":0,\"status\":\"ready\","
		"\"paused\":false,\"speed\":0,\"ready\":true,\"type\":\"mirror\"},"
		"{\"io-status\":\"ok\",\"device\":\"kmigrate-disk0\",\"len\":270532608,"
		"\"offset\":269484032,\"status\":\"concluded\",\"error\":\"Input/output error\"},"
		"{\"device\":\"b\",\"len\":2,\"offset\":1,\"status\":\"running\"},"
		"{\"io-status\":\"nospace\",\"device\":\"kmigrate-disk11\",\"len\":9,\"offset\":5,"
		"\"status\":\"paused\",\"paused\":true,\"ready\":false}]";

	look(list, 0);
	CHECK(job.there && job.concluded && !job.ready && !strcmp(job.error, "Input/output error"));
	CHECK(job.done_bytes == 269484032 && job.total_bytes == 270532608);
	look(list, 1);
	CHECK(job.there && job.ready && !job.concluded && !job.error[0]);
	look(list, 2);
	CHECK(!job.there && !job.ready && !job.concluded);
	look(list, 11);
	CHECK(job.there && !job.ready && !job.concluded && job.done_bytes == 5);
	CHECK(!strcmp(job.error, "No space left on device"));
	look("[]", 0);
	CHECK(!job.there);
	look("[{\"device\":\"kmigrate-disk0\",\"status\":\"standby\"}]", 0);
	CHECK(job.ready && !job.error[0]);
	/* Both were the same, and then an error came. */
	look("[{\"device\":\"kmigrate-disk0\",\"status\":\"standby\",\"io-status\":\"failed\"}]",
	     0);
	CHECK(!strcmp(job.error, "Input/output error"));
	look("[{\"device\":\"kmigrate-disk0\",\"status\":\"paused\"}]", 0);
	CHECK(job.there && !job.ready);
	look("[{\"device\":\"kmigrate-disk0\",\"status\":\"pending\"}]", 0);
	CHECK(job.there && !job.ready && !job.concluded);
}

static uint64_t sum(const uint64_t *v, unsigned int n)
{
	uint64_t all = 0;

	while (n--)
		all += v[n];
	return all;
}

static void never_more(bool *ok)
{
	uint64_t taken[KM_DISKS_MAX], part[KM_DISKS_MAX];

	srandom(7);
	for (int turn = 0; turn < 200000; turn++) {
		unsigned int n = (unsigned int)random() % KM_DISKS_MAX + 1;
		uint64_t all = 125000 + ((uint64_t)random() << (random() % 32)), rest;

		for (unsigned int i = 0; i < n; i++)
			taken[i] = random() % 4 ? (uint64_t)random() << (random() % 33) : 0;
		rest = km_share(all, n, taken, part);
		CHECK(rest + sum(part, n) == all && rest >= all / 2);
		CHECK(sum(part, n) + n >= all / 16 / n * n);
		if (!*ok)
			return;
	}
}

/* What a disk with so much to write gets to send. */
static void follows(bool *ok)
{
	const uint64_t all = 100000000;
	uint64_t taken[2] = { 0, 0 }, part[2], rest = 0;

	for (int turn = 0; turn < 10; turn++) { /* a second */
		rest = km_share(all, 2, taken, part);
		taken[0] = part[0] < 40000000 ? part[0] : 40000000;
		taken[1] = 0;
	}
	CHECK(taken[0] == 40000000 && rest <= all / 2 + 2);
	for (int turn = 0; turn < 10; turn++) {
		taken[0] = 0;
		rest = km_share(all, 2, taken, part);
	}
	CHECK(rest >= all / 16 * 15);
	CHECK(km_share(all, 0, taken, part) == all);
	taken[0] = UINT64_MAX;
	taken[1] = UINT64_MAX;
	CHECK(km_share(all, 2, taken, part) >= all / 2 && part[0] == part[1] && part[0] > all / 5);
}

/* ---- a tunnel: QEMU, us, the other kmigrate, its QEMU ---- */

static struct km_tunnel a, b;
static int here, there; /* the two QEMUs' ends */

static void dig(bool *ok)
{
	struct km_conn c[2];
	int tcp, unix_fd[2], two[2];
	unsigned int port;
	char text[16];

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	tcp = km_listen_tcp("127.0.0.1", "0", &port, &err);
	CHECK(tcp >= 0 && !socketpair(AF_UNIX, SOCK_STREAM, 0, unix_fd) &&
	      !socketpair(AF_UNIX, SOCK_STREAM, 0, two));
	snprintf(text, sizeof(text), "%u", port);
	CHECK(!km_conn_dial(&c[0], "127.0.0.1", text, NULL, 1000, &err));
	km_conn_init(&c[1], accept(tcp, NULL, NULL), 1000);
	close(tcp);
	here = unix_fd[0];
	there = two[0];
	CHECK(!km_tunnel_open(&a, &c[0], unix_fd[1], -1, 0, &err));
	CHECK(!km_tunnel_open(&b, &c[1], two[1], -1, 0, &err));
}

static void fill_in(void)
{
	close(here);
	close(there);
	km_tunnel_close(&a);
	km_tunnel_close(&b);
}

static bool ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&p, 1, 5000) > 0 && read(fd, &byte, 1) <= 0;
}

/* Both ways at once, more than any buffer holds. */
static void *echo(void *arg)
{
	uint8_t buf[70000];
	size_t left = (size_t)(uintptr_t)arg;

	while (left) {
		ssize_t n = read(there, buf, sizeof(buf));

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			buf[i] = (uint8_t)(buf[i] ^ 0x5a);
		if (km_write_full(there, buf, (size_t)n))
			break;
		left -= (size_t)n;
	}
	return NULL;
}

static void *feed(void *arg)
{
	uint8_t *all = arg;

	km_write_full(here, all, 8 << 20);
	return NULL;
}

static void through(bool *ok)
{
	uint8_t *all = malloc(8 << 20), *back = malloc(8 << 20);
	pthread_t t[2];
	bool same = true;

	for (int i = 0; i < 8 << 20; i++)
		all[i] = (uint8_t)((unsigned int)i * 2654435761u >> 24);
	dig(ok);
	pthread_create(&t[0], NULL, echo, (void *)(uintptr_t)(8 << 20));
	pthread_create(&t[1], NULL, feed, all);
	CHECK(!km_read_full(here, back, 8 << 20));
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	for (int i = 0; i < 8 << 20; i++)
		same = same && back[i] == (all[i] ^ 0x5a);
	CHECK(same && !a.over && !b.over);
	CHECK(a.bytes == 16 << 20 && b.bytes == 16 << 20);
	fill_in();
	free(all);
	free(back);
}

/* What was said before the end arrives, and then the end. */
static void source_ends(bool *ok)
{
	char word[5] = "";

	dig(ok);
	CHECK(write(here, "last", 4) == 4);
	close(here);
	here = dup(0);
	CHECK(!km_read_full(there, word, 4) && !strcmp(word, "last") && ended(there));
	for (int i = 0; i < 5000 && !(a.over && b.over); i++)
		usleep(1000);
	CHECK(a.over && b.over);
	fill_in();
}

static void cut(bool *ok)
{
	dig(ok);
	km_tunnel_cut(&a);
	CHECK(ended(here) && ended(there));
	km_tunnel_cut(&a);
	fill_in();
	km_tunnel_close(&a);
	km_tunnel_cut(&a);
}

/* QEMU has filled every buffer and waits for room: that it can write is what wakes it. */
static void full(bool *ok)
{
	struct pollfd p = { .events = POLLOUT };
	static uint8_t bytes[65536];

	dig(ok);
	p.fd = here;
	for (int quiet = 0; quiet < 20;) { /* until nothing has gone for a second */
		quiet = send(here, bytes, sizeof(bytes), MSG_DONTWAIT) > 0 ? 0 : quiet + 1;
		usleep(quiet ? 50000 : 0);
	}
	CHECK(!poll(&p, 1, 0));
	km_tunnel_cut(&a);
	for (int i = 0; i < 5000 && !(p.revents & POLLOUT); i++) {
		poll(&p, 1, 0);
		usleep(1000);
	}
	CHECK(p.revents & POLLOUT);
	fill_in();
}

/* QEMU comes once: what it tries after the end must fail at once, and not wait for an answer. */
static void once(bool *ok)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_STREAM, 0), two[2], first, again;
	struct km_conn c;

	memset(&a, 0, sizeof(a));
	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/kmigrate-unit-%d", getpid());
	CHECK(!bind(l, (struct sockaddr *)&un, sizeof(un)) && !listen(l, 5));
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, two));
	km_conn_init(&c, two[0], 1000);
	CHECK(!km_tunnel_open(&a, &c, -1, l, getpid(), &err));
	first = socket(AF_UNIX, SOCK_STREAM, 0);
	again = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(!connect(first, (struct sockaddr *)&un, sizeof(un)));
	for (int i = 0; i < 5000 && a.fd < 0; i++)
		usleep(1000);
	km_tunnel_cut(&a);
	CHECK(ended(first) && ended(two[1]));
	CHECK(connect(again, (struct sockaddr *)&un, sizeof(un)) && errno == ECONNREFUSED);
	km_tunnel_close(&a);
	unlink(un.sun_path);
	close(first);
	close(again);
	close(two[1]);
}

/* Nobody has come yet, and nobody will. */
static void nobody(bool *ok)
{
	int l = socket(AF_UNIX, SOCK_STREAM, 0), two[2];
	struct km_conn c;

	memset(&a, 0, sizeof(a));
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, two));
	km_conn_init(&c, two[0], 1000);
	CHECK(!km_tunnel_open(&a, &c, -1, l, getpid(), &err));
	km_tunnel_cut(&a);
	CHECK(ended(two[1]));
	km_tunnel_close(&a);
	close(two[1]);
}

static const struct ktap_case cases[] = {
	{ "mirror: its jobs, by number", jobs },
	{ "share: never more than there is, and half for the memory", never_more },
	{ "share: follows what a disk needs", follows },
	{ "tunnel: both ways at once", through },
	{ "tunnel: one QEMU ends", source_ends },
	{ "tunnel: cut", cut },
	{ "tunnel: cut while QEMU waits for room", full },
	{ "tunnel: QEMU can't come again", once },
	{ "tunnel: cut before anybody came", nobody },
};

KTAP_MAIN(cases)
