/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What makes and writes the mirrored disks' images at the destination: QEMU's NBD server, in a
 * process of its own, a QEMU without a machine.
 *
 * Not in the QEMU that takes the guest, for these reasons.
 *   - Sparse stays sparse: that one opens an image as the guest's owner wants it, which is
 *     without discard= in most cases, and then turns each hole that comes into allocated zeroes
 *     (block/io.c drops BDRV_REQ_MAY_UNMAP without BDRV_O_UNMAP).  This one has discard=unmap.
 *   - That one's main loop stands still while it loads devices, and a guest whose disk is
 *     mirrored would wait for it.
 *   - It must find its images when it starts, so somebody has to make them before.
 * While this one has an image open for writing, the other one has it open and inactive, as a
 * migration's destination has any image until it is told to run; and should this one still be
 * there then, `cont` fails by the image's lock (QEMU's docs/system/images.rst, "Disk image file
 * locking"), and not the image.  Tried with QEMU 7.2.
 *
 * It dies with the thread that has started it (prctl(2), PR_SET_PDEATHSIG), and stays a zombie
 * until km_diskserver_end(), so that its pid is its own.  One thread at a time.
 */
#ifndef KM_DISKSERVER_H
#define KM_DISKSERVER_H

#include "../ctl/qmp.h"

struct km_diskserver { /* zeroes: it was not started */
	pid_t pid;
	char dir[64];
	struct km_qmp *qmp;
};

/* exe: a QEMU, as the destination's. */
int km_diskserver_start(struct km_diskserver *d, const char *exe, struct km_err *err);
/* An image in a file that is there and empty. */
int km_diskserver_format(struct km_diskserver *d, const char *path, const char *format,
			 uint64_t bytes, struct km_err *err);
/* Opens it, as disk nr.  -EMEDIUMTYPE: it has another size than `bytes`. */
int km_diskserver_export(struct km_diskserver *d, unsigned int nr, const char *path,
			 const char *format, uint64_t bytes, struct km_err *err);
/* A connection to it, for an NBD client: a descriptor. */
int km_diskserver_dial(const struct km_diskserver *d, struct km_err *err);
/* The export's name. */
#define KM_DISK_NAME_MAX 24
const char *km_disk_export_name(char buf[KM_DISK_NAME_MAX], unsigned int nr);

/* All is written, and no image is open any more; else an error. */
int km_diskserver_finish(struct km_diskserver *d, struct km_err *err);
/* Any thread: who waits for it, in any of the above, waits no longer. */
void km_diskserver_kill(const struct km_diskserver *d);
/* Nobody is in any of the above.  Kills what is left of it, and removes its folder.  Idempotent. */
void km_diskserver_end(struct km_diskserver *d);

#endif
