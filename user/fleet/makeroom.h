/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Room for guests that fit nowhere: a guest that was given a place there gets
 * another one, or one that is there already moves away first, and so on, up to
 * KM_MAKEROOM_DEPTH deep, with up to KM_MAKEROOM_AWAY guests for one.  What takes
 * fewer steps is looked for first.
 */
#ifndef KM_MAKEROOM_H
#define KM_MAKEROOM_H

#include "layout.h"

#define KM_MAKEROOM_DEPTH 3
#define KM_MAKEROOM_AWAY  4
/* Looks at a guest and a host, for all guests together; and, where there are many, for each. */
#define KM_MAKEROOM_LOOKS 50000000ull
#define KM_MAKEROOM_EACH  20000ull

/* For all that were left out, as far as it comes. -ENOMEM */
int km_makeroom(struct km_layout *l);

#endif
