// SPDX-License-Identifier: GPL-2.0
#include "inflight.h"

#include <errno.h>
#include <stdlib.h>

int km_inflight_init(struct km_inflight *f)
{
	f->page = calloc(KM_INFLIGHT_PAGES, sizeof(*f->page));
	return f->page ? 0 : -ENOMEM;
}

void km_inflight_free(struct km_inflight *f)
{
	free(f->page);
	f->page = NULL;
}

bool km_inflight_has_room(const struct km_inflight *f, unsigned int n)
{
	return f->put - f->off + n <= KM_INFLIGHT_PAGES;
}

void km_inflight_put(struct km_inflight *f, const struct km_taken *pages, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		f->page[(f->put + i) % KM_INFLIGHT_PAGES] = pages[i].page;
	f->put += n;
}

int km_inflight_off(struct km_inflight *f, uint64_t n)
{
	if (n > f->put - f->off)
		return -EPROTO;
	f->off += n;
	return 0;
}

uint64_t km_inflight_unsend(struct km_inflight *f, struct km_ledger *l)
{
	uint64_t n = f->put - f->off;

	for (; f->off < f->put; f->off++)
		km_ledger_unsend(l, f->page[f->off % KM_INFLIGHT_PAGES]);
	return n;
}
