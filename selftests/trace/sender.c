// SPDX-License-Identifier: GPL-2.0
/*
 * sender wait|again N MS BYTES: sends BYTES N times on a TCP stream whose reader reads each
 * only after MS of sleep; then N times one byte on another stream, whose reader doesn't sleep.
 * With "again" it asks not to wait on the first and uses poll(2), else it waits in send(2).
 *
 * Readers are other processes. Starts at a line on standard input; says the ports, and how
 * often and how long it was in send(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

#define BUFFER 65536

struct stream {
	int fd, turn; /* a byte on turn's pipe for each round */
	unsigned int local, remote, calls;
	unsigned long long ns;
};

static void read_rounds(int fd, int turn, size_t size, useconds_t sleep_us)
{
	static char buffer[BUFFER];
	char byte;

	while (read(turn, &byte, 1) == 1) {
		usleep(sleep_us);
		for (size_t left = size; left;) {
			ssize_t n = read(fd, buffer, left < BUFFER ? left : BUFFER);

			if (n <= 0)
				_exit(1);
			left -= (size_t)n;
		}
	}
	_exit(0);
}

static void make_stream(struct stream *s, size_t size, useconds_t sleep_us)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = need(socket(AF_INET, SOCK_STREAM, 0), "socket"), size_of_buffer = BUFFER;
	socklen_t len = sizeof(a);
	int turn[2];

	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size_of_buffer, sizeof(int));
	need(bind(listener, (struct sockaddr *)&a, len), "bind");
	need(listen(listener, 1), "listen");
	need(getsockname(listener, (struct sockaddr *)&a, &len), "getsockname");
	s->remote = ntohs(a.sin_port);
	s->fd = need(socket(AF_INET, SOCK_STREAM, 0), "socket");
	setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &size_of_buffer, sizeof(int));
	need(connect(s->fd, (struct sockaddr *)&a, len), "connect");
	need(getsockname(s->fd, (struct sockaddr *)&a, &len), "getsockname");
	s->local = ntohs(a.sin_port);
	need(pipe2(turn, O_CLOEXEC), "pipe");
	if (!need(fork(), "fork")) {
		close(turn[1]);
		close(s->fd);
		close(STDIN_FILENO);
		read_rounds(need(accept(listener, NULL, NULL), "accept"), turn[0], size, sleep_us);
	}
	close(turn[0]);
	close(listener);
	s->turn = turn[1];
}

static void send_round(struct stream *s, const char *data, size_t size)
{
	need((int)write(s->turn, "", 1), "write");
	while (size) {
		struct pollfd p = { .fd = s->fd, .events = POLLOUT };
		unsigned long long from = now_ns();
		ssize_t n = send(s->fd, data, size, MSG_NOSIGNAL);

		s->ns += now_ns() - from;
		s->calls++;
		if (n < 0 && errno != EAGAIN)
			need(-1, "send");
		if (n > 0)
			size -= (size_t)n;
		if (size)
			need(poll(&p, 1, -1), "poll");
	}
}

int main(int argc, char **argv)
{
	struct stream slow = { 0 }, quick = { 0 };
	int n, status, bad = 0;
	size_t bytes;
	char *data;

	if (argc != 5)
		return 2;
	n = atoi(argv[2]);
	bytes = (size_t)atol(argv[4]);
	data = calloc(1, bytes);
	make_stream(&slow, bytes, (useconds_t)atoi(argv[3]) * 1000);
	make_stream(&quick, 1, 0);
	if (!strcmp(argv[1], "again"))
		need(fcntl(slow.fd, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	puts("{\"ready\": true}");
	fflush(stdout);
	getchar();
	for (int i = 0; i < n; i++)
		send_round(&slow, data, bytes);
	for (int i = 0; i < n; i++)
		send_round(&quick, data, 1);
	close(slow.turn);
	close(quick.turn);
	while (wait(&status) > 0)
		bad |= status;
	printf("{\"slow\": \"port %u -> %u\", \"calls\": %u, \"ns\": %llu, \"quick\": \"port %u -> %u\", "
	       "\"local\": %u}\n",
	       slow.local, slow.remote, slow.calls, slow.ns, quick.local, quick.remote, slow.local);
	return bad != 0;
}
