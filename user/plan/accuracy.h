/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How true predictions were: over the reports of past moves that `run --json` has printed, with
 * what was foretold of each (--predict, --plan).  Pure.
 *
 * An error is |foretold - outcome| / outcome, of the likely number.  A move that failed says
 * nothing about a prediction, but for one that was given up because the guest dirtied too much, by
 * its deadline or by --on-stall abort: that it can't be moved was right then.
 */
#ifndef KM_ACCURACY_H
#define KM_ACCURACY_H

#include <stddef.h>
#include "../model.h"

#define KM_ACCURACY_WORST 5

enum km_accuracy_end { KM_ENDED_MOVED, KM_ENDED_GIVEN_UP, KM_ENDED_OTHERWISE };

struct km_accuracy_move {
	char file[256];	 /* its name, cut off if it is longer */
	unsigned int nr; /* in the file, from 1 */
	char vm[KM_NAME_MAX];
	enum km_accuracy_end end;
	bool can_be_moved;		      /* as foretold; else there are no ranges */
	struct km_interval range[KM_FIGURES]; /* foretold; all 0: not, by an older kmigrate */
	double outcome
		[KM_FIGURES]; /* 0: there was none, as of a pause of a stopped guest, or it isn't known */
};

struct km_accuracy_moves {
	size_t n, room;
	struct km_accuracy_move *move; /* malloc'ed */
	unsigned int others;	       /* JSON values that are no report with a prediction */
};

/* Takes the reports of a text, any number of them one after the other, with anything between them
 * that JSON has for blanks.  Those before something that is wrong are taken.  -EPROTO: what is
 * wrong, and in which line; -ENOMEM. */
int km_accuracy_take(struct km_accuracy_moves *m, const char *file, const char *text, size_t len,
		     struct km_err *err);
void km_accuracy_free(struct km_accuracy_moves *m);

struct km_accuracy_figure {
	unsigned int moves;  /* that it is known of, both before and after */
	unsigned int inside; /* the interval */
	double median_error; /* 0.1: a tenth of the outcome */
};

struct km_accuracy_worst {
	const struct km_accuracy_move *move;
	enum km_figure figure; /* whose error is the move's largest */
	double error;
};

struct km_accuracy {
	size_t moves;		/* with a prediction */
	unsigned int compared;	/* of which both it and the outcome are known */
	unsigned int judged;	/* moved or given up: it was foretold which */
	unsigned int right;	/* of those */
	unsigned int otherwise; /* that failed for a reason that nobody foretells */
	struct km_accuracy_figure figure[KM_FIGURES];
	unsigned int nworst; /* the largest error first */
	struct km_accuracy_worst worst[KM_ACCURACY_WORST];
};

/* *a points into *m. -ENOMEM. */
int km_accuracy_sum(const struct km_accuracy_moves *m, struct km_accuracy *a);

#endif
