/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process that outlives the one that moves a guest.  It hears what has been
 * done so far, line by line, over a pipe; when the pipe ends without a
 * dismissal, its owner was killed, and the guard finishes what it left: at the
 * source the guest runs on (I4), at the destination a QEMU that GO never
 * reached goes away and one that it did reach runs (I5).
 *
 * What was said before a kill -9 is in the pipe and therefore heard.
 */
#ifndef KM_GUARD_H
#define KM_GUARD_H

#include <sys/types.h>
#include "../model.h"

struct km_guard_ops {
	void (*line)(void *ctx, char *line); /* without its newline; may be changed */
	/* fds: what km_guard_keep() was given. */
	void (*orphaned)(void *ctx, const int *fds, unsigned int nfds);
};

struct km_guard {
	pid_t pid; /* 0 = none */
	int fd;	   /* lines go in here */
	int keep;  /* and descriptors here */
};

/* Forks: call it before any thread is started.  The guard has a session of its
 * own and none of the caller's descriptors but keep_fd (-1 = none); ctx is its
 * copy of the caller's. */
int km_guard_start(struct km_guard *g, const struct km_guard_ops *ops, void *ctx, int keep_fd,
		   struct km_err *err);
/* -EPIPE when the guard is gone: then there is nobody to finish this move. */
int km_guard_say(const struct km_guard *g, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The guard shall have this descriptor when it is orphaned; until then it stays
 * open even if its owner dies. */
int km_guard_keep(const struct km_guard *g, int fd);
/* The move is finished: the guard ends, and has ended on return. */
void km_guard_dismiss(struct km_guard *g);

#endif
