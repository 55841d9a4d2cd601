// SPDX-License-Identifier: GPL-2.0
#include "unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t km_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int km_wait_fd(int fd, short what, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = what };

	for (;;) {
		int64_t left = deadline_ms - km_now_ms();
		int rc = poll(&p, 1, left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left);

		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (km_now_ms() >= deadline_ms)
			return -ETIMEDOUT;
	}
}

/* sun_path has room for 107 characters (unix(7)) and paths through
 * /proc/PID/root are often longer: those go through an O_PATH descriptor. */
static int make_address(struct sockaddr_un *addr, const char *path, int *path_fd)
{
	*path_fd = -1;
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	if (strlen(path) < sizeof(addr->sun_path)) {
		strcpy(addr->sun_path, path);
		return 0;
	}
	*path_fd = open(path, O_PATH | O_CLOEXEC);
	if (*path_fd < 0)
		return -errno;
	snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d", *path_fd);
	return 0;
}

static int connect_until(int fd, const struct sockaddr_un *addr, int64_t deadline_ms)
{
	for (;;) {
		const struct timespec nap = { .tv_nsec = 10 * 1000 * 1000 };

		if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
			return 0;
		/* A full queue is EAGAIN, and nothing wakes us when it empties. */
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (km_now_ms() >= deadline_ms)
			return -EBUSY;
		nanosleep(&nap, NULL);
	}
}

static int connect_error(const char *path, int code, struct km_err *err)
{
	struct stat st;

	switch (code) {
	case -EBUSY:
		return km_err_set(err, code, "%s: other clients are already waiting for it", path);
	case -ECONNREFUSED:
		if (!stat(path, &st) && !S_ISSOCK(st.st_mode))
			return km_err_set(err, code, "%s is not a socket", path);
		return km_err_set(err, code, "%s: nobody listens there (a stale socket?)", path);
	case -ENOENT:
		return km_err_set(err, code, "%s: no such socket", path);
	case -EPROTOTYPE:
		return km_err_set(err, code, "%s: not a stream socket", path);
	default:
		return km_err_set(err, code, "%s: connect: %s", path, strerror(-code));
	}
}

int km_unix_connect(const char *path, int64_t deadline_ms, struct km_err *err)
{
	struct sockaddr_un addr;
	int path_fd;
	int fd = -1;
	int rc;

	rc = make_address(&addr, path, &path_fd);
	if (rc)
		return connect_error(path, rc, err);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? -errno : connect_until(fd, &addr, deadline_ms);
	if (path_fd >= 0)
		close(path_fd);
	if (!rc)
		return fd;
	if (fd >= 0)
		close(fd);
	return connect_error(path, rc, err);
}
