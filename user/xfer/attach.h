/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A destination QEMU that somebody else has started with -incoming defer.
 *
 * Until `migrate-incoming` it is only looked at: whatever fails, it waits on as
 * it did.  From then on it is of no use to anybody else, and treated as one of
 * our own: it goes when the move fails, and stays when GO was obeyed.
 *
 * It is not our child: a pidfd names it, so that no other process is ever hit.
 */
#ifndef KM_ATTACH_H
#define KM_ATTACH_H

#include <jansson.h>
#include "../ctl/qmp.h"
#include "guard.h"
#include "qmigrate.h"

struct km_attached {
	struct km_vm vm;
	int pidfd;
	struct km_qmp *qmp;	      /* until it is adopted (destqemu.h) */
	const struct km_guard *guard; /* hears of what must be undone */
	struct km_qmig_saved saved;   /* its migration settings */
	bool begun;		      /* migrate-incoming was said, and not refused */
};

/* what: a QMP socket, a pid or a name, as for km_vms_find().  Refuses one that
 * does not wait for a migration, or has begun one. */
int km_attach_open(struct km_attached *a, const char *what, struct km_err *err);
void km_attach_close(struct km_attached *a);
/* Is it the guest of this HELLO? */
int km_attach_fits(const struct km_attached *a, const json_t *hello, struct km_err *err);

/* Around migrate-incoming: settings are remembered; it must not run by itself. */
int km_attach_begin(struct km_attached *a, struct km_qmp *q, struct km_err *err);
void km_attach_refused(struct km_attached *a);
int km_attach_hold(struct km_qmp *q, struct km_err *err);
/* Its settings as they were; q may be NULL. */
void km_attach_put_back(struct km_attached *a, struct km_qmp *q);

bool km_attach_alive(const struct km_attached *a);
/* It is gone on return. Uses no monitor: other threads may be using that. */
void km_attach_kill(const struct km_attached *a);

#endif
