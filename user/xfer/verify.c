// SPDX-License-Identifier: GPL-2.0
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "bytes.h"

void km_verifier_init(struct km_verifier *v, const struct km_ledger *blocks,
		      struct km_guestmem *mem)
{
	memset(v, 0, sizeof(*v));
	v->blocks = blocks;
	v->mem = mem;
}

static bool reachable(struct km_guestmem *mem, uint32_t block)
{
	enum km_reach r = km_guestmem_reach(mem, block);

	return r == KM_REACH_MAP || r == KM_REACH_VM;
}

static int hash_page(struct km_guestmem *mem, uint32_t block, uint64_t index, uint64_t *hash)
{
	uint8_t page[KM_PAGE_SIZE];
	int rc = km_guestmem_read(mem, block, &index, 1, page, NULL);

	*hash = rc ? 0 : XXH3_64bits(page, sizeof(page));
	return rc;
}

ssize_t km_verifier_build(struct km_guestmem *mem, const struct km_ledger *blocks, uint32_t block,
			  uint64_t first, uint8_t *buf, uint64_t *n)
{
	uint64_t left = km_ledger_block_pages(blocks, block) - first, hash;

	*n = left < KM_VERIFY_PAGES ? left : KM_VERIFY_PAGES;
	if (!reachable(mem, block))
		return 0;
	km_put_le32(buf, block);
	km_put_le32(buf + 4, (uint32_t)*n);
	km_put_le64(buf + 8, first);
	for (uint64_t i = 0; i < *n; i++) {
		int rc = hash_page(mem, block, first + i, &hash);

		if (rc)
			return rc;
		km_put_le64(buf + 16 + 8 * i, hash);
	}
	return (ssize_t)(16 + 8 * *n);
}

static int read_hash(const struct km_verifier *v, uint32_t block, uint64_t index, uint64_t *hash,
		     struct km_err *err)
{
	return hash_page(v->mem, block, index, hash) ?
		       km_err_set(err, -EFAULT, "reading the destination's memory failed") :
		       0;
}

/* Where in `before` a block begins. */
static uint64_t base(const struct km_verifier *v, uint32_t block)
{
	uint64_t n = 0;

	while (block--)
		n += km_ledger_block_pages(v->blocks, block);
	return n;
}

int km_verifier_look(struct km_verifier *v, struct km_err *err)
{
	uint32_t nblocks = km_ledger_blocks(v->blocks);
	uint64_t at = 0;
	int rc = 0;

	free(v->before);
	v->before = calloc(base(v, nblocks), sizeof(*v->before));
	if (!v->before)
		return km_err_set(err, -ENOMEM, "out of memory for the pages' hashes");
	for (uint32_t b = 0; b < nblocks; b++) {
		uint64_t pages = km_ledger_block_pages(v->blocks, b);

		for (uint64_t i = 0; !rc && reachable(v->mem, b) && i < pages; i++)
			rc = read_hash(v, b, i, &v->before[at + i], err);
		at += pages;
	}
	return rc;
}

static void differs(struct km_verifier *v, uint32_t block, uint64_t index, bool was_right)
{
	bool first = was_right ? !v->differing : v->differing == v->allowed;

	if (first)
		snprintf(v->first, sizeof(v->first), "%.80s+%#llx",
			 km_ledger_block_name(v->blocks, block),
			 (unsigned long long)index << KM_PAGE_SHIFT);
	v->allowed += was_right;
	v->differing++;
}

int km_verifier_check(struct km_verifier *v, const uint8_t *buf, size_t len, struct km_err *err)
{
	uint64_t first, hash, wanted;
	const uint64_t *before;
	uint32_t block, n;
	int rc;

	if (len < 16)
		return km_err_set(err, -EPROTO, "VERIFY of %zu bytes", len);
	block = km_get_le32(buf);
	n = km_get_le32(buf + 4);
	first = km_get_le64(buf + 8);
	if (block >= km_ledger_blocks(v->blocks) || n > KM_VERIFY_PAGES ||
	    len != 16 + 8 * (size_t)n || first > km_ledger_block_pages(v->blocks, block) ||
	    n > km_ledger_block_pages(v->blocks, block) - first)
		return km_err_set(err, -EPROTO, "VERIFY of %u pages of block %u", n, block);
	if (!reachable(v->mem, block)) {
		v->unseen += n;
		return 0;
	}
	before = v->before ? v->before + base(v, block) + first : NULL;
	for (uint32_t i = 0; i < n; i++) {
		rc = read_hash(v, block, first + i, &hash, err);
		if (rc)
			return rc;
		v->pages++;
		wanted = km_get_le64(buf + 16 + 8 * (size_t)i);
		if (hash != wanted)
			differs(v, block, first + i, before && before[i] == wanted);
	}
	return 0;
}

void km_verifier_free(struct km_verifier *v)
{
	free(v->before);
	v->before = NULL;
}

json_t *km_verifier_json(const struct km_verifier *v)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:s}", "pages", (json_int_t)v->pages, "differing",
			 (json_int_t)v->differing, "allowed", (json_int_t)v->allowed, "unseen",
			 (json_int_t)v->unseen, "first", v->first);
}
