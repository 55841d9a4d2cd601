/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The folder in which kmigrate and one QEMU meet.  QEMU may run as another user
 * (libvirt's guests do), so the folder is given to that one; who is at the other
 * end of a socket in it is therefore looked at.
 */
#ifndef KM_RUNDIR_H
#define KM_RUNDIR_H

#include "../model.h"

#define KM_RUN_DIR "/run/kmigrate"

/* Makes KM_RUN_DIR/KIND-XXXXXX; "" when it fails. */
int km_rundir_make(char *dir, size_t len, const char *kind, struct km_err *err);
/* With what is in it; dir becomes "".  Idempotent. */
void km_rundir_remove(char *dir);
/* Lets process pid make and reach sockets there: dir, and file in it (NULL: none). */
int km_rundir_share(const char *dir, const char *file, pid_t pid, struct km_err *err);
/* Is the process at the other end of a unix socket this one? */
int km_rundir_check_peer(int fd, pid_t pid, struct km_err *err);

#endif
