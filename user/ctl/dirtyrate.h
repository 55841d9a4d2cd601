/* SPDX-License-Identifier: GPL-2.0 */
/* What QEMU itself can say about what its guest dirties: a rate, by sampling pages. */
#ifndef KM_DIRTYRATE_H
#define KM_DIRTYRATE_H

#include "../model.h"

/* For so many seconds, 1 to 60, or less if stop_fd becomes readable (-ECANCELED): QEMU
 * says nothing before the time is over. -EOPNOTSUPP: this QEMU can't. Fills source, pages,
 * pages_per_s and seconds. QEMU migration/dirtyrate.c (calc-dirty-rate, from 5.2 on). */
int km_dirtyrate(const struct km_vm *vm, unsigned int seconds, int stop_fd, struct km_dirty *d,
		 struct km_err *err);

#endif
