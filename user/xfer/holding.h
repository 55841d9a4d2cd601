/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The CPUs of one end of a move, held while it lasts: those on which the VMM's threads and
 * ours may run. A move never fails because they can't be held; the facts say why.
 *
 * The hold is this process's: started after the guard has been forked, it ends with us.
 */
#ifndef KM_HOLDING_H
#define KM_HOLDING_H

#include "../hold.h"

struct km_knet;

struct km_holding {
	struct km_knet *knet; /* NULL = nothing is held */
	uint32_t id;
	struct km_cpus cpus;
	uint64_t throttled; /* at the beginning */
};

void km_holding_begin(struct km_holding *h, const struct km_hold_wish *wish, pid_t vmm,
		      struct km_held *facts);
/* Any number of times; what was before is in force again when it returns. */
void km_holding_end(struct km_holding *h, struct km_held *facts);

#endif
