/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QEMU's side of a migration, over QMP: its settings for the time of the move,
 * put back afterwards (I7), and its view of the progress (qapi/migration.json).
 */
#ifndef KM_QMIGRATE_H
#define KM_QMIGRATE_H

#include "../ctl/qmp.h"

#define KM_QMP_MS 20000 /* a monitor that is silent for so long is dead */

struct km_qmig_saved {
	json_t *caps;	/* list as query-migrate-capabilities returned it */
	json_t *params; /* those of the parameters that are changed */
};

/* What is there now. */
int km_qmig_save(struct km_qmp *q, struct km_qmig_saved *saved, struct km_err *err);
/* For another process (guard.h): malloc'ed text, and back. */
char *km_qmig_saved_text(const struct km_qmig_saved *saved);
int km_qmig_saved_parse(struct km_qmig_saved *saved, const char *text);

/* bytes_per_s: at most, on QEMU's own path; 0 = no limit.  Sets what the relay (multifd) or QEMU's own path (plain) needs.  Nothing stays
 * changed when it fails. */
int km_qmig_prepare_source(struct km_qmp *q, bool multifd, unsigned int channels,
			   uint64_t bytes_per_s, struct km_qmig_saved *saved, struct km_err *err);
/* Waits until QEMU has done with its migration. Frees saved when it is restored. */
int km_qmig_restore(struct km_qmp *q, struct km_qmig_saved *saved, struct km_err *err);

int km_qmig_prepare_dest(struct km_qmp *q, bool multifd, struct km_err *err);

/* No migration under way, in or out (QEMU 6.0 and later). */
bool km_qmig_idle(struct km_qmp *q);

int km_qmig_start(struct km_qmp *q, const char *uri, struct km_err *err);
int km_qmig_incoming(struct km_qmp *q, const char *uri, struct km_err *err);
/* downtime-limit, and max-bandwidth; 0: without limit. */
int km_qmig_set_pace(struct km_qmp *q, unsigned int downtime_ms, uint64_t bytes_per_s,
		     struct km_err *err);

/* QEMU waits, with the guest stopped and before it has saved the last of it, until it is told to
 * go on: status "pre-switchover". km_qmig_restore() takes it back. */
int km_qmig_pause_before_switchover(struct km_qmp *q, struct km_err *err);
int km_qmig_continue(struct km_qmp *q, struct km_err *err);

struct km_qmig_status {
	char status[32]; /* setup, active, device, completed, failed, cancelled... "" = none */
	char error[KM_ERR_MAX];
	uint64_t remaining_bytes;
	uint64_t dirty_pages_per_s;
	uint64_t rounds;
	double mbps;	   /* QEMU's throughput into its sockets, Mbit/s */
	unsigned int port; /* of an incoming tcp: listener */
};
int km_qmig_query(struct km_qmp *q, struct km_qmig_status *s, struct km_err *err);

#endif
