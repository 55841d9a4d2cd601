/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_CMD_RUN_PLACE_H
#define KM_CMD_RUN_PLACE_H

#include "model.h"

/* Prints where the threads that move the guest would run, and why; changes nothing.
 * host: the destination, NULL when it isn't known; streams: 0 to choose. */
int km_run_explain(const struct km_vm *vm, const char *host, unsigned int streams, bool json,
		   struct km_err *err);

#endif
