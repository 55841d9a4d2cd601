// SPDX-License-Identifier: GPL-2.0
/* PAGES messages, with their zstd frames: as from a peer whose checksums are right. */
#include "fuzz.h"
#include "xfer/pack.h"

#define BLOCK0 300 /* pages */
#define BLOCK1 9

static struct km_pages pages;

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const uint8_t kinds[][4] = {
		{ KM_KIND_ZERO, KM_KIND_RAW, KM_KIND_ZERO, KM_KIND_RAW },
		{ KM_KIND_PACKED, KM_KIND_PACKED, KM_KIND_PACKED, KM_KIND_PACKED },
		{ KM_KIND_RAW, KM_KIND_PACKED, KM_KIND_ZERO, KM_KIND_PACKED },
		{ KM_KIND_PACKED, KM_KIND_PACKED, KM_KIND_ZERO, KM_KIND_RAW },
	};
	static uint8_t content[8][KM_PAGE_SIZE];
	struct km_packer *k;
	size_t len;
	const uint8_t *msg;

	if (i >= 8)
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
	}
	km_packer_pack(k, &pages, i & 1 ? 1 : -3);
	len = km_packer_build(k, &pages, &msg);
	memcpy(buf, msg, len);
	km_packer_free(k);
	return len;
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
			/* Every byte is there: the sanitizers see to it. */
			for (unsigned int at = 0; pages.content[i] && at < KM_PAGE_SIZE; at++)
				sum += pages.content[i][at];
		}
		must(sum < KM_WIRE_PAGES_MAX * KM_PAGE_SIZE * 256u);
	}
	km_unpacker_free(u);
	km_ledger_free(l);
	return 0;
}
