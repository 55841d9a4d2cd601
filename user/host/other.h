/* SPDX-License-Identifier: GPL-2.0 */
/* The record of another host: over ssh, or from a file. */
#ifndef KM_HOST_OTHER_H
#define KM_HOST_OTHER_H

#include "../check/schema.h"
#include "../opts.h"

struct km_other {
	const char *ssh; /* the ssh to use, and its options */
	unsigned int timeout_ms;
	const struct km_guest_record *guest; /* its QEMU and disks are looked for; NULL = none */
};

/* where: ssh://[USER@]HOST, or a file's path.  Over ssh `kmigrate host --json` runs there.
 * Malloc'ed; NULL after an error. */
struct km_host_record *km_other_record(const struct km_other *o, const char *where,
				       struct km_err *err);
/* The host of ssh://[USER@]HOST, NULL when it is a file's path. */
const char *km_other_host(const char *where);
/* [USER@]HOST of the same. */
const char *km_other_target(const char *where);

#endif
