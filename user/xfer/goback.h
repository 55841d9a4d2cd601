/* SPDX-License-Identifier: GPL-2.0 */
/* The source's way back: the guest runs here again, QEMU's settings are as
 * before.  Used by the move itself, by its guard, and by `kmigrate resolve`. */
#ifndef KM_GOBACK_H
#define KM_GOBACK_H

#include "qmigrate.h"

/*
 * STAYED, or LOST when QEMU can't be brought to run the guest again within 10 s.
 * was_running: else the guest was paused before the move and stays so, as does one that somebody
 * has paused meanwhile.
 * A relay's sockets must be read from meanwhile (drain.h).
 */
enum km_outcome km_go_back(struct km_qmp *q, bool was_running);

#endif
