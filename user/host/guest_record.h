/* SPDX-License-Identifier: GPL-2.0 */
/* A guest's record (check/record.h): what /proc and its QEMU say. */
#ifndef KM_GUEST_RECORD_H
#define KM_GUEST_RECORD_H

#include "../check/record.h"
#include "../model.h"

/* Malloc'ed; NULL without memory.  A guest whose monitor can't be used has a record with what
 * /proc shows, and a reason in `unmovable`. */
struct km_guest_record *km_guest_record_take(const struct km_vm *vm);

#endif
