/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How far QEMU may list ahead of the link, and when it may finish.  Pure.
 *
 * QEMU 7.2 stops the guest when what is dirty is below its own throughput times
 * downtime-limit (migration/migration.c, migration_update_counters()).  Its
 * throughput is what the relay takes from it, not what the link carries, so the
 * limit is turned: it is set such that QEMU's threshold is what the link can carry
 * within the allowed pause, less what the relay still holds and what else a pause
 * is made of.  All of it in pages, since QEMU counts them whole and the link carries
 * them compressed.
 *
 * QEMU multiplies the limit by the throughput of the 100 ms after it was set.  So the
 * throughput is taken to be the most that it has lately been, at least what the link
 * carries: while QEMU looks through its bitmap, seconds for a large guest, it hands over
 * next to nothing, and a limit turned by that would let it stop with many times too much.
 * After such a time it finds the relay's backlog and the sockets empty: what they take at
 * once comes on top.  And the relay takes little more from one 100 ms to the next: of pages
 * that need not be sent it could take any number at once, and QEMU would believe that the rest
 * goes as fast.
 *
 * A page is taken to cost what it did in the last whole round, if that is more than of late:
 * what is dirty in the end is spread over the guest as a round is, and pages that are cheap
 * (deltas) may be neighbours.
 *
 * The relay takes pages from QEMU
 *   - while less waits to be sent than a quarter of the pause's worth: the link is
 *     never idle for want of names;
 *   - and, of a round that is longer, up to four times what the link carries (zero pages are
 *     not counted), all but the end.  What is known early can be put in order, and what
 *     changes while it waits need not be sent (chooser.h).  Not faster, since QEMU's limit
 *     is in whole milliseconds of that rate.  The end, since a round that QEMU has listed
 *     to its end is one that it may finish after, whatever the relay still holds.  That end
 *     has 16 MiB, or four pauses' worth, and as many zero pages as the main channel's socket
 *     holds: where a round ends with zero pages nothing else keeps QEMU from being through.
 *
 * Of that end each packet is named early and let go late (channel.c): QEMU is rid of its content when
 * the link has carried all but a few milliseconds' worth.  So it can't stop the guest while much of
 * what it has named is still to be sent, however little is dirty by then.
 *
 * What is allowed is not what is aimed at.  A guest whose rounds get shorter has one more of them for
 * half the pause, and the last ones are short; so half is aimed at until some short rounds have not
 * led there.
 *
 * While plenty waits to be sent QEMU is told the rate at which the relay will take pages, as its
 * max-bandwidth, and sleeps for the rest of each 100 ms.  Left to find the sockets full, QEMU 7.2
 * waits by asking its channels in turn, and takes a whole CPU for that (multifd_send_pages(), once
 * channels_ready has been posted too often, which each SYNC does).
 */
#ifndef KM_PACE_H
#define KM_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Starts as zeroes. */
struct km_pace {
	double bytes_per_s;	 /* what the link carries; 0: not known yet */
	double page_bytes;	 /* what a page with content costs it of late; 0: not known */
	double round_page_bytes; /* what it cost in the last whole round; 0: not known */
	uint64_t round_pages, round_bytes; /* of this round */
	double qemu_bytes_per_s;	   /* the most that QEMU has lately seen */
	bool qemu_stood;		   /* at its last look it handed over little */
	/* at the last look */
	double at_ms;
	uint64_t carried;
	bool busy;
	unsigned int looks; /* in a row that found plenty waiting */
	/* of this round, and rounds so far that were short */
	uint64_t this_round_pages;
	unsigned int short_rounds;
	uint64_t rounds; /* that QEMU has begun */
	/* zero pages listed: so far, before this round, in the last one */
	uint64_t zeros, zeros_before, zeros_last;
	/* The caller's to set: what the main channel may hold of zero pages, 0: not known; the
	 * connections' shortest round trip, 0: not known. */
	uint64_t socket_zeros;
	double rtt_ms;
};

/* carried: bytes that have left this host on all streams so far; busy: there is more on its way.
 * Between two busy looks it is the link that sets the rate; else it carries at least that. */
void km_pace_see(struct km_pace *p, double now_ms, uint64_t carried, bool busy);
/* carried begins anew: there are other connections. */
void km_pace_restart(struct km_pace *p);
/* Of so many pages with content sent since, so many bytes were left to send (pack.h). */
void km_pace_see_pages(struct km_pace *p, uint64_t pages, uint64_t bytes);
/* So many zero pages were listed so far. */
void km_pace_see_zeros(struct km_pace *p, uint64_t zeros);
/* QEMU has begun so many rounds so far. */
void km_pace_rounds(struct km_pace *p, uint64_t rounds, unsigned int max_pause_ms);
double km_pace_pages_per_s(const struct km_pace *p);
/* The pause that is aimed at for now: what is allowed, or half of it as long as that costs little. */
unsigned int km_pace_aim_ms(const struct km_pace *p, unsigned int max_pause_ms);
/* QEMU's own view of its throughput, every 100 ms; and so many pages with content were listed
 * within the last `ms`, of which that view may know nothing yet. */
void km_pace_see_qemu(struct km_pace *p, double bytes_per_s, uint64_t listed, double ms);

/* downtime-limit in ms, 1..max_pause_ms. */
unsigned int km_pace_downtime_ms(const struct km_pace *p, uint64_t backlog_pages,
				 unsigned int max_pause_ms);
/* How many pages may be listed and not applied at the end of a round. */
uint64_t km_pace_backlog_pages(const struct km_pace *p, unsigned int max_pause_ms);
/* QEMU may be rid of a packet when all but so many of the pages that were listed with it or before are
 * applied. At least as many as are on their way over a full link. */
uint64_t km_pace_ease_pages(const struct km_pace *p, unsigned int max_pause_ms);
/* Of a packet of which `left` bytes were not read from QEMU, `unwritten` of them not even written by
 * it, and `debt` pages not applied: how many bytes may be read. What is read makes room for as many
 * as a socket holds, and these may be written at once. */
uint64_t km_pace_let_go(uint64_t left, uint64_t unwritten, uint64_t socket, uint64_t debt_pages,
			uint64_t ease_pages);
/* How many pages a stream of so many takes at once; `ahead` as below: many are packed better,
 * and of few the destination has sooner what the link has carried. */
uint64_t km_pace_take_pages(const struct km_pace *p, uint64_t ahead, unsigned int streams);
/* How many more of all kinds may be listed in any case, of a round of which QEMU has `remaining` left. */
uint64_t km_pace_middle_pages(const struct km_pace *p, uint64_t remaining,
			      unsigned int max_pause_ms);
/* How many of these may have content, within the next `ms`. */
uint64_t km_pace_ahead_pages(const struct km_pace *p, uint64_t remaining, unsigned int max_pause_ms,
			     double ms);
/* How many more with content may be listed at most within the next `ms`, when `last` were within
 * the last and so many of them may be read ahead. */
uint64_t km_pace_most_pages(const struct km_pace *p, uint64_t last, uint64_t ahead,
			    unsigned int max_pause_ms, double ms);
/* QEMU's max-bandwidth within the next `ms`, in which so many pages may be read ahead; 0: without
 * limit. Once a look. */
uint64_t km_pace_qemu_limit(struct km_pace *p, uint64_t backlog_pages, uint64_t ahead,
			    unsigned int max_pause_ms, double ms);

#endif
