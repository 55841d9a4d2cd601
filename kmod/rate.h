/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_RATE_H
#define KM_RATE_H

#include <linux/types.h>

#define KM_RATE_SAMPLES	8192	/* at least 80 s of one each 10 ms */

/* Readings of a counter that only grows. The caller has a lock. */
struct km_rate {
	u32 nr;			/* taken so far, modulo 2^32 */
	bool full;
	struct km_rate_sample {
		u64 ns, count;
	} samples[KM_RATE_SAMPLES];
};

void km_rate_add(struct km_rate *rate, u64 ns, u64 count);
bool km_rate_over(const struct km_rate *rate, u64 ns, struct km_rate_sample *delta);

#endif /* KM_RATE_H */
