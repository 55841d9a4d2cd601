/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A plan that `kmigrate plan --vm --json` has printed, read back: whose it is, what was seen of the
 * guest, what its pages cost and what the link carries.  Foreign bytes: every value that is used is checked.  What was
 * predicted is left where it is, since another move has another goal and is rehearsed again.
 */
#ifndef KM_PLANFILE_H
#define KM_PLANFILE_H

#include "plan.h"

#define KM_PLANFILE_VERSION 2
#define KM_PLANFILE_MAX	    (4u << 20) /* bytes of text; one with all regions has 120 KiB */

/* Pure.  -EINVAL: what is wrong, and where; *p is of no use then. */
int km_planfile_parse(const char *text, size_t len, struct km_plan *p, struct km_err *err);
/* "-" is standard input. And any errno of reading; the error's text names the path. */
int km_planfile_read(const char *path, struct km_plan *p, struct km_err *err);

/* -EINVAL: it is of another guest, by name, UUID and size. */
int km_plan_is_of(const struct km_plan *p, const struct km_vm *vm, struct km_err *err);

#endif
