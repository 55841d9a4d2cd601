// SPDX-License-Identifier: GPL-2.0
/* Another's sockets, which are this process's own here. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "ktap.h"
#include "xfer/narrow.h"

static struct sockaddr_un un = { .sun_family = AF_UNIX };

static int listening(const char *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/narrow.%d.%s", (int)getpid(), name);
	unlink(un.sun_path);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) || listen(fd, 4))
		_exit(1);
	return fd;
}

static int connected(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&un, sizeof(un)))
		_exit(1);
	return fd;
}

/* How many bytes go into it before it is full. */
static size_t holds(int fd)
{
	char bytes[256] = { 0 };
	size_t n = 0;
	ssize_t put;

	while ((put = send(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		n += (size_t)put;
	return n;
}

static void narrows(bool *ok)
{
	int other = listening("other"), stranger = connected(), path, fd, there;
	struct sockaddr_un other_un = un;
	size_t before, after;

	if (getenv("KM_SEEDS")) /* valgrind.sh: 3.19 knows no pidfd */
		return;
	path = listening("this");
	fd = connected();
	there = accept(path, NULL, NULL);
	CHECK(km_narrow(getpid(), "/tmp/nobody") == 0);
	CHECK(km_narrow(getpid(), un.sun_path) == 1);
	before = holds(stranger);
	after = holds(fd);
	printf("# holds %zu bytes, before %zu\n", after, before);
	CHECK(after && after <= 2 * KM_NARROW_BYTES && before > 2 * KM_NARROW_BYTES);
	/* No copy of it is left open. */
	close(fd);
	fd = connected();
	CHECK(km_narrow(getpid(), un.sun_path) == 1);
	close(fd);
	close(there);
	there = accept(path, NULL, NULL);
	CHECK(recv(there, &fd, sizeof(fd), 0) == 0);
	unlink(un.sun_path);
	unlink(other_un.sun_path);
	close(other);
	close(stranger);
	close(path);
	close(there);
}

static void *connect_main(void *fd)
{
	*(_Atomic int *)fd = connected();
	return NULL;
}

/* As the source has it: of two to one path the first, while the other one waits in connect(2). */
static void the_first(bool *ok)
{
	_Atomic int second = -1;
	int path, first, there;
	pthread_t thread;

	if (getenv("KM_SEEDS"))
		return;
	path = listening("order");
	listen(path, 0);
	first = connected();
	pthread_create(&thread, NULL, connect_main, (void *)&second);
	usleep(100000);
	CHECK(second == -1);
	CHECK(km_narrow(getpid(), un.sun_path) == 1);
	listen(path, 4);
	pthread_join(thread, NULL);
	there = accept(path, NULL, NULL);
	CHECK(holds(first) <= 2 * KM_NARROW_BYTES && holds(second) > 2 * KM_NARROW_BYTES);
	unlink(un.sun_path);
	close(first);
	close(second);
	close(there);
	close(path);
}

/* Nobody of that number. */
static void nobody(bool *ok)
{
	CHECK(km_narrow(0x7ffffff0, "/tmp/nobody") == 0);
	CHECK(km_narrow(-1, "/tmp/nobody") == 0);
}

static const struct ktap_case cases[] = {
	{ "narrow: those that are connected to a path, no others", narrows },
	{ "narrow: the first to connect, and not the next", the_first },
	{ "narrow: of nobody", nobody },
};
KTAP_MAIN(cases)
