/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_CMD_RUN_PLACE_H
#define KM_CMD_RUN_PLACE_H

#include "model.h"
#include "xfer/placing.h"

/* Prints where the threads that move the guest would run, and why; changes nothing.
 * host: the destination, NULL when it isn't known; streams: 0 to choose. */
int km_run_explain(const struct km_vm *vm, const char *host, unsigned int streams, bool json,
		   struct km_err *err);
/* Chooses where the threads of a move will run, and how many streams it has if none were asked
 * for (0).  Where nothing can be chosen, wish->why_not says why. */
void km_run_place(const struct km_vm *vm, const char *host, unsigned int *streams,
		  struct km_placing_wish *wish);

#endif
