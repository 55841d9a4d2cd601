// SPDX-License-Identifier: GPL-2.0
#include "pace.h"

#define PAGE	    4096u
/* Two multifd packets a stream in flight keep a fast link busy; more than
 * this is never needed to fill a 100 Gbit/s link with 1 ms round trips. */
#define BACKLOG_MIN 512u
#define BACKLOG_MAX 65536u

unsigned int km_pace_downtime_ms(uint64_t goodput_bytes_per_s, uint64_t backlog_bytes,
				 uint64_t qemu_bytes_per_s, unsigned int max_pause_ms)
{
	double room = (double)goodput_bytes_per_s / 1000.0 * max_pause_ms - (double)backlog_bytes;
	double ms;

	if (room <= 0 || !qemu_bytes_per_s)
		return 1;
	ms = room * 1000.0 / (double)qemu_bytes_per_s;
	if (ms < 1)
		return 1;
	return ms > 60000 ? 60000 : (unsigned int)ms;
}

uint64_t km_pace_backlog_pages(uint64_t goodput_bytes_per_s, unsigned int max_pause_ms)
{
	uint64_t pages = goodput_bytes_per_s / 1000 * max_pause_ms / 4 / PAGE;

	if (pages < BACKLOG_MIN)
		return BACKLOG_MIN;
	return pages > BACKLOG_MAX ? BACKLOG_MAX : pages;
}
