/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's disks: on storage that both ends see, or mirrored to the destination first.
 *
 *   told of in HELLO --> mirrored until all are in sync --> memory --> guest stopped
 *     --> mirrors finished --> QEMU goes on (migrate-continue) --> GO
 *
 * First the disks, then the memory: most disks are larger, and pages that were sent while a disk
 * is copied would be sent again; once a disk is in sync it costs the link no more than the
 * guest's writes to it.
 *
 * That no image is ever written by both, nor lost:
 *   - Until its mirror is finished the destination's image is written by the mirror alone, and
 *     its QEMU has it open inactive.  A mirror is finished only after the guest was stopped
 *     (capability pause-before-switchover), and QEMU migrates on only after all were, without
 *     error; the destination says LOADED only after what wrote the images there has ended in
 *     order, and after it heard each disk's connection end.  GO comes after LOADED.
 *   - The source's image is never replaced.  Whatever fails before GO, the guest goes on with
 *     it; after GO the source has let go of it (source.c).
 *   - Should anybody get this order wrong, QEMU's locks on the images make `cont` fail there,
 *     and the guest goes on here (diskserver.h).
 */
#ifndef KM_SOURCE_DISKS_H
#define KM_SOURCE_DISKS_H

#include <jansson.h>
#include <stddef.h>
#include "../model.h"

struct km_qmp;
struct source;

/* HELLO's part of it (NULL: there is none), and the answers. */
int km_source_disks_offer(struct source *s, json_t **offer, struct km_err *err);
int km_source_disks_answered(struct source *s, const json_t *welcome, struct km_err *err);

/* Before QEMU migrates: returns when all that are mirrored are in sync. */
int km_source_disks_mirror(struct source *s, struct km_err *err);
/* QEMU waits, the guest stands still: QEMU goes on when the disks are the same.  Idempotent. */
int km_source_disks_finish(struct source *s, struct km_err *err);
/* LOADED's payload. */
void km_source_disks_heard(struct source *s, const uint8_t *buf, size_t len);

bool km_source_disks_mirrored(const struct source *s);
uint64_t km_source_disks_wire(struct source *s); /* bytes, on the wire so far */
/* QEMU has migrated: only after it waited for the disks, and they were the same? */
int km_source_disks_sure(const struct source *s, struct km_err *err);
/* Ten times a second while memory moves: a mirror that has failed is known before the guest is
 * stopped for it, and --bandwidth divided anew (share.h). */
int km_source_disks_tend(struct source *s, struct km_err *err);

/* Any thread: nothing waits for the destination any more. */
void km_source_disks_cut(struct source *s);
/* Nothing is left in QEMU, and no token.  Idempotent. */
void km_source_disks_end(struct source *s);
void km_source_disks_free(struct source *s);

/* In the guard: a line that is about disks, and what is left to do. q may be NULL. */
bool km_source_disks_line(struct source *s, const char *line);
void km_source_disks_orphaned(struct source *s, struct km_qmp *q);

#endif
