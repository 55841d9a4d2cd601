/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the destination holds of pages that are sent again and again, in bounded memory. Pure; used
 * by one thread.
 *
 * A stream has one of its own: its pages are sent and applied in order (I3, ledger.h), so what was
 * last sent of a page is what the destination holds by the time that the next message comes. That
 * is true as long as each page that is sent and is in here is written in here, too, and only for
 * the connection it was sent on: a new one begins with an empty cache.
 *
 * Pages that are of use keep their place. When all places are taken, every fourth newcomer looks
 * at one of them, in turn: a page that was of use since is left a while longer and the newcomer
 * goes without. So a set of pages that is several times too large for the cache still finds a
 * part of itself here each time round, where the least recently used one would always be gone.
 */
#ifndef KM_PAGECACHE_H
#define KM_PAGECACHE_H

#include "ledger.h"

struct km_pagecache;

/* With all it needs it takes at most bytes, and no memory for places that are not taken. NULL: out
 * of memory, or less than a page's. */
struct km_pagecache *km_pagecache_new(uint64_t bytes);
void km_pagecache_free(struct km_pagecache *c);

/* The page's content, to read and to write; NULL: it is not here. */
uint8_t *km_pagecache_find(struct km_pagecache *c, struct km_page p);
/* A place for a page that is not here, its content not set; NULL: it goes without. */
uint8_t *km_pagecache_add(struct km_pagecache *c, struct km_page p);
/* content is what find returned: it was of use, or was not. A page that is of no use twice
 * running loses its place; true: it has. */
bool km_pagecache_rate(struct km_pagecache *c, const uint8_t *content, bool useful);

uint64_t km_pagecache_pages(const struct km_pagecache *c); /* that are here */

#endif
