/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Proof that both ends see the same file, without a byte written into it: the source puts a
 * file with a random name and content beside it for a moment.  Who finds that content in the
 * folder of its own file, and the same inode there, has the same file.
 *
 * Where the source may not write there (NFS for root), a network's file system at both ends and
 * the same inode number have to do.
 */
#ifndef KM_TOKEN_H
#define KM_TOKEN_H

#include "disk.h"

/* Fills d->proof; of an image that is in no file here it stays empty.  cwd: QEMU's, for a path
 * that is not absolute.  -ENOENT: there is no such file (any more).  token gets its whole path,
 * "" = there is none; the caller removes it. */
int km_token_make(struct km_disk *d, const char *cwd, char token[PATH_MAX], struct km_err *err);
void km_token_remove(char token[PATH_MAX]); /* idempotent */

/* path: this end's. */
bool km_token_seen(const struct km_disk_proof *p, const char *path);

#endif
