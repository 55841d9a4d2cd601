/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A placement (place/choose.h) in force at one end of a move while it lasts: our own threads,
 * and those of QEMU's that migrate.  A move never fails because of it; the facts say what was
 * not to be had.
 *
 * Everything is put back at the end.  Our own threads end with us, however that is; of
 * QEMU's, the guard hears before they are placed, and puts back those that are still there.
 */
#ifndef KM_PLACING_H
#define KM_PLACING_H

#include "../host/gather.h"
#include "../place/apply.h"
#include "guard.h"

struct km_placing_wish {
	bool off, chosen;
	char why_not[KM_ERR_MAX]; /* nothing is chosen */
	struct km_cpus own, qemu;
};

struct km_placing {
	pid_t vmm; /* 0 = nothing is placed */
	const struct km_guard *guard;
	const struct km_placing_wish *wish;
	struct km_applied ours, qemus;
	/* QEMU without debug-threads gives all its threads one name. Then those that it has
	 * more than before the migration are the migration's. */
	bool by_name;
	pid_t *before;
	size_t nbefore;
	double looked_at, look_until;
};

/* By what was gathered, which it frees; NULL if nothing could be, and err says why. *streams: 0
 * to choose, too. */
void km_placing_choose(struct km_placing_wish *wish, struct km_gathered *g, unsigned int *streams,
		       struct km_err *err);
/* Our own threads, those that are there; what they start inherits it. Before QEMU's migration
 * starts: whoever is there now is not part of it. */
void km_placing_begin(struct km_placing *p, const struct km_placing_wish *wish, pid_t vmm,
		      const struct km_guard *guard, struct km_placed *facts);
/* QEMU's, those that are there; to be called again while there may be more. */
void km_placing_look(struct km_placing *p, struct km_placed *facts);
/* Any number of times. */
void km_placing_end(struct km_placing *p, struct km_placed *facts);

/* In the guard: true for a line that was one of ours, and what is left to do in the end. */
bool km_placing_heard(struct km_placing *p, pid_t vmm, const char *line);
/* A thread that is to be put somewhere else, as a line for the guard, which must know the way
 * back before there is need of one; and the line as the guard hears it. */
int km_placing_tell(const struct km_guard *g, const char *word, pid_t tid,
		    const struct km_cpus *set, const struct km_cpus *before);
bool km_placing_hear(struct km_applied *a, const char *word, pid_t vmm, const char *line);

#endif
