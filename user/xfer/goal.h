/* SPDX-License-Identifier: GPL-2.0 */
/* What to tell a user whose goal was missed, and whom to blame. Pure. */
#ifndef KM_GOAL_H
#define KM_GOAL_H

#include "../model.h"

/* Tried with QEMU 7.2: it takes both capabilities, and once post-copy has begun the destination,
 * which has the guest by then, aborts in yank_unregister_instance(). Later ones refuse
 * (migration/options.c, migrate_caps_check()); 10.1 takes both, which nobody has tried here. */
#define KM_NO_POSTCOPY "post-copy does not go with multifd, by which the relay has QEMU's pages"

/* Sets err to one line, from the run's counters and what the module has counted, if it is
 * there. Returns -ETIME. */
int km_goal_deadline_missed(const struct km_run *run, unsigned int deadline_ms, struct km_err *err);
/* The same for a guest that stalls, by run->stall. */
int km_goal_stalled(const struct km_run *run, struct km_err *err);

#endif
