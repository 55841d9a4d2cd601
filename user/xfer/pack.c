// SPDX-License-Identifier: GPL-2.0
#include "pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zstd.h>
#include "bytes.h"
#include "delta.h"

#define KIND_BITS 2
#define KIND_MASK ((1u << KIND_BITS) - 1)
_Static_assert(KM_KINDS == KIND_MASK + 1, "each value of the bits is a kind");
#define HEAD 8

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

uint32_t km_page_sum(const uint8_t *page)
{
	return (uint32_t)XXH3_64bits(page, KM_PAGE_SIZE);
}

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

/* Where the raw pages end. */
static size_t raw_end(const struct km_pages *p)
{
	return HEAD + 8 * (size_t)p->n + p->count[KM_KIND_RAW] * (size_t)KM_PAGE_SIZE;
}

/* Where the frame begins. */
static size_t frame_at(const struct km_pages *p)
{
	size_t at = raw_end(p);

	for (unsigned int i = 0; i < p->n; i++)
		if (p->kind[i] == KM_KIND_DELTA)
			at += KM_PACK_DELTA_HEAD + (size_t)p->delta_bytes[i];
	return at;
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

static uint8_t *put(uint8_t *at, const void *from, size_t n)
{
	memcpy(at, from, n);
	return at + n;
}

size_t km_packer_build(struct km_packer *k, struct km_pages *p, const uint8_t **msg)
{
	uint8_t *raw = k->msg + HEAD + 8 * (size_t)p->n, *delta;

	count(p);
	delta = k->msg + raw_end(p);
	km_put_le32(k->msg, p->block);
	km_put_le32(k->msg + 4, p->n);
	for (unsigned int i = 0; i < p->n; i++) {
		km_put_le64(k->msg + HEAD + 8 * i, p->index[i] << KIND_BITS | p->kind[i]);
		if (p->kind[i] == KM_KIND_RAW)
			raw = put(raw, p->content[i], KM_PAGE_SIZE);
		if (p->kind[i] != KM_KIND_DELTA)
			continue;
		km_put_le32(delta, p->base[i]);
		km_put_le16(delta + 4, p->delta_bytes[i]);
		delta = put(delta + KM_PACK_DELTA_HEAD, p->content[i], p->delta_bytes[i]);
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

/* Moves *at behind the deltas. */
static int take_deltas(const uint8_t **at, const uint8_t *end, struct km_pages *p,
		       struct km_err *err)
{
	for (unsigned int i = 0; i < p->n; i++) {
		if (p->kind[i] != KM_KIND_DELTA)
			continue;
		if ((size_t)(end - *at) < KM_PACK_DELTA_HEAD)
			return km_err_set(err, -EPROTO, "PAGES message: it ends within a delta");
		p->base[i] = km_get_le32(*at);
		p->delta_bytes[i] = km_get_le16(*at + 4);
		p->content[i] = *at + KM_PACK_DELTA_HEAD;
		*at += KM_PACK_DELTA_HEAD;
		if (p->delta_bytes[i] > (size_t)(end - *at) ||
		    !km_delta_valid(*at, p->delta_bytes[i]))
			return km_err_set(err, -EPROTO, "PAGES message: a bad delta of %u bytes",
					  p->delta_bytes[i]);
		*at += p->delta_bytes[i];
	}
	return 0;
}

static void take_pages(struct km_pages *p, enum km_kind kind, const uint8_t *content)
{
	for (unsigned int i = 0; i < p->n; i++) {
		if (p->kind[i] != kind)
			continue;
		p->content[i] = content;
		content += KM_PAGE_SIZE;
	}
}

int km_unpacker_parse(struct km_unpacker *u, const uint8_t *buf, size_t len,
		      const struct km_ledger *blocks, struct km_pages *p, struct km_err *err)
{
	const uint8_t *at, *end = buf + len;
	size_t want;
	int rc = parse_names(buf, len, blocks, p, err);

	if (rc)
		return rc;
	if (len < raw_end(p))
		return km_err_set(err, -EPROTO, "PAGES message: %zu bytes for %u raw pages", len,
				  p->count[KM_KIND_RAW]);
	memset(p->content, 0, sizeof(p->content));
	take_pages(p, KM_KIND_RAW, buf + HEAD + 8 * (size_t)p->n);
	at = buf + raw_end(p);
	rc = take_deltas(&at, end, p, err);
	if (rc)
		return rc;
	want = p->count[KM_KIND_PACKED] * (size_t)KM_PAGE_SIZE;
	if (want)
		rc = unpack(u, at, (size_t)(end - at), want, err);
	else if (at != end)
		rc = km_err_set(err, -EPROTO, "PAGES message: %zu bytes too many",
				(size_t)(end - at));
	if (!rc)
		take_pages(p, KM_KIND_PACKED, u->plain);
	return rc;
}
