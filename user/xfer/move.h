/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the threads of a move's source share.  Its parts:
 *
 *   intake.c   reads the source QEMU's main channel into the ledger
 *   channel.c  reads its multifd channels
 *   sender.c   takes pages from the ledger, reads their content, sends them
 *   source.c   runs the whole, talks to QEMU and to the user
 *
 * Connections are opened and closed by the thread that runs the whole.  When one breaks while the
 * guest works, whoever finds out says so (km_move_broke()), all of them are shut down, and the
 * threads that serve them end; then there are new ones, and new threads (source_redial.c).  QEMU
 * waits meanwhile: nothing is read from its channels.
 *
 * Locks: `lock` guards err, broken and the barrier and goes with `cond`; everything
 * else is atomic or belongs to one thread.  But for talk's no lock is held over I/O.
 */
#ifndef KM_MOVE_H
#define KM_MOVE_H

#include "blackout.h"
#include "chooser.h"
#include "frame.h"
#include "guestmem.h"
#include "inflight.h"
#include "mainchan.h"
#include "pagesend.h"
#include "talk.h"

struct km_move;

struct km_lane { /* one stream to the destination */
	struct km_move *move;
	unsigned int index;
	struct km_conn conn;
	pthread_t sender, acks;
	_Atomic bool sending;
	_Atomic uint64_t sent_msgs; /* on this connection */
	_Atomic uint64_t acked_pages;
	struct km_inflight inflight;
};

struct km_channel { /* one multifd connection from the source QEMU */
	struct km_move *move;
	int fd;
	pthread_t thread;
	uint64_t left;	 /* bytes of its packet that are not read yet; under lock, as is: */
	uint64_t socket; /* the most that QEMU's socket has held */
};

struct km_move {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct km_err err;
	_Atomic bool failed, finished;
	_Atomic bool redials; /* a link that breaks in pre-copy is redialled */
	_Atomic bool broken;  /* it is, and why: */
	struct km_err why_broken;

	pid_t pid;
	struct km_blocks where;
	struct km_ledger *ledger;
	struct km_guestmem *mem;
	uint8_t secret[KM_SECRET_BYTES]; /* of the pages' sums */
	struct km_sum zero_sum;		 /* a zero page's */

	unsigned int nlanes, nchannels;
	struct km_lane lanes[KM_STREAMS_MAX];
	struct km_channel channels[KM_STREAMS_MAX];
	struct km_conn control;
	struct km_talk talk;   /* on it */
	uint64_t closed_bytes; /* written to connections that are closed */
	int main_fd;	       /* QEMU's main channel; written by the return path */
	pthread_t main_thread;
	unsigned int quiet_pages; /* listed since it woke anybody */
	uint8_t uuid[16];

	/* The epoch barrier: every channel and the main channel have reached
	 * the same SYNC before anyone reads on. */
	unsigned int at_barrier;
	uint64_t epoch;

	/* What may be listed (pace.h): anything while less than the cap is listed and not applied;
	 * else until list_until pages with content were, or pages_until of all. None after
	 * content_until with content. Those that a channel is reading are coming. */
	_Atomic uint64_t backlog_cap, list_until, pages_until, content_until, coming;
	/* QEMU is rid of a packet when all but so many of its pages are applied (channel.c); and so
	 * many pages a stream takes at once. */
	_Atomic uint64_t ease_pages, take_pages;
	_Atomic uint64_t listed, listed_content, merged, sent, same, later, device_bytes;
	_Atomic uint64_t lost; /* sent, not acknowledged when the link broke, and so sent again */
	struct km_pagesend_counts pages;	  /* sent */
	_Atomic bool takes_deltas[KM_BLOCKS_MAX]; /* the destination, by block */
	uint64_t delta_bytes;			  /* memory for them, of all streams */
	_Atomic bool all_listed; /* RAM END was read: the guest is stopped, no link is redialled */
	struct km_marks marks;	 /* of the pause */
};

/* The first error wins; every blocked thread wakes. Returns err's code. */
int km_move_fail(struct km_move *m, const struct km_err *err);
/* A connection is broken (km_conn_broke()): it will be redialled, or that is the move's failure.
 * Returns 0 or err's code. */
int km_move_broke(struct km_move *m, const struct km_err *err);
/* RAM END was read. 0, or why the link was broken. */
int km_move_all_listed(struct km_move *m, struct km_err *err);
/* Waits until cond is signalled, at most ms. */
void km_move_wait(struct km_move *m, int ms);
void km_move_wake(struct km_move *m);
uint64_t km_move_acked(struct km_move *m);
/* Pages listed and not applied; not those that are owed, which QEMU counts as dirty. */
uint64_t km_move_backlog(struct km_move *m);
/* Bytes on all streams that the other host has; *busy: there is more on its way. */
uint64_t km_move_carried(struct km_move *m, bool *busy);
/* The shortest round trip of late, of any stream; 0: not known. */
double km_move_rtt_ms(struct km_move *m);

/* intake.c */
int km_intake_start(struct km_move *m, struct km_err *err);
void km_intake_join(struct km_move *m);
/* sender.c */
int km_senders_start(struct km_move *m, struct km_err *err);
void km_senders_join(struct km_move *m);
/* After that: what may be lost waits again. */
void km_senders_unsend(struct km_move *m);

#endif
