/* SPDX-License-Identifier: GPL-2.0 */
/* The disks in HELLO, and what becomes of each, in WELCOME.  Pure. */
#ifndef KM_DISKWIRE_H
#define KM_DISKWIRE_H

#include "disk.h"

/* mirror: --storage mirror.  NULL: out of memory, or a name is no UTF-8. */
json_t *km_disks_offer(const struct km_disks *d, bool mirror);
/* From the peer: -EPROTO for anything that is not what km_disks_offer() makes. */
int km_disks_offer_parse(const json_t *j, struct km_disks *d, bool *mirror, struct km_err *err);

json_t *km_disks_answer(const struct km_disk_fate *fate, unsigned int n);
int km_disks_answer_parse(const json_t *j, unsigned int n, struct km_disk_fate *fate,
			  struct km_err *err);

#endif
