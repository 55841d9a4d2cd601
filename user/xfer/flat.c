// SPDX-License-Identifier: GPL-2.0
#include "flat.h"

#define HARDLY 0.9 /* of the round before: then it takes twenty to get to a tenth */

unsigned int km_flat_round(struct km_flat *s, double pages, double room)
{
	bool flat = s->before > 0 && pages > room && pages >= HARDLY * s->before;

	s->in_a_row = flat ? s->in_a_row + 1 : 0;
	s->before = pages;
	return s->in_a_row;
}
