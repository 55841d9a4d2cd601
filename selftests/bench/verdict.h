/* SPDX-License-Identifier: GPL-2.0 */
/* What may be said of a ratio that is known to lie within an interval, at 95 %. */
#ifndef BENCH_VERDICT_H
#define BENCH_VERDICT_H

#include <stdbool.h>

struct interval {
	double low, high;
};

enum verdict { HELD, NOT_HELD, CANT_TELL };

/* Is the ratio at most @wanted? @unsure: the control beside which it was measured failed. */
static inline enum verdict verdict_of(struct interval ratio, double wanted, bool unsure)
{
	if (unsure)
		return CANT_TELL;
	if (ratio.high <= wanted)
		return HELD;
	if (ratio.low > wanted)
		return NOT_HELD;
	return CANT_TELL;
}

/*
 * A control compares like with like: it must find them alike, to a tenth of @precision, and
 * so closely that a difference of @precision would have shown. Else its neighbours' ratios
 * mean nothing.
 */
static inline bool control_holds(struct interval ratio, double precision)
{
	return ratio.low <= 1 + precision / 10 && ratio.high >= 1 - precision / 10 &&
	       ratio.low >= 1 - precision && ratio.high <= 1 + precision;
}

#endif
