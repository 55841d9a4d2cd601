/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Times below which no plan can be, whatever goes where in whichever order.
 *
 * W(v), what guest v sends at least, and S(v), how long it takes at least, are those
 * of a move alone at the fastest rate that the way to any host that stays and
 * offers its CPU features and labels can have.  No move in any plan is ever
 * faster, so by what movemodel.h asks of a model each of its rounds takes at least
 * as long and is followed by at least as many bytes; a slower rate also stops the
 * guest no sooner.  Every guest on a host that is to be emptied makes one
 * move, to a host that stays.
 *
 * Nothing is sent before the first set-up is over, nor after the last guest has
 * been stopped and has sent its rest: at both ends of any plan links lie idle, for
 * setup_s and settle_s, which the bounds by bytes add.
 *
 *  move     the longest S(v): a move can't be shared out.
 *  out      of a host: the sum of W over its guests / its NIC; all bytes pass it.
 *  slots    of a host: the sum of S / the moves it allows at a time: each takes one
 *	     for at least S.  For the whole fleet: by max_moves; and by the moves
 *	     that all hosts which stay allow to come in together.
 *  in	     for each set of features that a guest needs: the sum of W over the guests
 *	     that need all of it / the NICs of the hosts that offer it, into which all
 *	     these guests have to go.
 *  memory   the same, but a host with little room takes no more than that: until T a
 *	     host has had at most min(T NIC, q room) of the first rounds' bytes, where
 *	     room is what would be free if everything that can leave it had left, and q
 *	     the most that a first round has for a byte of memory (1).  T is the least
 *	     at which the sum over the hosts is enough for all first rounds.
 *  link     that hosts share: the sum of W over the guests inside that fit, by features,
 *	     on no host inside that stays; or what the free memory inside can't hold of
 *	     the guests inside that have to go, since a move within leaves the free
 *	     memory inside as it is at best, and whoever leaves for their sake passes
 *	     the link as well.  / the link.  In the other direction the same with inside
 *	     and outside exchanged.
 */
#ifndef KM_BOUND_H
#define KM_BOUND_H

#include "movemodel.h"

enum km_bound_kind {
	KM_BOUND_NONE,
	KM_BOUND_MOVE,	    /* which: a guest */
	KM_BOUND_OUT,	    /* a host */
	KM_BOUND_SLOTS_OUT, /* a host */
	KM_BOUND_SLOTS_IN,  /* all */
	KM_BOUND_SLOTS,	    /* all */
	KM_BOUND_IN,	    /* hosts that can take what this guest needs */
	KM_BOUND_MEMORY,    /* the same */
	KM_BOUND_LINK_OUT,  /* a link */
	KM_BOUND_LINK_IN,   /* a link */
};

struct km_bound {
	double seconds;
	enum km_bound_kind kind;
	uint32_t which;
};

/* By guest, 0 for one that no host could ever take, by features. */
struct km_least {
	double *bytes, *seconds;
};
/* For all guests that may move. -ENOMEM */
int km_bound_least(const struct km_fleet *f, const struct km_move_model *m, struct km_least *least);
void km_bound_least_free(struct km_least *least);

/* The largest of all. goes, by guest: which of the guests on hosts that are to be emptied do
 * leave, as without those that can't a plan is shorter. -ENOMEM */
int km_bound_find(const struct km_fleet *f, const struct km_move_model *m,
		  const struct km_least *least, const bool *goes, struct km_bound *b);

#endif
