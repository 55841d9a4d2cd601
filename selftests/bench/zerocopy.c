// SPDX-License-Identifier: GPL-2.0
/*
 * zerocopy [--json] [--quick] NAME=ADDRESS:PORT...: what it costs to send pages with send() and with
 * MSG_ZEROCOPY (Documentation/networking/msg_zerocopy.rst), to each of these receivers, in messages
 * of so many pages as a stream's sender writes at once.
 * zerocopy receive PORT: is such a receiver; it reads and forgets.  `zerocopy` of this folder's
 * scripts starts two, on this machine; this program goes for any two hosts.
 *
 * What is sent lies in a shared mapping, as the memory of a guest does. A part of it is written anew
 * once the kernel has said that it is done with it, so 4 MiB at most are on their way.
 *
 * CPU time is that of both processes, with what the kernel does for them in system calls. Runs with
 * and without are interleaved; medians, and the median of the pairs' ratios.
 *
 * Exit status: 0 if MSG_ZEROCOPY saves less than a tenth of the CPU time everywhere, as frame.h has
 * it; 1 if it saves more, and so should be in use; 2 for wrong arguments; 125 if it could not be
 * measured.
 */
#include <time.h> /* before linux/errqueue.h, which needs it */

#include <errno.h>
#include <linux/errqueue.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE	  4096u
#define GIB	  (1ull << 30)
#define ON_WAY	  1024u /* pages */
#define MOST	  128u	/* pages of a message: KM_WIRE_PAGES_MAX of user/xfer/wire.h */
#define PAIRS	  9
#define QUICK	  3
#define LINKS_MAX 8
#define WORTH	  0.9

struct link {
	const char *name, *port;
	char *address;
};

struct cost {
	double cpu_s, s;       /* a GiB */
	uint64_t told, copied; /* completions, and those of what was copied all the same */
};

static void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(125);
}

static double now_s(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- the receiver ---- */

static void serve(int fd)
{
	static char buf[1 << 18];
	double from = now_s(CLOCK_PROCESS_CPUTIME_ID), cpu_s;

	while (read(fd, buf, sizeof(buf)) > 0)
		;
	cpu_s = now_s(CLOCK_PROCESS_CPUTIME_ID) - from;
	send(fd, &cpu_s, sizeof(cpu_s), MSG_NOSIGNAL); /* who went away needs none */
	close(fd);
}

static int receive(const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *ai;
	int fd, one = 1;

	if (getaddrinfo(NULL, port, &hints, &ai)) {
		fprintf(stderr, "bench: no port: %s\n", port);
		return 2;
	}
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, 1))
		die("listen");
	freeaddrinfo(ai);
	for (;;) {
		int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (conn < 0)
			die("accept");
		serve(conn);
	}
}

/* ---- the sender ---- */

static int dial(const struct link *l)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	int fd, one = 1;

	if (getaddrinfo(l->address, l->port, &hints, &ai)) {
		errno = EHOSTUNREACH;
		die(l->address);
	}
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen))
		die(l->address);
	freeaddrinfo(ai);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* as frame.c */
	if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		die("SO_ZEROCOPY");
	return fd;
}

/* Completions that have come: each tells of a range of calls. */
static uint64_t reap(int fd, struct cost *c)
{
	char control[128];
	struct msghdr mh = { .msg_control = control, .msg_controllen = sizeof(control) };
	const struct sock_extended_err *e;
	uint64_t all = 0, n;

	while (recvmsg(fd, &mh, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
		struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);

		if (!cm)
			break;
		e = (const void *)CMSG_DATA(cm);
		if (e->ee_origin != SO_EE_ORIGIN_ZEROCOPY)
			die("an error on the error queue");
		n = e->ee_data - e->ee_info + 1u;
		all += n;
		c->told += n;
		c->copied += e->ee_code & SO_EE_CODE_ZEROCOPY_COPIED ? n : 0;
		mh.msg_controllen = sizeof(control);
	}
	return all;
}

static void await(int fd)
{
	struct pollfd p = { .fd = fd }; /* POLLERR comes unasked: poll(2) */

	if (poll(&p, 1, 10000) != 1) {
		errno = ETIMEDOUT;
		die("no completion");
	}
}

/* One message; on_way counts the calls that it takes. */
static void send_all(int fd, const char *from, size_t len, int flags, uint64_t *on_way,
		     struct cost *c)
{
	while (len) {
		ssize_t n = send(fd, from, len, flags | MSG_NOSIGNAL);

		if (n < 0 && errno == ENOBUFS && *on_way) { /* net.core.optmem_max */
			await(fd);
			*on_way -= reap(fd, c);
			continue;
		}
		if (n < 0)
			die("send");
		from += n;
		len -= (size_t)n;
		++*on_way;
	}
}

static struct cost run(const struct link *l, char *memory, unsigned int pages, uint64_t bytes,
		       bool zerocopy)
{
	int fd = dial(l), flags = zerocopy ? MSG_ZEROCOPY : 0;
	double begin = now_s(CLOCK_MONOTONIC), cpu = now_s(CLOCK_PROCESS_CPUTIME_ID), there = 0;
	unsigned int slots = ON_WAY / pages;
	uint64_t on_way = 0, sent = 0;
	struct cost c = { 0 };

	for (unsigned int at = 0; sent < bytes; sent += pages * PAGE, at = (at + 1) % slots) {
		char *from = memory + (size_t)at * pages * PAGE;

		while (zerocopy && on_way >= slots) {
			await(fd);
			on_way -= reap(fd, &c);
		}
		for (unsigned int i = 0; i < pages; i++)
			from[i * PAGE]++;
		send_all(fd, from, pages * PAGE, flags, &on_way, &c);
	}
	shutdown(fd, SHUT_WR);
	if (read(fd, &there, sizeof(there)) != sizeof(there))
		die("the receiver went away");
	reap(fd, &c);
	c.s = (now_s(CLOCK_MONOTONIC) - begin) * (double)GIB / (double)sent;
	c.cpu_s = (now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu + there) * (double)GIB / (double)sent;
	close(fd);
	return c;
}

/* ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *of, unsigned int n)
{
	qsort(of, n, sizeof(*of), by_size);
	return of[n / 2];
}

/* Returns the median ratio of CPU time, with by without. */
static double compare(const struct link *l, char *memory, unsigned int pages, bool quick, bool json)
{
	unsigned int n = quick ? QUICK : PAIRS;
	double cpu[2][PAIRS], s[2][PAIRS], cpu_ratio[PAIRS], s_ratio[PAIRS], ratio;
	uint64_t bytes = quick ? GIB / 8 : GIB, told = 0, copied = 0;

	run(l, memory, pages, bytes / 8, true); /* the first touch of everything */
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int k = 0; k < 2; k++) {
			bool zerocopy = (i + k) % 2; /* each is first in every other pair */
			struct cost c = run(l, memory, pages, bytes, zerocopy);

			cpu[zerocopy][i] = c.cpu_s;
			s[zerocopy][i] = c.s;
			told += c.told;
			copied += c.copied;
		}
		cpu_ratio[i] = cpu[1][i] / cpu[0][i];
		s_ratio[i] = s[0][i] / s[1][i];
	}
	ratio = median(cpu_ratio, n);
	printf(json ? "{\"link\": \"%s\", \"pages\": %u, \"pairs\": %u, \"send_cpu_s_per_gib\": %.3f, "
		      "\"zerocopy_cpu_s_per_gib\": %.3f, \"cpu_ratio\": %.3f, \"send_gib_per_s\": %.2f, "
		      "\"zerocopy_gib_per_s\": %.2f, \"speed_ratio\": %.3f, \"copied\": %.3f}" :
		      "%-10s %5u %5u %7.3f %8.3f %8.3f %8.2f %8.2f %8.3f %8.3f\n",
	       l->name, pages, n, median(cpu[0], n), median(cpu[1], n), ratio, 1 / median(s[0], n),
	       1 / median(s[1], n), median(s_ratio, n), told ? (double)copied / (double)told : 0);
	fflush(stdout);
	return ratio;
}

static bool parse(char *arg, struct link *l)
{
	char *is = strchr(arg, '='), *colon = strrchr(arg, ':');

	if (!is || !colon || colon < is)
		return false;
	*is = *colon = '\0';
	*l = (struct link){ .name = arg, .address = is + 1, .port = colon + 1 };
	return true;
}

int main(int argc, char **argv)
{
	static const unsigned int pages[] = { MOST, 16 };
	struct link link[LINKS_MAX];
	unsigned int n = 0;
	bool json = false, quick = false, worth = false;
	char *memory;
	int fd;

	if (argc == 3 && !strcmp(argv[1], "receive"))
		return receive(argv[2]);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (!strcmp(argv[i], "--quick"))
			quick = true;
		else if (n < LINKS_MAX && parse(argv[i], &link[n]))
			n++;
		else
			n = LINKS_MAX + 1;
	}
	if (!n || n > LINKS_MAX) {
		fprintf(stderr, "bench: NAME=ADDRESS:PORT..., --json, --quick; or receive PORT\n");
		return 2;
	}
	fd = memfd_create("guest", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, ON_WAY * PAGE))
		die("memfd");
	memory = mmap(NULL, ON_WAY * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	printf("%s", json ? "{\"rows\": [" :
			    "                         CPU s a GiB, ratio     GiB/s, ratio\n"
			    "link       pages pairs    send zerocopy             send zerocopy"
			    "              copied\n");
	for (unsigned int i = 0; i < 2 * n; i++) {
		printf("%s", json && i ? ",\n" : "");
		worth |= compare(&link[i / 2], memory, pages[i % 2], quick, json) < WORTH;
	}
	if (json)
		printf("], \"wanted\": %.2f}\n", WORTH);
	return worth;
}
