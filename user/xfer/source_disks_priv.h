/* SPDX-License-Identifier: GPL-2.0 */
/* What source_disks.c and source_mirror.c share. */
#ifndef KM_SOURCE_DISKS_PRIV_H
#define KM_SOURCE_DISKS_PRIV_H

#include "../disk/diskwire.h"
#include "source_disks.h"
#include "source_priv.h"
#include "tunnel.h"

struct km_source_disks {
	struct km_disks disks;
	struct km_disk_fate fate[KM_DISKS_MAX];
	char token[KM_DISKS_MAX][PATH_MAX]; /* "" = none is there */
	struct km_tunnel tunnel[KM_DISKS_MAX];
	uint64_t sent[KM_DISKS_MAX]; /* on the wire, at the last look */
	double t_begin, t_shared;
	bool begun, finished;
};

/* How many are mirrored; k may be NULL. */
unsigned int km_source_disks_count(const struct km_source_disks *k);

#endif
