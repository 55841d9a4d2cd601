// SPDX-License-Identifier: GPL-2.0
/* What waits to be sent is looked at (scout.h), as long as it waits for long enough. */
#include "source_priv.h"

static bool read_page(void *ctx, struct km_page p, uint32_t *now)
{
	struct km_move *m = ctx;
	const uint8_t *page = km_guestmem_look(m->mem, p.block, p.index);
	uint8_t copy[KM_PAGE_SIZE];

	/* A copy of QEMU's does not change. */
	if (km_guestmem_reach(m->mem, p.block) == KM_REACH_SHADOW)
		return false;
	if (!page && km_guestmem_read(m->mem, p.block, &p.index, 1, copy, NULL))
		return false;
	*now = km_sum_handed(km_sum_of(m->secret, page ? page : copy));
	return true;
}

void km_source_scout(struct source *s)
{
	struct km_move *m = &s->m;

	if (!m->listed || m->broken || !(s->pace.bytes_per_s > 0) ||
	    (double)km_move_backlog(m) < km_pace_pages_per_s(&s->pace) * KM_SCOUT_WAIT_S)
		return;
	km_scout_look(&s->scout, m->ledger, KM_SCOUT_GROUPS, km_sum_handed(m->zero_sum), read_page,
		      m);
}
