/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who can't begin because of a link, listed by the link: it is asked again when the
 * link has less to do, and by nobody before.  Each is held by one link at a time;
 * those that have been held for longest come first.
 */
#ifndef KM_HELD_H
#define KM_HELD_H

#include <stdbool.h>
#include <stdint.h>

#define KM_HELD_NONE UINT32_MAX

struct km_held {
	uint32_t *by;		/* by number: the link, or KM_HELD_NONE */
	uint32_t *next;		/* in its list */
	uint32_t *first, *last; /* by link */
	uint32_t n, nlinks;
};

struct km_held *km_held_new(uint32_t n, uint32_t nlinks); /* numbers 0 to n-1; NULL: no memory */
void km_held_free(struct km_held *h);
void km_held_clear(struct km_held *h);

static inline bool km_held_is(const struct km_held *h, uint32_t number)
{
	return h->by[number] != KM_HELD_NONE;
}

/* One that is not held. */
void km_held_add(struct km_held *h, uint32_t number, uint32_t link);
/* Takes out the one behind `prev` in the link's list, the first for KM_HELD_NONE. */
void km_held_release(struct km_held *h, uint32_t link, uint32_t prev);

/* The one behind `prev`, the first for KM_HELD_NONE; KM_HELD_NONE: there is none. */
static inline uint32_t km_held_next(const struct km_held *h, uint32_t link, uint32_t prev)
{
	return prev == KM_HELD_NONE ? h->first[link] : h->next[prev];
}

#endif
