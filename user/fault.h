/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Named moments at which a test can have the process stop (SIGSTOP to itself),
 * to kill it, to cut its link, or to let it seem dead for a while.  Only a build
 * with KM_FAULTS has them (`make faults`); the moment is in the environment:
 * KM_FAULT=NAME.  And QEMU can be made to refuse a command: KM_REFUSE="NAME",
 * or "NAME 3", the third of that name.
 */
#ifndef KM_FAULT_H
#define KM_FAULT_H

#include <stdbool.h>

#ifdef KM_FAULTS
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void km_fault(const char *point)
{
	const char *wanted = getenv("KM_FAULT");

	if (wanted && !strcmp(wanted, point))
		raise(SIGSTOP);
}

/* Where it may come again, and who has let it go is not there to do so twice. */
static inline void km_fault_once(const char *point)
{
	static _Atomic bool been;

	if (!atomic_exchange(&been, true))
		km_fault(point);
}

/* The same, for a stretch of work that is to be slow. */
static inline void km_fault_slow(const char *point)
{
	const char *wanted = getenv("KM_FAULT");

	if (wanted && !strcmp(wanted, point))
		usleep(100000);
}

/* True once: then the command gets an argument that none has, and QEMU refuses it in its own
 * words.  It is told on stderr, since who asked need not care. */
static inline bool km_fault_refuses(const char *command)
{
	static _Atomic int asked;
	const char *wanted = getenv("KM_REFUSE");
	size_t n = strlen(command);

	if (!wanted || strncmp(wanted, command, n) || (wanted[n] && wanted[n] != ' '))
		return false;
	if (++asked != (wanted[n] ? atoi(wanted + n) : 1))
		return false;
	fprintf(stderr, "KM_REFUSE: %s\n", command);
	return true;
}
#else
static inline void km_fault(const char *point)
{
	(void)point;
}

static inline void km_fault_once(const char *point)
{
	(void)point;
}

static inline void km_fault_slow(const char *point)
{
	(void)point;
}

static inline bool km_fault_refuses(const char *command)
{
	(void)command;
	return false;
}
#endif

#endif
