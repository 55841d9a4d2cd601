/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every way there is, for small fleets: all that single moves lead to, each guest
 * moving at most once, until a way empties the hosts or there is none left.
 */
#ifndef KM_EXHAUST_H
#define KM_EXHAUST_H

#include "layout.h"

#define KM_EXHAUST_STATES 200000
#define KM_EXHAUST_VMS	  24 /* that may move */

/*
 * The layout becomes one that leaves fewest guests behind, if it can leave fewer than it
 * does.  1: that was proved; 0: there are too many ways to try them all, and the layout is
 * the better of what it was and what was tried. -ENOMEM
 */
int km_exhaust(struct km_layout **l);

#endif
