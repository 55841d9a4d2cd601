/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When compressing pays, and how hard to try.  Pure: the sender tells what it measured.
 *
 * A page is packed if the time that the link needs for the bytes saved is more than the CPU time
 * that packing takes, with a margin: twice it to begin, since the destination must unpack and
 * both hosts have other work; a quarter more to go on.  Among zstd's levels the one that leaves
 * the most of the link's time.  And if packing keeps up: by the clock, which on a host that has
 * too much to do is far more than CPU time, it takes less than the link for the unpacked page.
 *
 * The link's speed is that of the stream's share, seen while something is queued in its socket:
 * then it is the link (or the receiver) that sets the rate.  A link that never was waited for is
 * infinitely fast.  One that is not waited for while the sender is always busy may be faster
 * than it was known to be, and so is taken for a twentieth faster each time, until it is waited for
 * or packing has ended.
 *
 * What packing costs and leaves is known of what was packed.  While it doesn't pay, the fourth
 * message is packed to see and then one in 32, ever fewer down to one in 128 (16,384 pages); while
 * it does, another level is tried as often.  Pages that look dense (dense.h) are not packed; whether they should
 * be after all is tried as often, too.  Fewer than 16 pages of a message tell nothing: among dense
 * ones a few look light by chance.
 */
#ifndef KM_WORTH_H
#define KM_WORTH_H

#include <stdbool.h>
#include <stdint.h>

#define KM_WORTH_LEVELS 3

/* The socket of a stream at one moment, before a message is written. */
struct km_worth_look {
	uint64_t now_ns;
	uint64_t idle_ns;	/* that the sender had nothing to do, so far */
	uint64_t carried_bytes; /* that have arrived, so far */
	bool queued;		/* others wait in it to be sent */
};

/* What to do with a message's pages. */
struct km_worth_plan {
	int level;  /* KM_WORTH_RAW or an index into the levels */
	bool dense; /* pages that look dense, too */
};
#define KM_WORTH_RAW (-1)

/* What came of it. */
struct km_worth_result {
	unsigned int light, dense; /* pages that were packed */
	uint64_t bytes;		   /* of the frame; of the pages if it was none */
	uint64_t cpu_ns, wall_ns;
};

struct km_worth_level {
	bool known;
	double cpu_ns, wall_ns; /* a page */
	double ratio;		/* after / before */
};

/* When something is tried next. */
struct km_worth_trial {
	unsigned int left, gap; /* messages */
};

/* Starts as zeroes. */
struct km_worth {
	double link_ns;			 /* a byte; 0: it was never waited for */
	struct km_worth_look from, last; /* the window's begin, and the latest */
	bool all_queued, none_queued;
	struct km_worth_level level[KM_WORTH_LEVELS];
	int on;	      /* level + 1; 0: raw */
	bool upwards; /* the way of the last trial of another level */
	bool dense_too;
	struct km_worth_trial trial, dense_trial;
};

int km_worth_zstd_level(int level);
/* What a page that isn't dense takes on the wire at present. */
unsigned int km_worth_page_bytes(const struct km_worth *w);

void km_worth_see(struct km_worth *w, const struct km_worth_look *look);
/* Whether packing could pay at all at this link's speed: else nobody need look at the pages. */
bool km_worth_possible(const struct km_worth *w);
/* For a message with so many pages that look light and dense (neither zero nor a delta). */
struct km_worth_plan km_worth_choose(struct km_worth *w, unsigned int light, unsigned int dense);
void km_worth_packed(struct km_worth *w, struct km_worth_plan plan,
		     const struct km_worth_result *r);

#endif
