/* SPDX-License-Identifier: GPL-2.0 */
/*
 * --bandwidth, divided between mirrored disks and memory.  Pure.
 *
 * The kernel paces each connection by itself (frame.h), so what they may take together is kept
 * by giving each a part of it, ten times a second.  A disk gets twice what it has lately taken:
 * so one with much to write grows to what it needs within a second, and one with nothing leaves
 * its part to the memory.  All together at most half, so that the memory gets through, and at
 * least a sixteenth, to begin with.
 */
#ifndef KM_SHARE_H
#define KM_SHARE_H

#include <stdint.h>

/* taken, part: bytes per second, of n disks.  Returns what is left for the memory. */
uint64_t km_share(uint64_t all, unsigned int n, const uint64_t *taken, uint64_t *part);

#endif
