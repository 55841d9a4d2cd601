/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's disks, from its QEMU's query-block (qapi/block-core.json).  Pure.
 *
 * Only what the guest can write counts: a CD-ROM, firmware's code and a drive without a medium
 * are as good there as they are.
 */
#ifndef KM_DISK_H
#define KM_DISK_H

#include <jansson.h>
#include "../model.h"

#define KM_DISK_WHY_MAX 160

/* How the other end can tell whether it sees the same file (token.h). */
#define KM_TOKEN_PREFIX ".kmigrate-"
#define KM_TOKEN_BYTES	32
struct km_disk_proof {
	uint64_t inode; /* 0: no file of this host */
	bool network;	/* in a network's file system */
	char name[48];	/* of the token; "" = there is none */
	char secret[2 * KM_TOKEN_BYTES + 1];
};

struct km_disk {
	/* What QEMU calls it at both ends: the name of the node, or of the drive if QEMU made
	 * up the node's. */
	char id[KM_NAME_MAX];
	char path[PATH_MAX]; /* as QEMU has it; "" when it is in no file of this host */
	char format[16];     /* raw, qcow2, ... */
	uint64_t bytes;	     /* the guest's view of it */
	uint64_t allocated_bytes;
	bool network; /* by rbd, nbd over TCP, iscsi, ...: the same from everywhere */
	/* Firmware's variables: QEMU writes all of them to the file anew once it has loaded
	 * (hw/block/pflash_cfi01.c, postload_update_cb()). */
	bool rewritten;
	char why_not[KM_DISK_WHY_MAX]; /* it can't be mirrored; "" = it can */
	struct km_disk_proof proof;
};

/* What becomes of it at the destination. */
struct km_disk_fate {
	enum km_disk_how how;
	char path[PATH_MAX];	  /* there */
	uint64_t allocated_bytes; /* there */
};

struct km_disks {
	unsigned int n;
	struct km_disk d[KM_DISKS_MAX];
};

/* -E2BIG: too many.  What QEMU leaves out counts as what stands in the way. */
int km_disks_parse(const json_t *query_block, struct km_disks *out, struct km_err *err);

/* May the disk that a QEMU has here go on as the one there, once a mirror has filled it?  Not if it
 * is of another size or format, or can't be mirrored itself: 0, or -ENOTSUP and why. */
int km_disk_alike(const struct km_disk *there, const struct km_disk *here,
		  char why[KM_DISK_WHY_MAX]);

#endif
