// SPDX-License-Identifier: GPL-2.0
#include "pace.h"
#include "wire.h"

#define PAGE		4096u
/* Two multifd packets a stream in flight keep a fast link busy; more than
 * this is never needed to fill a 100 Gbit/s link with 1 ms round trips. */
#define BACKLOG_UNKNOWN 512u
#define BACKLOG_MAX	65536u
/* On a slow link even that is more than a pause has room for. One packet more is on its way when
 * this is reached (intake.c). */
#define BACKLOG_MIN	64u

/* What a page costs is that of the last thousand or so. Less than this is believed of none: the
 * last pages may be of another kind. */
#define COST_PAGES  1024.0
#define COST_MIN    256.0
/* Rounds are taken together until they have so many. */
#define ROUND_PAGES 256

#define SETTLE_MS 400.0 /* the weight of a look is its part of that, half at most */

/* What QEMU may have listed behind the relay's back: its packets and the sockets' buffers,
 * within the 100 ms in which its own figure is old. */
#define RESERVE_PAGES  (16u << 20 >> 12)
#define RESERVE_PAUSES 4
/* That the main channel's socket holds if nobody sees to it (net.core.wmem_default), with QEMU's
 * own buffer (IO_BUF_SIZE), 9 bytes each (save_zero_page_to_file()). */
#define SOCKET_ZEROS   ((212992u + 32768u) / 9)

/* So many looks' worth of the link's work waits when QEMU is told to sleep until the next one:
 * that comes late, and QEMU wakes as late. */
#define PLENTY	      4
#define SETTLED_LOOKS 5 /* a link looks slow at first */
/* Of multifd: with room for less QEMU hands over nothing. It looks at its limit before each page, and
 * a section's head is more than one byte in its 100 ms (ram_save_iterate(), qemu_put_byte()). */
#define PACKET_PAGES  128
#define NEXT_TO_NONE  10

/* A round that the link carries in so much time, or in the allowed pause, is short; after so many of them, all that is allowed
 * is aimed at. */
#define SHORT_S	     1.0
#define SHORT_ROUNDS 3

/* Of what may wait at the end of a round; and of what a full link has on its way, since an
 * acknowledgement takes a while. */
#define EASE_PARTS 4
#define ON_ITS_WAY 1.5

#define TAKE_S	 3e-3 /* of the link's time */
#define TAKE_MIN 32   /* fewer don't pack as well */

/* Times what the link carries; and twice that again if it is not too much work. */
#define AHEAD	     2.0
#define MORE_PAGES_S 16384.0
#define GROW	     2.0 /* times what was taken from QEMU before */

/* Of a pause: stop, device state, load and resume, 10 to 30 ms of a small guest (trace pause). */
#define OTHER_MS 25u

/* Two channels' packets and their sockets' buffers (212,992 bytes each, net.core.wmem_default), and
 * the time that QEMU's own figure is of (migration_update_counters()). */
#define BURST_PAGES (2 * PACKET_PAGES + 2 * 52)
#define QEMU_S	    0.1

void km_pace_see(struct km_pace *p, double now_ms, uint64_t carried, bool busy)
{
	double ms = now_ms - p->at_ms;
	double rate = (double)(carried - p->carried) * 1e3 / ms;
	double weight = ms / SETTLE_MS < 0.5 ? ms / SETTLE_MS : 0.5;

	if (p->at_ms > 0 && (rate > p->bytes_per_s || (p->busy && busy)))
		p->bytes_per_s += (rate - p->bytes_per_s) * (p->bytes_per_s > 0 ? weight : 1);
	p->at_ms = now_ms;
	p->carried = carried;
	p->busy = busy;
}

void km_pace_restart(struct km_pace *p)
{
	p->at_ms = 0;
}

void km_pace_see_pages(struct km_pace *p, uint64_t pages, uint64_t bytes)
{
	double weight = (double)pages / ((double)pages + COST_PAGES);
	double cost = (double)bytes / (double)pages;

	if (!pages)
		return;
	p->this_round_pages += pages;
	p->round_pages += pages;
	p->round_bytes += bytes;
	p->page_bytes += (cost - p->page_bytes) * (p->page_bytes > 0 ? weight : 1);
}

void km_pace_see_zeros(struct km_pace *p, uint64_t zeros)
{
	p->zeros = zeros;
}

/* n rounds have ended, with so many pages. */
static void count_short(struct km_pace *p, uint64_t n, unsigned int max_pause_ms)
{
	double short_s = max_pause_ms / 1e3 > SHORT_S ? max_pause_ms / 1e3 : SHORT_S;

	if ((double)p->this_round_pages < short_s * km_pace_pages_per_s(p) * (double)n)
		p->short_rounds += (unsigned int)n;
	p->this_round_pages = 0;
}

void km_pace_rounds(struct km_pace *p, uint64_t rounds, unsigned int max_pause_ms)
{
	uint64_t ended = rounds - (p->rounds ? p->rounds : 1);

	if (rounds <= p->rounds)
		return;
	p->rounds = rounds;
	if (!ended)
		return;
	count_short(p, ended, max_pause_ms);
	p->zeros_last = p->zeros - p->zeros_before;
	p->zeros_before = p->zeros;
	if (p->round_pages < ROUND_PAGES)
		return;
	p->round_page_bytes = (double)p->round_bytes / (double)p->round_pages;
	p->round_pages = 0;
	p->round_bytes = 0;
}

double km_pace_pages_per_s(const struct km_pace *p)
{
	double cost = p->page_bytes > p->round_page_bytes ? p->page_bytes : p->round_page_bytes;

	return p->bytes_per_s / (cost > COST_MIN ? cost : cost > 0 ? COST_MIN : PAGE);
}

unsigned int km_pace_aim_ms(const struct km_pace *p, unsigned int max_pause_ms)
{
	return p->short_rounds < SHORT_ROUNDS && max_pause_ms > 1 ? max_pause_ms / 2 : max_pause_ms;
}

void km_pace_see_qemu(struct km_pace *p, double bytes_per_s, uint64_t listed, double ms)
{
	double own = ms > 0 ? (double)listed * PAGE * 1e3 / ms : 0;

	if (own > bytes_per_s)
		bytes_per_s = own;
	/* Half of it is forgotten within 0.7 s. */
	p->qemu_bytes_per_s *= 0.9;
	if (bytes_per_s > p->qemu_bytes_per_s)
		p->qemu_bytes_per_s = bytes_per_s;
	p->qemu_stood = bytes_per_s < km_pace_pages_per_s(p) * PAGE / 2;
}

/* What QEMU's next look may find. */
static double qemu_pages_per_s(const struct km_pace *p, unsigned int max_pause_ms)
{
	double rate = p->qemu_bytes_per_s / PAGE, least = km_pace_pages_per_s(p);

	if (p->qemu_stood)
		least += (double)(km_pace_backlog_pages(p, max_pause_ms) + BURST_PAGES) / QEMU_S;
	return rate > least ? rate : least;
}

unsigned int km_pace_downtime_ms(const struct km_pace *p, uint64_t backlog_pages,
				 unsigned int max_pause_ms)
{
	unsigned int other = max_pause_ms < 2 * OTHER_MS ? max_pause_ms / 2 : OTHER_MS;
	double room = km_pace_pages_per_s(p) / 1e3 * (max_pause_ms - other) - (double)backlog_pages;
	double ms;

	if (room <= 0 || !(p->qemu_bytes_per_s > 0))
		return 1;
	ms = room * 1e3 / qemu_pages_per_s(p, max_pause_ms);
	return ms < 1 ? 1 : (unsigned int)ms;
}

uint64_t km_pace_backlog_pages(const struct km_pace *p, unsigned int max_pause_ms)
{
	double pages = km_pace_pages_per_s(p) / 1e3 * max_pause_ms / 4;

	if (!(p->bytes_per_s > 0))
		return BACKLOG_UNKNOWN;
	if (pages < BACKLOG_MIN)
		return BACKLOG_MIN;
	return pages > BACKLOG_MAX ? BACKLOG_MAX : (uint64_t)pages;
}

uint64_t km_pace_ease_pages(const struct km_pace *p, unsigned int max_pause_ms)
{
	uint64_t least = km_pace_backlog_pages(p, max_pause_ms) / EASE_PARTS;
	double on_its_way = ON_ITS_WAY * p->rtt_ms * km_pace_pages_per_s(p) / 1e3;

	if (!(p->bytes_per_s > 0))
		return UINT64_MAX;
	return on_its_way > (double)least ? (uint64_t)on_its_way : least;
}

uint64_t km_pace_let_go(uint64_t left, uint64_t unwritten, uint64_t socket, uint64_t debt_pages,
			uint64_t ease_pages)
{
	/* What is written already holds nobody up. */
	if (!unwritten || debt_pages <= ease_pages)
		return left;
	return unwritten >= socket + (debt_pages - ease_pages) * PAGE ? left - unwritten : 0;
}

uint64_t km_pace_take_pages(const struct km_pace *p, uint64_t ahead, unsigned int streams)
{
	double pages = km_pace_pages_per_s(p) * TAKE_S / streams;

	if (ahead || !(p->bytes_per_s > 0) || pages > KM_WIRE_PAGES_MAX)
		return KM_WIRE_PAGES_MAX;
	return pages < TAKE_MIN ? TAKE_MIN : (uint64_t)pages;
}

/* Zero pages that QEMU may go through to its round's end while the relay looks away. */
static uint64_t zeros_to_come(const struct km_pace *p)
{
	uint64_t most = p->zeros - p->zeros_before;
	uint64_t socket = p->socket_zeros ? p->socket_zeros : SOCKET_ZEROS;

	if (most < p->zeros_last)
		most = p->zeros_last;
	return p->rounds <= 1 || most > socket ? socket : most;
}

uint64_t km_pace_middle_pages(const struct km_pace *p, uint64_t remaining,
			      unsigned int max_pause_ms)
{
	double reserve = km_pace_pages_per_s(p) / 1e3 * max_pause_ms * RESERVE_PAUSES;
	double room;

	if (reserve < RESERVE_PAGES)
		reserve = RESERVE_PAGES;
	room = (double)remaining - reserve - (double)zeros_to_come(p);
	return room > 0 ? (uint64_t)room : 0;
}

uint64_t km_pace_ahead_pages(const struct km_pace *p, uint64_t remaining, unsigned int max_pause_ms,
			     double ms)
{
	double link = AHEAD * km_pace_pages_per_s(p) * ms / 1e3, more = MORE_PAGES_S * ms / 1e3;
	uint64_t room = km_pace_middle_pages(p, remaining, max_pause_ms);
	uint64_t most = (uint64_t)(link + (link < more ? link : more));

	return room < most ? room : most;
}

uint64_t km_pace_most_pages(const struct km_pace *p, uint64_t last, uint64_t ahead,
			    unsigned int max_pause_ms, double ms)
{
	double link = km_pace_pages_per_s(p) * ms / 1e3;
	double least = GROW * link + (double)(km_pace_backlog_pages(p, max_pause_ms) + ahead);
	double most = GROW * (double)last;

	if (!(p->bytes_per_s > 0)) /* the limit is 1 ms still */
		return UINT64_MAX;
	return (uint64_t)(most > least ? most : least);
}

uint64_t km_pace_qemu_limit(struct km_pace *p, uint64_t backlog_pages, uint64_t ahead,
			    unsigned int max_pause_ms, double ms)
{
	double plenty = PLENTY * km_pace_pages_per_s(p) * ms / 1e3;

	plenty += (double)km_pace_backlog_pages(p, max_pause_ms);
	if (!(p->bytes_per_s > 0) || (double)backlog_pages < plenty)
		p->looks = 0;
	else if (p->looks < SETTLED_LOOKS)
		p->looks++;
	if (p->looks < SETTLED_LOOKS)
		return 0;
	return ahead < PACKET_PAGES ? NEXT_TO_NONE : (uint64_t)((double)ahead * PAGE * 1e3 / ms);
}
