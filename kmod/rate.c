// SPDX-License-Identifier: GPL-2.0
/* How fast a counter grew over some time, from readings at times that need not be even. */
#include "rate.h"

static const struct km_rate_sample *nth_last(const struct km_rate *rate, u32 n)
{
	return &rate->samples[(rate->nr - 1 - n) % KM_RATE_SAMPLES];
}

void km_rate_add(struct km_rate *rate, u64 ns, u64 count)
{
	rate->samples[rate->nr % KM_RATE_SAMPLES] = (struct km_rate_sample){ ns, count };
	rate->nr++;
	rate->full |= !(rate->nr % KM_RATE_SAMPLES);
}

/*
 * From the newest reading that is at least @ns older than the last, up to the last: how
 * much, in how long. False if none is that old.
 */
bool km_rate_over(const struct km_rate *rate, u64 ns, struct km_rate_sample *delta)
{
	u32 held = rate->full ? KM_RATE_SAMPLES : rate->nr;
	const struct km_rate_sample *last, *first;
	u32 near = 0, far = held - 1, middle;

	if (held < 2)
		return false;
	last = nth_last(rate, 0);
	if (last->ns - nth_last(rate, far)->ns < ns)
		return false;
	while (near < far) {
		middle = near + (far - near) / 2;
		if (last->ns - nth_last(rate, middle)->ns >= ns)
			far = middle;
		else
			near = middle + 1;
	}
	first = nth_last(rate, far);
	*delta = (struct km_rate_sample){ last->ns - first->ns, last->count - first->count };
	return true;
}
