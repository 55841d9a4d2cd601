// SPDX-License-Identifier: GPL-2.0
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>
#include "frame.h"

#define DISMISSED "dismissed"
#define FDS_MAX	  32

static void become_guard(int keep_fd, int pipe_fd, int fds_fd)
{
	int null = open("/dev/null", O_RDWR);

	/* What stops the owner from a terminal must not stop its guard, and who
	 * waits for the owner's output must not wait for the guard's. */
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, "kmigrate-guard");
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	for (int fd = 3; fd < 1024; fd++)
		if (fd != keep_fd && fd != pipe_fd && fd != fds_fd)
			close(fd);
	openlog("kmigrate", LOG_PID, LOG_DAEMON);
}

/* Everything that was sent, whether its sender lives or not. */
static unsigned int take_fds(int from, int *fds)
{
	unsigned int n = 0;

	for (;;) {
		union {
			char buf[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} u;
		char byte;
		struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
		struct msghdr mh = { .msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = u.buf,
				     .msg_controllen = sizeof(u.buf) };
		struct cmsghdr *c;

		if (n == FDS_MAX || recvmsg(from, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
			return n;
		c = CMSG_FIRSTHDR(&mh);
		if (c && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fds[n++], CMSG_DATA(c), sizeof(int));
	}
}

static void guard_main(const struct km_guard_ops *ops, void *ctx, int pipe_fd, int fds_fd)
{
	int fds[FDS_MAX];
	FILE *f = fdopen(pipe_fd, "r");
	char *line = NULL;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, DISMISSED))
			_exit(0);
		ops->line(ctx, line);
	}
	ops->orphaned(ctx, fds, take_fds(fds_fd, fds));
	_exit(0);
}

int km_guard_start(struct km_guard *g, const struct km_guard_ops *ops, void *ctx, int keep_fd,
		   struct km_err *err)
{
	int p[2], k[2];

	if (pipe2(p, O_CLOEXEC))
		return km_err_set(err, -errno, "no pipe for the guard: %s", strerror(errno));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, k)) {
		close(p[0]);
		close(p[1]);
		return km_err_set(err, -errno, "no socket for the guard: %s", strerror(errno));
	}
	fflush(NULL);
	g->pid = fork();
	if (g->pid < 0) {
		g->pid = 0;
		close(p[0]);
		close(p[1]);
		close(k[0]);
		close(k[1]);
		return km_err_set(err, -EAGAIN, "cannot start the guard process");
	}
	if (!g->pid) {
		close(p[1]);
		close(k[1]);
		become_guard(keep_fd, p[0], k[0]);
		guard_main(ops, ctx, p[0], k[0]);
	}
	close(p[0]);
	close(k[0]);
	g->fd = p[1];
	g->keep = k[1];
	return 0;
}

int km_guard_keep(const struct km_guard *g, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = { .buf = { 0 } };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = u.buf,
			     .msg_controllen = sizeof(u.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(g->keep, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -errno;
}

int km_guard_say(const struct km_guard *g, const char *fmt, ...)
{
	char *line = NULL;
	va_list ap;
	int n, rc;

	if (!g->pid)
		return 0;
	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	/* One write a line, the newline in it: pipe(7) keeps it whole. */
	line[n] = '\n';
	do {
		rc = write(g->fd, line, (size_t)n + 1) == n + 1 ? 0 : -errno;
	} while (rc == -EINTR);
	free(line);
	return rc;
}

void km_guard_dismiss(struct km_guard *g)
{
	if (!g->pid)
		return;
	km_guard_say(g, DISMISSED);
	close(g->fd);
	close(g->keep);
	waitpid(g->pid, NULL, 0);
	g->pid = 0;
}
