// SPDX-License-Identifier: GPL-2.0
#include "pace.h"

#define PAGE	    4096u
/* Two multifd packets a stream in flight keep a fast link busy; more than
 * this is never needed to fill a 100 Gbit/s link with 1 ms round trips. */
#define BACKLOG_MIN 512u
#define BACKLOG_MAX 65536u

/*
 * Of what was applied, the part that had content: a zero page costs the link nothing, and what
 * a guest dirties last is seldom zero. Acknowledgements don't say which pages were, but of
 * those sent in the same time it is known.
 */
void km_pace_see(struct km_pace_rate *r, uint64_t acked, uint64_t sent, uint64_t raw, double ms)
{
	double rate;

	if (sent > r->sent)
		r->raw_share = (double)(raw - r->raw) / (double)(sent - r->sent);
	rate = (double)(acked - r->acked) * r->raw_share * PAGE * 1e3 / ms;
	r->bytes_per_s = r->bytes_per_s > 0 ? (r->bytes_per_s + rate) / 2 : rate;
	r->acked = acked;
	r->sent = sent;
	r->raw = raw;
}

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
