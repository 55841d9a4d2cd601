/* SPDX-License-Identifier: GPL-2.0 */
/* What the small guests here have in common: they end when something fails, and tell the time. */
#ifndef TRACE_GUEST_H
#define TRACE_GUEST_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* As system calls fail: below 0, and errno says why. */
static inline int need(int rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "%s: %s: %m\n", program_invocation_short_name, what);
		exit(1);
	}
	return rc;
}

/* As ../kmod/vmm.h fails, and pthreads: by an error that isn't 0. */
static inline void must(int err, const char *what)
{
	if (err) {
		fprintf(stderr, "%s: %s: %d\n", program_invocation_short_name, what, err);
		exit(1);
	}
}

/* CLOCK_MONOTONIC */
static inline unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000000000 + (unsigned long long)t.tv_nsec;
}

#endif
