/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys: files that only their owner may read, and the one-time key of a move.
 *
 * A key file that others can read is refused, as ssh does, since it may be known to anybody:
 * no permission for others, and no writing by the group.  Its group may read it, because
 * QEMU's and libvirt's folders are made so.
 */
#ifndef KM_SECRET_H
#define KM_SECRET_H

#include <stddef.h>
#include <stdint.h>
#include "../model.h"

/* TLS 1.3's external pre-shared key: 32 random bytes, 64 hexadecimal digits in a file. */
#define KM_PSK_BYTES 32
#define KM_PSK_ID    33 /* with its NUL */
struct km_psk {
	uint8_t key[KM_PSK_BYTES];
};

/* A whole file of at most cap bytes.  -EACCES: others can read it. "-": standard input. */
int km_secret_read(const char *path, void *buf, size_t cap, size_t *len, struct km_err *err);
/* Mode 0600, and on the disk on return. */
int km_secret_write(const char *path, const void *buf, size_t len);
/* Overwrites the file, then removes it.  A copy-on-write file system, or a disk that spreads
 * its wear, may keep the old blocks all the same. */
void km_secret_remove(const char *path);

int km_psk_new(struct km_psk *k, struct km_err *err);		  /* from GnuTLS's generator */
int km_psk_parse(struct km_psk *k, const char *text, size_t len); /* -EINVAL */
int km_psk_read(struct km_psk *k, const char *path, struct km_err *err);
void km_psk_text(const struct km_psk *k, char text[2 * KM_PSK_BYTES + 1]);
/* What the key is called in a handshake, which everybody can read: a hash of it, that tells
 * nothing about 32 random bytes. */
void km_psk_id(const struct km_psk *k, char id[KM_PSK_ID]);
void km_wipe(void *buf, size_t len); /* memset() that is not left out */

#endif
