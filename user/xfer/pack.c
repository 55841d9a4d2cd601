// SPDX-License-Identifier: GPL-2.0
#include "pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include "bytes.h"

#define KIND_BITS 2
#define KIND_MASK ((1u << KIND_BITS) - 1)
#define HEAD	  8

struct km_packer {
	ZSTD_CCtx *zstd;
	size_t frame_bytes; /* of the message in hand */
	uint8_t plain[KM_PACK_CONTENT_MAX];
	uint8_t msg[KM_PACK_BYTES_MAX];
};

struct km_unpacker {
	ZSTD_DCtx *zstd;
	uint8_t plain[KM_PACK_CONTENT_MAX];
};

struct km_packer *km_packer_new(void)
{
	struct km_packer *k = malloc(sizeof(*k));

	if (!k)
		return NULL;
	k->zstd = ZSTD_createCCtx();
	if (!k->zstd) {
		free(k);
		return NULL;
	}
	return k;
}

void km_packer_free(struct km_packer *k)
{
	if (k)
		ZSTD_freeCCtx(k->zstd);
	free(k);
}

static void count(struct km_pages *p)
{
	memset(p->count, 0, sizeof(p->count));
	for (unsigned int i = 0; i < p->n; i++)
		p->count[p->kind[i]]++;
}

/* Where the frame begins. */
static size_t frame_at(const struct km_pages *p)
{
	return HEAD + 8 * (size_t)p->n + p->count[KM_KIND_RAW] * (size_t)KM_PAGE_SIZE;
}

static size_t compress(struct km_packer *k, uint8_t *to, size_t n, int level)
{
	/* zstd gives up when it comes to this. */
	size_t max = (size_t)((double)n * KM_PACK_RATIO_MAX);
	size_t got = ZSTD_CCtx_setParameter(k->zstd, ZSTD_c_compressionLevel, level);

	if (!ZSTD_isError(got))
		got = ZSTD_compress2(k->zstd, to, max, k->plain, n);
	return ZSTD_isError(got) ? 0 : got;
}

size_t km_packer_pack(struct km_packer *k, struct km_pages *p, int level)
{
	size_t n = 0;

	count(p);
	k->frame_bytes = 0;
	if (!p->count[KM_KIND_PACKED])
		return 0;
	for (unsigned int i = 0; i < p->n; i++) {
		if (p->kind[i] != KM_KIND_PACKED)
			continue;
		memcpy(k->plain + n, p->content[i], KM_PAGE_SIZE);
		n += KM_PAGE_SIZE;
	}
	k->frame_bytes = compress(k, k->msg + frame_at(p), n, level);
	for (unsigned int i = 0; !k->frame_bytes && i < p->n; i++)
		if (p->kind[i] == KM_KIND_PACKED)
			p->kind[i] = KM_KIND_RAW;
	return k->frame_bytes;
}

size_t km_packer_build(struct km_packer *k, struct km_pages *p, const uint8_t **msg)
{
	uint8_t *at = k->msg + HEAD + 8 * (size_t)p->n;

	count(p);
	km_put_le32(k->msg, p->block);
	km_put_le32(k->msg + 4, p->n);
	for (unsigned int i = 0; i < p->n; i++) {
		km_put_le64(k->msg + HEAD + 8 * i, p->index[i] << KIND_BITS | p->kind[i]);
		if (p->kind[i] != KM_KIND_RAW)
			continue;
		memcpy(at, p->content[i], KM_PAGE_SIZE);
		at += KM_PAGE_SIZE;
	}
	*msg = k->msg;
	return frame_at(p) + k->frame_bytes;
}

struct km_unpacker *km_unpacker_new(void)
{
	struct km_unpacker *u = malloc(sizeof(*u));

	if (!u)
		return NULL;
	u->zstd = ZSTD_createDCtx();
	if (!u->zstd) {
		free(u);
		return NULL;
	}
	return u;
}

void km_unpacker_free(struct km_unpacker *u)
{
	if (u)
		ZSTD_freeDCtx(u->zstd);
	free(u);
}

static int parse_names(const uint8_t *buf, size_t len, const struct km_ledger *blocks,
		       struct km_pages *p, struct km_err *err)
{
	uint64_t pages;

	if (len < HEAD)
		return km_err_set(err, -EPROTO, "PAGES message of %zu bytes", len);
	p->block = km_get_le32(buf);
	p->n = km_get_le32(buf + 4);
	if (!p->n || p->n > KM_WIRE_PAGES_MAX || p->block >= km_ledger_blocks(blocks))
		return km_err_set(err, -EPROTO, "PAGES message: %u pages of block %u", p->n,
				  p->block);
	if (len < HEAD + 8 * (size_t)p->n)
		return km_err_set(err, -EPROTO, "PAGES message of %zu bytes", len);
	pages = km_ledger_block_pages(blocks, p->block);
	for (unsigned int i = 0; i < p->n; i++) {
		uint64_t v = km_get_le64(buf + HEAD + 8 * i);

		p->kind[i] = v & KIND_MASK;
		p->index[i] = v >> KIND_BITS;
		if (p->kind[i] >= KM_KINDS)
			return km_err_set(err, -EPROTO, "PAGES message: a page of kind %u",
					  p->kind[i]);
		if (p->index[i] >= pages)
			return km_err_set(err, -ERANGE, "page %#llx is outside of block %s",
					  (unsigned long long)p->index[i],
					  km_ledger_block_name(blocks, p->block));
	}
	count(p);
	return 0;
}

static int unpack(struct km_unpacker *u, const uint8_t *frame, size_t len, size_t want,
		  struct km_err *err)
{
	size_t got;

	/* The magic number first: legacy formats and skippable frames have others. */
	if (len < 4 || km_get_le32(frame) != ZSTD_MAGICNUMBER)
		return km_err_set(err, -EPROTO, "PAGES message: %zu bytes that are no zstd frame",
				  len);
	if (ZSTD_getFrameContentSize(frame, len) != want ||
	    ZSTD_findFrameCompressedSize(frame, len) != len)
		return km_err_set(err, -EPROTO,
				  "PAGES message: a zstd frame that isn't of %zu bytes", want);
	got = ZSTD_decompressDCtx(u->zstd, u->plain, want, frame, len);
	if (ZSTD_isError(got) || got != want)
		return km_err_set(err, -EPROTO, "PAGES message: a bad zstd frame: %s",
				  ZSTD_isError(got) ? ZSTD_getErrorName(got) : "wrong size");
	return 0;
}

int km_unpacker_parse(struct km_unpacker *u, const uint8_t *buf, size_t len,
		      const struct km_ledger *blocks, struct km_pages *p, struct km_err *err)
{
	const uint8_t *raw, *packed;
	size_t head, want;
	int rc = parse_names(buf, len, blocks, p, err);

	if (rc)
		return rc;
	head = frame_at(p);
	want = p->count[KM_KIND_PACKED] * (size_t)KM_PAGE_SIZE;
	if (len < head || (!want && len != head))
		return km_err_set(err, -EPROTO, "PAGES message: %zu bytes for %u raw pages", len,
				  p->count[KM_KIND_RAW]);
	if (want)
		rc = unpack(u, buf + head, len - head, want, err);
	if (rc)
		return rc;
	raw = buf + HEAD + 8 * (size_t)p->n;
	packed = u->plain;
	for (unsigned int i = 0; i < p->n; i++) {
		const uint8_t **next = p->kind[i] == KM_KIND_RAW ? &raw : &packed;

		p->content[i] = NULL;
		if (p->kind[i] == KM_KIND_ZERO)
			continue;
		p->content[i] = *next;
		*next += KM_PAGE_SIZE;
	}
	return 0;
}
