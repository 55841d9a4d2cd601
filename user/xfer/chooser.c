// SPDX-License-Identifier: GPL-2.0
#include "chooser.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(KM_SECRET_BYTES >= XXH3_SECRET_SIZE_MIN, "xxhash would refuse the secret");

struct km_sum km_sum_of(const uint8_t secret[KM_SECRET_BYTES], const void *page)
{
	XXH128_hash_t h = XXH3_128bits_withSecret(page, KM_PAGE_SIZE, secret, KM_SECRET_BYTES);

	return (struct km_sum){ h.low64, h.high64 };
}

uint32_t km_sum_handed(struct km_sum sum)
{
	return (uint32_t)sum.low | 1;
}

enum km_choice km_choose(struct km_sum now, const struct km_sum *there, uint32_t handed,
			 bool may_leave)
{
	if (there && there->low == now.low && there->high == now.high)
		return KM_SAME;
	if (may_leave && handed != KM_HANDED_UNKNOWN && km_sum_handed(now) != handed)
		return KM_LATER;
	return KM_SEND;
}
