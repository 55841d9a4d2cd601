/* SPDX-License-Identifier: GPL-2.0 */
/* Which QEMUs the relay can move guests of. Pure. */
#ifndef KM_KNOWS_H
#define KM_KNOWS_H

#include <stdbool.h>
#include <stdio.h>

#define KM_RELAY_KNOWS "7.2 to 8.0"

/*
 * The relay reads QEMU's own stream, so it must know its format: that of 7.2 to 8.0 (8.1 has
 * another rule for SYNC, 9.0 puts zero pages into multifd's packets).  version: "7.2.22".
 */
static inline bool km_relay_knows(const char *version)
{
	unsigned int major = 0, minor = 0;

	sscanf(version, "%u.%u", &major, &minor);
	return (major == 7 && minor >= 2) || (major == 8 && minor == 0);
}

#endif
