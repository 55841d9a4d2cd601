/* SPDX-License-Identifier: GPL-2.0 */
/* What sink_disks.c and sink_images.c share. */
#ifndef KM_SINK_DISKS_PRIV_H
#define KM_SINK_DISKS_PRIV_H

#include "../disk/diskwire.h"
#include "diskserver.h"
#include "sink_disks.h"
#include "sink_priv.h"
#include "tunnel.h"

struct km_sink_disks {
	struct km_disks asked;
	bool mirror; /* --storage mirror */
	struct km_disk_fate fate[KM_DISKS_MAX];
	struct km_tunnel tunnel[KM_DISKS_MAX];
	struct km_diskserver server;
	/* What we have made, and remove unless the guest runs here; "" = nothing. */
	char made[KM_DISKS_MAX][PATH_MAX];
	char dir[64]; /* the server's, in the guard */
	struct km_opt_list replace;
	char *own_replace[KM_DISKS_MAX]; /* of these in it */
};

/* Sets s->refused; returns err's code. */
int km_disk_refuse(struct sink *s, const struct km_disk *d, const char *path, const char *why,
		   struct km_err *err);
/* The disks of QEMU here. */
int km_sink_disks_own(struct sink *s, struct km_disks *own, struct km_err *err);
const struct km_disk *km_disk_find(const struct km_disks *own, const char *id);

#endif
