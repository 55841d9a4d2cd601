/* SPDX-License-Identifier: GPL-2.0 */
/* What became of what was written to a TCP socket (tcp(7), TCP_INFO). */
#ifndef KM_SOCKSTAT_H
#define KM_SOCKSTAT_H

#include <stdbool.h>
#include <stdint.h>

struct km_sockstat {
	uint64_t carried_bytes; /* acknowledged by the other host's kernel; never shrinks */
	bool more;		/* written and not acknowledged yet */
	bool queued;		/* written and not even sent yet */
	double rtt_ms;		/* the shortest of the last minutes (tcp_min_rtt()), 0: none yet */
};

/* All zero for a socket that isn't TCP's. */
struct km_sockstat km_sockstat(int fd);

#endif
