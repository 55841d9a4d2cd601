/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much another process's unix socket holds that the reader has not seen.  That is the writer's
 * to say (SO_SNDBUF; unix(7)), and so it is said through a copy of its descriptor (pidfd_getfd(2)),
 * which is closed at once: while it is open the end of the other would not be seen.
 */
#ifndef KM_NARROW_H
#define KM_NARROW_H

#include <sys/types.h>

/* Of what a socket is given the kernel keeps twice as much, and counts what holds the bytes. */
#define KM_NARROW_BYTES 8192

/* Those of a process's stream sockets that are connected to path hold next to nothing from now on.
 * Returns how many they are; 0: none, or it may not be done. */
unsigned int km_narrow(pid_t pid, const char *path);

#endif
