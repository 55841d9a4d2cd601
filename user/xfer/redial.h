/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The source dials again, in a thread of its own, until it has a control connection on which the
 * destination knows its session and all streams, or the time is over.
 *
 * It is the same session by the session's number, which the destination has said in WELCOME alone,
 * on top of TLS's proof of who is who.  Each try has a number, the connections' life: the
 * destination takes none that is not later than the last, so a try that was given up and comes
 * late can't mix with the one that counts.
 *
 * The same host and port as at the begin.  A receiver that ssh has started listens there by itself
 * (remote.h), so a redial needs no ssh, and a new ssh would start another receiver, which knows
 * nothing.
 *
 * Where there are several paths the control connection goes by any that answers, --to's host first,
 * and streams of one that doesn't go by the others. At the begin of a move all must be there.
 *
 * Who answers and does not know the session, says that it has failed, or refuses TLS has the last
 * word; so has a host on which nobody listens any more, three times running: the session lives no
 * longer than its listener.
 */
#ifndef KM_REDIAL_H
#define KM_REDIAL_H

#include "frame.h"
#include "paths.h"

struct km_redial {
	/* set before the start; they outlive the thread */
	const char *host, *port, *session;
	const struct km_creds *creds;
	unsigned int peer_ms, streams;
	uint64_t stream_bytes_per_s; /* 0 = no limit */
	uint64_t heard;		     /* of what the destination has said (talk.h) */
	double until_ms;
	unsigned int life;	     /* of the last try */
	struct km_paths paths;	     /* as the last try found them */
	unsigned int control_by;     /* 0: host, else path - 1 */
	int path_of[KM_STREAMS_MAX]; /* each stream's; -1: host */
	unsigned int tries_fast;     /* so many more come without a wait */

	pthread_t thread;
	_Atomic bool stop, over;
	/* once it is over */
	int rc;
	struct km_err err;
	struct km_conn control, lane[KM_STREAMS_MAX];
	unsigned int nlanes;
	uint64_t heard_there;
};

int km_redial_start(struct km_redial *r, struct km_err *err);
/* Joins the thread; connections that nobody took are closed. Idempotent. */
void km_redial_end(struct km_redial *r);

/* A stream's connection, of r's life, within call_ms. */
int km_redial_lane(struct km_conn *c, struct km_redial *r, unsigned int stream, int call_ms,
		   struct km_err *err);

/* Of the control connection. */
const char *km_redial_address(const struct km_redial *r);

/* Says once that the source has given up, to a destination that waits for it: session "" = since
 * it has begun to listen. */
void km_redial_give_up(const char *host, const char *port, const struct km_creds *creds,
		       const char *session, const char *why);

#endif
