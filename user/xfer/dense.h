/* SPDX-License-Identifier: GPL-2.0 */
/* Whether a page looks as if it won't compress, from a few of its bytes. Pure. */
#ifndef KM_DENSE_H
#define KM_DENSE_H

#include <stdbool.h>
#include <stdint.h>

/* By how often the values of 256 of its bytes coincide: that sees skewed bytes, which is most of
 * what compresses, and not repetition of random ones; worth.h finds out about those. */
bool km_page_dense(const uint8_t *page);

#endif
