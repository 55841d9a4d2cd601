/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The source QEMU's mirrors of its disks: one blockdev-mirror job a disk, into an NBD node whose
 * socket is a tunnel to the destination (qapi/block-core.json, block/mirror.c).
 *
 * copy-mode is write-blocking: from its begin each write of the guest also goes to the
 * destination before the guest hears that it is done.  So when a mirror says that it is ready
 * the two are the same but for requests that are under way, and stay so, whatever the guest
 * writes: what is left to do in the pause doesn't grow with the guest's writes, which it does
 * in background mode, where no one could promise --max-pause.  The price is that the guest's
 * writes are as slow as the link while the disks are copied.
 *
 * The source's disk stays the guest's own all the time: a mirror never pivots here.  One that is
 * cancelled when it is ready ends at a point at which both are the same (mirror_run(): nothing
 * dirty, nothing in flight, the target flushed), which is what is wanted of it, while the guest
 * stands still.
 *
 * No such job may end while a write of the guest's is under way: mirror_run() frees
 * in_flight_bitmap before it waits for those writes, each of which clears its bits in it when it is
 * through (active_write_settle(); so in 7.2 and still in 2025), and QEMU's heap is not what it was.
 * So it doesn't end by itself on an error, but waits (on-target-error, on-source-error: stop), and
 * it is cancelled only while the guest stands still, for which km_mirror_clean() stops it: `stop`
 * returns when no request is under way (do_vm_stop(): bdrv_drain_all()).
 */
#ifndef KM_MIRROR_H
#define KM_MIRROR_H

#include "../ctl/qmp.h"
#include "../disk/disk.h"
#include "diskserver.h"

struct km_mirror_job {
	bool there, ready, concluded;
	uint64_t done_bytes, total_bytes;
	char error[KM_ERR_MAX]; /* "" = none; with one it waits, or has concluded */
};

/* Of query-block-jobs, that of disk nr.  Pure. */
void km_mirror_parse(const json_t *jobs, unsigned int nr, struct km_mirror_job *j);

/* path: where its NBD client connects to. */
int km_mirror_begin(struct km_qmp *q, unsigned int nr, const struct km_disk *disk, const char *path,
		    struct km_err *err);
/* jobs: query-block-jobs' answer, owned by the caller. */
int km_mirror_query(struct km_qmp *q, json_t **jobs, struct km_err *err);
/* A job that is ready ends as soon as both are the same; its state will say so. */
int km_mirror_finish(struct km_qmp *q, unsigned int nr, struct km_err *err);
/* Of one that has concluded: the job and its node go, and QEMU closes the connection. */
int km_mirror_dismiss(struct km_qmp *q, unsigned int nr, struct km_err *err);
/* Whatever there is of a mirror, ended or not, by this move or an earlier one, goes.  Its
 * connection must have been cut before, so that nothing waits for it.  A guest that runs stands
 * still for a moment, and whoever is killed in that moment leaves a mark in the job, by which the
 * next who comes here lets the guest go on.  true: none is left. */
bool km_mirror_clean(struct km_qmp *q);

#endif
