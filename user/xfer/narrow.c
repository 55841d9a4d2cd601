// SPDX-License-Identifier: GPL-2.0
#include "narrow.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_socket(const char *folder, const char *name)
{
	char path[64], to[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%.16s", folder, name);
	n = readlink(path, to, sizeof(to) - 1);
	return n > 7 && !memcmp(to, "socket:", 7);
}

static bool narrow(int fd, const char *path)
{
	struct sockaddr_un un = { 0 };
	socklen_t len = sizeof(un) - 1;
	int bytes = KM_NARROW_BYTES;

	return !getpeername(fd, (struct sockaddr *)&un, &len) && un.sun_family == AF_UNIX &&
	       !strcmp(un.sun_path, path) &&
	       !setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

unsigned int km_narrow(pid_t pid, const char *path)
{
	char folder[32];
	struct dirent *e;
	unsigned int n = 0;
	int pidfd = pidfd_open(pid, 0);
	DIR *d;

	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	d = pidfd < 0 ? NULL : opendir(folder);
	while (d && (e = readdir(d))) {
		int fd = is_socket(folder, e->d_name) ? pidfd_getfd(pidfd, atoi(e->d_name), 0) : -1;

		if (fd < 0)
			continue;
		n += narrow(fd, path);
		close(fd);
	}
	if (d)
		closedir(d);
	if (pidfd >= 0)
		close(pidfd);
	return n;
}
