/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What becomes of a page whose content was read just now: it is sent, or needn't be. Pure.
 *
 * SAME: the destination holds this content already, or will by the order of the stream: a store
 * of an equal value, zeroes written over zeroes, or a page that was sent late, with what QEMU
 * lists it for now.  By a 128-bit hash with a secret of this move's, so that not even a guest
 * that tries to can make two contents alike.
 *
 * LATER: the content is not what QEMU handed over when it listed the page.  QEMU had cleared the
 * page's dirty bit before it read it (ram_save_host_page() -> migration_bitmap_clear_dirty(),
 * then the channel's writev() in multifd.c), so the write that made the difference came after,
 * and QEMU is bound to list the page again: it would be sent twice.  32 bits are enough here:
 * two contents taken for one cost a send.
 */
#ifndef KM_CHOOSER_H
#define KM_CHOOSER_H

#include "ledger.h"

#define KM_SECRET_BYTES 192 /* at least XXH3_SECRET_SIZE_MIN */

enum km_choice { KM_SEND, KM_SAME, KM_LATER };

/* A page's sum. The secret is random and a move's own. */
struct km_sum km_sum_of(const uint8_t secret[KM_SECRET_BYTES], const void *page);
/* The part that the ledger keeps of what QEMU handed over. Never KM_HANDED_NEVER or UNKNOWN. */
uint32_t km_sum_handed(struct km_sum sum);

/* there: what the destination holds, NULL when nobody knows. may_leave: the guest still runs. */
enum km_choice km_choose(struct km_sum now, const struct km_sum *there, uint32_t handed,
			 bool may_leave);

#endif
