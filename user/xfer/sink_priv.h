/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the sink's files share.
 *
 *   sink.c        the states of a move, GO, the end
 *   sink_door.c   its streams come, and it comes back when a link broke
 *   sink_setup.c  from the first connection to a QEMU that waits
 *   sink_pins.c   the guest's threads where they were at the source
 *   sink_place.c  where those of the move run
 *   sink_pages.c  from the streams into its memory
 *   sink_qemu.c   what that QEMU says
 *   sink_arrival.c the guest's first time here
 *   sink_disks.c  what becomes of the guest's disks (sink_disks.h)
 *   sink_images.c the images of those that are mirrored
 *   sink_guard.c  what is left to do when this process is killed
 *
 * Locks: `lock` guards err, lanes' *_msgs, broken, fenced and counted and goes with `cond`; `inject`
 * keeps what is written into QEMU's multifd channels whole.
 */
#ifndef KM_SINK_PRIV_H
#define KM_SINK_PRIV_H

#include "blackout.h"
#include "destqemu.h"
#include "door.h"
#include "frame.h"
#include "guard.h"
#include "guestmem.h"
#include "holding.h"
#include "journal.h"
#include "outcome.h"
#include "pinger.h"
#include "placing.h"
#include "qmigrate.h"
#include "sink.h"
#include "talk.h"
#include "verify.h"

struct sink;
struct km_sink_pins;
struct km_sink_disks;

struct sink_lane {
	struct sink *s; /* NULL = not connected */
	struct km_conn conn;
	pthread_t thread;
	/* Under lock. The last is what FENCE says, once it has come. */
	uint64_t begun_msgs, applied_msgs, last_msgs;
};

struct sink {
	const struct km_sink_opts *o;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct km_err err; /* the first one */
	_Atomic bool failed, done, loaded;
	_Atomic bool watched; /* its QEMU, by a thread: not while disks are copied */
	pthread_mutex_t inject;
	struct km_destqemu q;
	struct km_door door;
	struct km_conn control;
	struct km_talk talk;	/* on it */
	unsigned int return_ms; /* a source whose link broke is waited for; 0 = not */
	unsigned int life;	/* of the connections */
	double heard_ms;	/* when the source said something */
	double away_until_ms;	/* 0 = it is there */
	_Atomic bool broken;	/* a connection is, and why: */
	struct km_err why_broken;
	_Atomic bool fenced; /* FENCE has come */
	bool counted;	     /* and been read; under lock */
	struct km_pinger pinger;
	struct km_clocks clocks;
	struct km_marks marks; /* of the pause */
	uint64_t cpu_from_ns;  /* of this process when it began to wait for a source */
	struct km_journal journal;
	struct km_guard guard;
	struct km_holding holding;
	struct km_held held;
	struct km_sink_pins *pins;   /* NULL: nothing is pinned at the source */
	struct km_sink_disks *disks; /* NULL: the source has told of none */
	/* What can't be had here, or, RULES, may not. */
	enum { KM_REFUSED_NOT, KM_REFUSED_PINS, KM_REFUSED_DISKS, KM_REFUSED_RULES } refused;
	struct km_placing_wish place;
	struct km_placing placing;
	struct km_placed placed; /* QEMU's side of both: the watcher's while it lives */
	unsigned int nlanes, open_lanes;
	struct sink_lane lanes[KM_STREAMS_MAX];
	unsigned int watch_ms; /* of the guest's first time; 0: nobody asks for it */
	void *impact;	       /* of km_question_impact; NULL without */
	char why_no_watch[KM_ERR_MAX];
	struct km_ledger *blocks; /* names and sizes only */
	struct km_guestmem *mem;
	struct km_verifier verify;
	pthread_t rp, watch;
	bool relay, paused;
	bool verifies;	 /* the source will send hashes */
	bool go;	 /* GO has come */
	bool ran;	 /* and was obeyed */
	bool understood; /* the source knows how it ended */
	_Atomic uint64_t pages;
};

/* The first error wins; every blocked thread wakes. Returns err's code. */
int km_sink_fail(struct sink *s, const struct km_err *err);

/* A connection is broken (km_conn_broke()): the source may come back, or it is the move's failure.
 * Returns 0 or err's code. */
int km_sink_broke(struct sink *s, const struct km_err *err);

/* sink_door.c: the next who gets through the door; who has no business here is told so; all streams
 * of this life. */
int km_sink_await(struct sink *s, struct km_conn *c, int wait_ms, struct km_err *err);
void km_sink_send_away(struct sink *s, struct km_conn *c, const char *why);
int km_sink_accept_lanes(struct sink *s, struct km_err *err);
/* The source's next message, on whichever connection; it is in s->control's buffer. */
int km_sink_next(struct sink *s, struct km_msg *m, struct km_err *err);
/* A message with a number (talk.h). */
int km_sink_say(struct sink *s, enum km_op op, const void *buf, size_t len, struct km_err *err);
/* FENCE has come. 0, or why a stream was broken before. */
int km_sink_no_more_returns(struct sink *s, struct km_err *err);

/* sink_setup.c. -EAGAIN: the caller was not a source, the next one may be. */
int km_sink_set_up(struct sink *s, struct km_err *err);

/* sink_pins.c: laid before anything is touched (refused: it can't be), in force before QEMU's
 * migration; what to say of it; put back when an attached QEMU waits on. */
#define KM_SINK_PINNED "pinned"
int km_sink_pins_lay(struct sink *s, const json_t *hello, struct km_err *err);
int km_sink_pins_apply(struct sink *s, struct km_err *err);
json_t *km_sink_pins_answer(const struct sink *s); /* NULL: nothing */
unsigned int km_sink_pins_count(const struct sink *s);
void km_sink_pins_undo(struct sink *s);
void km_sink_pins_free(struct sink *s);
bool km_sink_pins_heard(struct sink *s, const char *line); /* in the guard */

/* sink_place.c: once QEMU is there and before its migration. */
void km_sink_place(struct sink *s);

/* sink_pages.c: BLOCKS starts the streams' threads, as do new connections after it; FENCE waits for
 * them. */
int km_sink_start_lanes(struct sink *s, struct km_err *err);
int km_sink_open_blocks(struct sink *s, const uint8_t *buf, size_t len, struct km_err *err);
int km_sink_wait_fence(struct sink *s, const uint8_t *buf, size_t len, struct km_err *err);

/* sink_qemu.c: threads */
void *km_sink_rp_main(void *arg);
void *km_sink_watch_main(void *arg);

/* sink_arrival.c: with a QEMU that waits; once the guest runs and the source knows; or not. */
void km_sink_arrival_open(struct sink *s, const json_t *hello, json_t *welcome);
void km_sink_arrival_say(struct sink *s);
void km_sink_arrival_close(struct sink *s);

/* sink_guard.c: started before any thread. */
int km_sink_guard_start(struct sink *s, struct km_err *err);

#endif
