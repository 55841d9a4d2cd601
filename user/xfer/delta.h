/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A page as what changed since another content of it.  Pure.
 *
 *   any number of: LEB128 bytes to leave, LEB128 bytes that follow (at least 1), those bytes
 *
 * up to the page's last change.  Changes with less than three equal bytes between them are one.
 * The new bytes themselves and not their difference: that is as long, and needs no arithmetic.
 */
#ifndef KM_DELTA_H
#define KM_DELTA_H

#include <stddef.h>
#include "../model.h"

#define KM_DELTA_FULL SIZE_MAX

/* Which bytes of two pages differ: bit i % 64 of word i / 64.  The second for machines without
 * SSE2; both say the same. */
void km_delta_mask(const uint8_t *was, const uint8_t *now, uint64_t mask[KM_PAGE_SIZE / 64]);
void km_delta_mask_portable(const uint8_t *was, const uint8_t *now,
			    uint64_t mask[KM_PAGE_SIZE / 64]);

/* Returns the delta's bytes, 0 for equal pages, or KM_DELTA_FULL: it would take more than max. */
size_t km_delta_build(const uint8_t *was, const uint8_t *now, uint8_t *to, size_t max);

/* Whether these bytes are a delta: what the peer sent. */
bool km_delta_valid(const uint8_t *delta, size_t len);
/* A valid one. */
void km_delta_apply(uint8_t *page, const uint8_t *delta, size_t len);

#endif
