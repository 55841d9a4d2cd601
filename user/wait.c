// SPDX-License-Identifier: GPL-2.0
#include "wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static void signals_of_user(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
}

int km_wait_signals(struct km_err *err)
{
	sigset_t set;
	int fd;

	signals_of_user(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? km_err_set(err, -errno, "signalfd: %s", strerror(errno)) : fd;
}

void km_wait_signals_end(int fd)
{
	sigset_t set;

	close(fd);
	signals_of_user(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

enum km_waited km_wait(pid_t pid, unsigned int ms, int signals)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1, .events = POLLIN },
	};

	if (pid && fds[1].fd < 0) /* gone already */
		return KM_WAIT_GONE;
	poll(fds, 2, ms > INT_MAX ? INT_MAX : (int)ms);
	if (fds[1].fd >= 0)
		close(fds[1].fd);
	return fds[0].revents ? KM_WAIT_SIGNAL : fds[1].revents ? KM_WAIT_GONE : KM_WAIT_TIME;
}
