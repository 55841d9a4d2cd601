// SPDX-License-Identifier: GPL-2.0
/* PAGES messages, with their zstd frames: as from a peer whose checksums are right. */
#include "fuzz.h"
#include "xfer/delta.h"
#include "xfer/pack.h"

#define BLOCK0 300 /* pages */
#define BLOCK1 9

static struct km_pages pages;

/* Some runs, the page's last byte in one of them. */
static void make_delta(unsigned int p, uint8_t *to)
{
	static uint8_t was[KM_PAGE_SIZE], now[KM_PAGE_SIZE];

	memset(now, 0, sizeof(now));
	for (unsigned int r = 0; r < p; r++)
		memset(now + r * 513, 0x5a, r * 3 + 1);
	now[KM_PAGE_SIZE - 1] = p & 1;
	pages.base[p] = km_page_sum(was);
	pages.delta_bytes[p] = (uint16_t)km_delta_build(was, now, to, KM_PAGE_SIZE);
}

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const uint8_t kinds[][4] = {
		{ KM_KIND_ZERO, KM_KIND_RAW, KM_KIND_ZERO, KM_KIND_RAW },
		{ KM_KIND_PACKED, KM_KIND_PACKED, KM_KIND_PACKED, KM_KIND_PACKED },
		{ KM_KIND_RAW, KM_KIND_PACKED, KM_KIND_ZERO, KM_KIND_PACKED },
		{ KM_KIND_PACKED, KM_KIND_PACKED, KM_KIND_ZERO, KM_KIND_RAW },
		{ KM_KIND_DELTA, KM_KIND_DELTA, KM_KIND_DELTA, KM_KIND_DELTA },
		{ KM_KIND_DELTA, KM_KIND_PACKED, KM_KIND_DELTA, KM_KIND_RAW },
	};
	static uint8_t content[8][KM_PAGE_SIZE];
	struct km_packer *k;
	size_t len;
	const uint8_t *msg;

	if (i >= 12)
		return 0;
	k = km_packer_new();
	if (!k)
		abort();
	pages.block = i & 1;
	pages.n = i & 1 ? 8 : 3;
	for (unsigned int p = 0; p < pages.n; p++) {
		for (unsigned int at = 0; at < KM_PAGE_SIZE; at++)
			content[p][at] = (uint8_t)((at * at >> 5) % (3 + p * p));
		pages.index[p] = p + 1;
		pages.kind[p] = kinds[i / 2][p % 4];
		pages.content[p] = content[p];
		if (pages.kind[p] == KM_KIND_DELTA)
			make_delta(p, content[p]);
	}
	km_packer_pack(k, &pages, i & 1 ? 1 : -3);
	len = km_packer_build(k, &pages, &msg);
	memcpy(buf, msg, len);
	km_packer_free(k);
	return len;
}

/* Every byte is there, or has a place in a page: the sanitizers see to it. */
static unsigned int use(unsigned int i)
{
	uint8_t *page = calloc(1, KM_PAGE_SIZE);
	unsigned int sum = 0;

	must(page);
	if (pages.kind[i] == KM_KIND_DELTA)
		km_delta_apply(page, pages.content[i], pages.delta_bytes[i]);
	else if (pages.content[i])
		memcpy(page, pages.content[i], KM_PAGE_SIZE);
	for (unsigned int at = 0; at < KM_PAGE_SIZE; at++)
		sum += page[at];
	free(page);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct km_unpacker *u = km_unpacker_new();
	struct km_ledger *l = km_ledger_new(1);
	struct km_err err = { 0 };
	unsigned int sum = 0;

	if (!u || !l || km_ledger_add_block(l, "a", BLOCK0 * KM_PAGE_SIZE) ||
	    km_ledger_add_block(l, "b", BLOCK1 * KM_PAGE_SIZE) != 1)
		abort();
	if (km_unpacker_parse(u, data, len, l, &pages, &err)) {
		must(err.text[0]);
	} else {
		fuzz_accepted++;
		must(pages.n >= 1 && pages.n <= KM_WIRE_PAGES_MAX && pages.block < 2);
		for (unsigned int i = 0; i < pages.n; i++) {
			must(pages.index[i] < (pages.block ? BLOCK1 : BLOCK0));
			must(pages.kind[i] < KM_KINDS);
			must(!pages.content[i] == (pages.kind[i] == KM_KIND_ZERO));
			sum += use(i);
		}
		must(sum < KM_WIRE_PAGES_MAX * KM_PAGE_SIZE * 256u);
	}
	km_unpacker_free(u);
	km_ledger_free(l);
	return 0;
}
