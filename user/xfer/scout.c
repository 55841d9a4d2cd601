// SPDX-License-Identifier: GPL-2.0
#include "scout.h"

/* From one round of all groups to the next another of a group's pages is looked at: any of 64 in
 * turn, neighbours late. */
#define STRIDE 27

void km_scout_look(struct km_scout *s, struct km_ledger *l, unsigned int groups, uint32_t zero,
		   km_scout_read *read, void *ctx)
{
	struct km_taken picked[KM_SCOUT_GROUPS];
	unsigned int n;

	if (s->at.block >= km_ledger_blocks(l)) {
		s->at = (struct km_page){ 0, 0 };
		s->turn += STRIDE;
	}
	n = km_ledger_sample(l, &s->at, s->turn, picked,
			     groups < KM_SCOUT_GROUPS ? groups : KM_SCOUT_GROUPS);
	s->looked = 0;
	for (unsigned int i = 0; i < n; i++) {
		uint32_t handed = picked[i].handed, now;

		if (handed == zero)
			continue;
		s->looked++;
		if (read(ctx, picked[i].page, &now) && now != handed)
			km_ledger_suspect(l, picked[i].page);
	}
}
