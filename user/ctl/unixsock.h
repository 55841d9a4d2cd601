/* SPDX-License-Identifier: GPL-2.0 */
/* Connecting to unix sockets, and waiting with a deadline. */
#ifndef KM_UNIXSOCK_H
#define KM_UNIXSOCK_H

#include <poll.h>
#include "../model.h"

int64_t km_now_ms(void); /* CLOCK_MONOTONIC */

/* 0 when fd is ready, -ETIMEDOUT.  A signal does not shorten the wait: callers
 * bound it by the deadline and look at their flags between calls. */
int km_wait_fd(int fd, short what, int64_t deadline_ms);

/* A connected, non-blocking, close-on-exec descriptor, or a negative errno.
 * -EBUSY when the listener's queue stays full until the deadline. */
int km_unix_connect(const char *path, int64_t deadline_ms, struct km_err *err);

#endif
