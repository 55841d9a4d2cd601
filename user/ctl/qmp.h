/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A QMP client: one connection to one QEMU monitor on a unix socket.
 * The protocol is QEMU's docs/interop/qmp-spec.txt.
 *
 * Not thread safe: one thread at a time uses a struct km_qmp.  Nothing here
 * prints.  Every call is bounded by timeout_ms and returns 0 or a negative
 * errno with a sentence in *err (which may be NULL).
 */
#ifndef KM_QMP_H
#define KM_QMP_H

#include <jansson.h>
#include <stdint.h>
#include "../model.h"

struct km_qmp;

/* Connects, reads the greeting, negotiates.  -EBUSY when another client holds
 * the monitor (QEMU accepts one client a monitor and leaves the next waiting
 * for its greeting), -ECONNREFUSED, -ENOENT, -EPROTO for a peer that isn't QMP. */
int km_qmp_open(struct km_qmp **out, const char *path, int timeout_ms, struct km_err *err);
void km_qmp_close(struct km_qmp *q); /* NULL is fine */

/* The greeting's version, e.g. 7, 2, 22. */
void km_qmp_version(const struct km_qmp *q, int *major, int *minor, int *micro);
int km_qmp_fd(const struct km_qmp *q);

/*
 * Runs one command.  args is stolen (may be NULL).  *ret, when asked for, gets
 * the "return" value, owned by the caller.  QMP errors come back as -EREMOTEIO
 * ("CommandNotFound" as -EOPNOTSUPP) with QEMU's own description in err.
 * Events that arrive meanwhile are queued for km_qmp_event().
 */
int km_qmp_exec(struct km_qmp *q, const char *cmd, json_t *args, json_t **ret, int timeout_ms,
		struct km_err *err);

/* The next queued or arriving event, owned by the caller.  -ETIMEDOUT when none
 * came within timeout_ms (0: only what is there already). */
int km_qmp_event(struct km_qmp *q, json_t **event, int timeout_ms, struct km_err *err);

/* HMP through human-monitor-command; *text is malloc'ed. */
int km_qmp_hmp(struct km_qmp *q, const char *line, char **text, int timeout_ms, struct km_err *err);

/* Run state as QMP says it ("running", "paused", "postmigrate"...). */
int km_qmp_run_state(struct km_qmp *q, char state[32], struct km_err *err);

#endif
