/* SPDX-License-Identifier: GPL-2.0 */
/* The guest's disks, at the destination of a move (source_disks.h says in which order). */
#ifndef KM_SINK_DISKS_H
#define KM_SINK_DISKS_H

#include <jansson.h>
#include <stdbool.h>
#include "../model.h"
#include "../opts.h"

struct km_conn;
struct sink;

/* Before anything is touched. Sets s->refused, and why, where one can't be had here. */
int km_sink_disks_lay(struct sink *s, const json_t *hello, struct km_err *err);
/* What is to be replaced in QEMU's arguments: what the user says, and --storage-dir. */
const struct km_opt_list *km_sink_disks_replace(const struct sink *s);
/* Before QEMU is started, and after it was judged (destqemu.h): what is to be mirrored is there,
 * empty, and open for the source.  No image that was there is written before all can be had. */
int km_sink_disks_make(struct sink *s, struct km_err *err);
/* What QEMU has is what was made for it. */
int km_sink_disks_check(struct sink *s, struct km_err *err);
json_t *km_sink_disks_answer(const struct sink *s); /* NULL: nothing */
unsigned int km_sink_disks_mirrored(const struct sink *s);
unsigned int km_sink_disks_open(const struct sink *s); /* of those, whose connection is there */
/* A connection that has begun with DISK.  -EACCES: it is not of this
 * move; else c is taken. */
int km_sink_disks_take(struct sink *s, struct km_conn *c, const json_t *disk);

/* QEMU is loaded: all is written, and nobody but QEMU has an image open. */
int km_sink_disks_finish(struct sink *s, struct km_err *err);
/* The move has failed: km_sink_disks_finish(), should the watcher be in it, returns. */
void km_sink_disks_kill(const struct sink *s);
/* The move is over, and so is the watcher; what was made is removed unless the guest has run on
 * it, or may have, and else QEMU must be gone. */
void km_sink_disks_end(struct sink *s, bool keep);
void km_sink_disks_free(struct sink *s);

/* In the guard: a line that is about disks, and what is left to do. */
bool km_sink_disks_line(struct sink *s, const char *line);
void km_sink_disks_orphaned(struct sink *s, bool remove);

#endif
