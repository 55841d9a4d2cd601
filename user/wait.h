/* SPDX-License-Identifier: GPL-2.0 */
/* Waiting as a command that watches a guest does. */
#ifndef KM_WAIT_H
#define KM_WAIT_H

#include "model.h"

/* From here on SIGINT and SIGTERM don't end the process, they make the descriptor readable. */
int km_wait_signals(struct km_err *err);
/* They are as before; one that comes in between is not lost. */
void km_wait_signals_end(int fd);

enum km_waited { KM_WAIT_TIME, KM_WAIT_SIGNAL, KM_WAIT_GONE };

/* Until the time is over, somebody has seen enough or the process pid, if not 0, is gone. */
enum km_waited km_wait(pid_t pid, unsigned int ms, int signals);

#endif
