/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When the answer to GO is lost: the source asks again, on a new connection,
 * what became of the guest; the destination, or its guard, answers until the
 * source has understood (BYE).
 */
#ifndef KM_OUTCOME_H
#define KM_OUTCOME_H

#include "creds.h"

enum km_verdict {
	KM_VERDICT_NONE, /* nobody answers */
	KM_VERDICT_RUNNING,
	KM_VERDICT_DEAD, /* the destination's QEMU is gone and will not come back */
};

/* Asks every half second, for ms in all; why says what the last try met. */
enum km_verdict km_outcome_ask(const char *host, const char *port, const struct km_creds *creds,
			       const char *session, int ms, char why[KM_ERR_MAX]);

/* Answers on listen_fd until the source says BYE, or for ms. Other callers are
 * refused. Returns true when the source has understood. */
bool km_outcome_serve(int listen_fd, const struct km_creds *creds, const char *session,
		      enum km_verdict v, const char *why, int ms);

#endif
