/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a move will probably be like, by rehearsals of it (rehearsal.h).  Pure.
 *
 * Three with the numbers as they are, of which the first is the likely one, and others with the link
 * a tenth faster and slower, the guest's writes a third more and a quarter less, what pages cost of
 * CPU time a third more and a quarter less: the shortest and the longest of all are the interval.
 * The likely pause is the median of all.
 *
 * Guests of more than 4 GiB are rehearsed as smaller ones over links that are as much slower.
 */
#ifndef KM_PREDICT_H
#define KM_PREDICT_H

#include "../model.h"
#include "rehearsal.h"

struct km_prediction {
	struct km_reh_result likely; /* its pages and bytes are the guest's, not a smaller one's */
	unsigned int rehearsals, moved;	      /* of which so many ended within the deadline */
	struct km_interval range[KM_FIGURES]; /* of those */
	/* The slowest link by which the goal would probably be met, 0: the one there is is enough;
	 * < 0: none that is up to 64 times as fast. */
	double needed_bytes_per_s;
};

/* A pause that is longer by this part has met its goal: it is an aim, and no bound. */
#define KM_PREDICT_AS_GOOD_AS 1.1

/* Fills in what the two hosts do besides what pages cost. */
void km_predict_hosts(struct km_reh_hosts *h);

/* 0 or what km_rehearse() returns. */
int km_predict(const struct km_reh_guest *guest, const struct km_reh_hosts *hosts,
	       const struct km_reh_goal *goal, struct km_prediction *p);

#endif
