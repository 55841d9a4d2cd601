/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Named moments at which a test can have the process stop (SIGSTOP to itself),
 * to kill it, to cut its link, or to let it seem dead for a while.  Only a build
 * with KM_FAULTS has them (`make faults`); the moment is in the environment:
 * KM_FAULT=NAME.
 */
#ifndef KM_FAULT_H
#define KM_FAULT_H

#ifdef KM_FAULTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void km_fault(const char *point)
{
	const char *wanted = getenv("KM_FAULT");

	if (wanted && !strcmp(wanted, point))
		raise(SIGSTOP);
}

/* The same, for a stretch of work that is to be slow. */
static inline void km_fault_slow(const char *point)
{
	const char *wanted = getenv("KM_FAULT");

	if (wanted && !strcmp(wanted, point))
		usleep(100000);
}
#else
static inline void km_fault(const char *point)
{
	(void)point;
}

static inline void km_fault_slow(const char *point)
{
	(void)point;
}
#endif

#endif
