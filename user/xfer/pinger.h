/* SPDX-License-Identifier: GPL-2.0 */
/* Says PING on a connection every second, so that the peer's patience
 * (peer_ms) measures this process and its link and not what it waits for.  Where the
 * connection asks for the peer's clock, PING does so, and more often at first. */
#ifndef KM_PINGER_H
#define KM_PINGER_H

#include "frame.h"

struct km_pinger {
	struct km_conn *conn;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool started, stop, hurry;
};

int km_pinger_start(struct km_pinger *p, struct km_conn *conn, struct km_err *err);
/* From now on it asks for the clock as soon as there is no question open. */
void km_pinger_hurry(struct km_pinger *p);
void km_pinger_stop(struct km_pinger *p); /* idempotent; fine when never started */

#endif
