/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the destination's clock shows, in terms of the source's, as NTP finds it out (RFC 5905,
 * section 8): the source asks at t1, the destination answers with its own time t, and the
 * answer is there at t4.  When it looked at its clock the source's stood between t1 and t4,
 * whatever way took longer: (t1 + t4) / 2, give or take half of the round trip.  What the
 * destination takes to answer counts as a part of the trip.
 *
 * Question and answer are the payload of PING, which a peer that knows nothing of this eats
 * (frame.c): it never answers, and then nothing is known.  Pure.
 */
#ifndef KM_CLOCKS_H
#define KM_CLOCKS_H

#include <jansson.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include "../model.h"

#define KM_CLOCKS_BYTES 24 /* le32 what, le32 0, le64 t1, le64 t */

struct km_clock_fit {
	bool known;
	int64_t offset_ns; /* the destination's minus the source's */
	uint64_t error_ns; /* half of the round trip */
	uint64_t at_ns;	   /* source's clock */
};

struct km_clocks {
	pthread_mutex_t lock;
	bool asks;	   /* the source; else this end answers */
	uint64_t asked_ns; /* t1 of the open question, 0 = none */
	struct km_clock_fit best;
	unsigned int asked, answered;
};

void km_clocks_init(struct km_clocks *c, bool asks);

/* A question, unless one is open that may still be answered. */
bool km_clocks_ask(struct km_clocks *c, uint64_t now_ns, uint8_t buf[KM_CLOCKS_BYTES]);
/* There have been some answers, or the peer has none to give. */
bool km_clocks_settled(struct km_clocks *c);
/* A PING's payload that came now. True: answer is what to say to it. */
bool km_clocks_hear(struct km_clocks *c, const uint8_t *buf, size_t len, uint64_t now_ns,
		    uint8_t answer[KM_CLOCKS_BYTES]);
/* With the error that it has by now. */
struct km_clock_fit km_clocks_fit(struct km_clocks *c, uint64_t now_ns);

/* When a QMP event happened, by the clock that now_ns is of; real_ns is what CLOCK_REALTIME,
 * which QEMU puts into events, shows at the same time. */
uint64_t km_clocks_event_ns(const json_t *event, uint64_t now_ns, uint64_t real_ns);

#endif
