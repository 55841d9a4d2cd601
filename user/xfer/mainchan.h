/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parser of QEMU's main migration channel (migration/savevm.c and ram.c).
 * Pure and incremental: feed it bytes as they come, it calls the operations in
 * the order of the stream.
 *
 *   QEVM header -> configuration -> { COMMAND | RAM START | RAM PART }* -> RAM END
 *   -> verbatim to the end
 *
 * What the destination gets of it (emit): everything but RAM records.  RAM PART
 * sections vanish whole, RAM END keeps its frame and EOS; zero-page records are
 * never forwarded (I3), they only name pages.  After RAM END device state has
 * no lengths, so from there every byte passes as it is.
 *
 * What it can't understand is refused with -ENOTSUP before anything of it was
 * emitted: another iterable section (VFIO, dirty bitmaps), post-copy commands,
 * xbzrle or compressed pages.
 */
#ifndef KM_MAINCHAN_H
#define KM_MAINCHAN_H

#include <stddef.h>
#include "../model.h"

struct km_mainchan_ops {
	/* Bytes for the destination.  Each returns 0 or a negative errno, which
	 * ends the parse. */
	int (*emit)(void *ctx, const uint8_t *buf, size_t len);
	/* A RAMBlock of the set-up section: name and used_length. */
	int (*block)(void *ctx, const char *name, uint64_t used_bytes);
	/* The page is named; data is NULL for a zero page, else 4096 bytes. */
	int (*page)(void *ctx, const char *block, uint64_t offset, const uint8_t *data);
	/* EOS of a RAM section: QEMU has put a SYNC into every multifd channel
	 * before it (up to 8.0).  Called before the EOS record is emitted. */
	int (*eos)(void *ctx, bool last);
};

struct km_mainchan;
struct km_mainchan *km_mainchan_new(const struct km_mainchan_ops *ops, void *ctx);
void km_mainchan_free(struct km_mainchan *m);
int km_mainchan_feed(struct km_mainchan *m, const uint8_t *buf, size_t len, struct km_err *err);

/* After RAM END: the rest is forwarded as it is. */
bool km_mainchan_verbatim(const struct km_mainchan *m);

#endif
