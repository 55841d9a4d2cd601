/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_PAGEZERO_H
#define KM_PAGEZERO_H

#include <stdbool.h>
#include <stdint.h>
#include "ledger.h"

/* Whether a page is all zeroes; aligned to 8 bytes.  It may be one that a guest writes to: then
 * each of its words was zero at a moment of the call. */
static inline bool km_page_is_zero(const void *page)
{
	const uint64_t *w = page;

	/* 64 bytes a turn, which compilers make vectors of. */
	for (unsigned int i = 0; i < KM_PAGE_SIZE / 8; i += 8)
		if (w[i] | w[i + 1] | w[i + 2] | w[i + 3] | w[i + 4] | w[i + 5] | w[i + 6] |
		    w[i + 7])
			return false;
	return true;
}

#endif
