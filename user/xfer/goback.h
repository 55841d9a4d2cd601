/* SPDX-License-Identifier: GPL-2.0 */
/* The source's way back: the guest runs here again, QEMU's settings are as
 * before.  Used by the move itself, by its guard, and by `kmigrate resolve`. */
#ifndef KM_GOBACK_H
#define KM_GOBACK_H

#include "qmigrate.h"

/*
 * STAYED; LOST when the monitor ends, or QEMU answers and can't be brought to run the guest again
 * within 10 s.  One that does not answer may be stopped, or starved, and runs the guest when it can:
 * it is asked on, for as long as ask_on(ctx) says so each time (NULL: it does); then it is DOUBT.
 * was_running: else the guest was paused before the move and stays so, as does one that somebody
 * has paused meanwhile.
 * A relay's sockets must be read from meanwhile (drain.h).
 */
enum km_outcome km_go_back(struct km_qmp *q, bool was_running, bool (*ask_on)(void *ctx),
			   void *ctx);

#endif
