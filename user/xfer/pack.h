/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The payload of a PAGES message: pages of one block, each of a kind.  Pure.
 *
 *   le32 block, le32 n (1..KM_WIRE_PAGES_MAX), n le64 (page index << 2 | kind)
 *   the raw pages' content, in that order
 *   a record for each delta, in that order: le32 km_page_sum() of what the destination holds,
 *     le16 bytes that follow (0..KM_PAGE_SIZE), those bytes (delta.h)
 *   the packed pages' content, in that order, as one zstd frame (RFC 8878), which ends the message
 *
 * Zero pages are their names alone.  Packed pages share one frame, since pages of a guest are
 * alike: 128 together take a tenth less than 16 times 8 do.
 *
 * I6: zstd gets to see nothing but one frame of its current format (older ones have decoders that
 * allocate what the frame says) that says, and has, the size of the packed pages; it decompresses
 * in one go, into memory that was there before.
 */
#ifndef KM_PACK_H
#define KM_PACK_H

#include "wire.h"

enum km_kind { KM_KIND_ZERO, KM_KIND_RAW, KM_KIND_PACKED, KM_KIND_DELTA, KM_KINDS };

#define KM_PACK_CONTENT_MAX ((size_t)KM_WIRE_PAGES_MAX * KM_PAGE_SIZE)
#define KM_PACK_DELTA_HEAD  6
#define KM_PACK_BYTES_MAX \
	(8 + (8 + KM_PACK_DELTA_HEAD) * (size_t)KM_WIRE_PAGES_MAX + KM_PACK_CONTENT_MAX)

/* A frame that is not smaller than this of its pages is not worth unpacking. */
#define KM_PACK_RATIO_MAX 0.95

/* The pages of a message. Of a stream's or of one thread's; large. */
struct km_pages {
	uint32_t block;
	unsigned int n;
	unsigned int count[KM_KINDS];
	uint64_t index[KM_WIRE_PAGES_MAX];
	bool hot[KM_WIRE_PAGES_MAX];		   /* by the source's ledger; not sent */
	uint8_t kind[KM_WIRE_PAGES_MAX];	   /* enum km_kind */
	const uint8_t *content[KM_WIRE_PAGES_MAX]; /* not of zero pages; of a delta the delta */
	uint16_t delta_bytes[KM_WIRE_PAGES_MAX];   /* of deltas, as are these: */
	uint32_t base[KM_WIRE_PAGES_MAX];	   /* km_page_sum() of what they change */
};

/* What tells whether a delta fits. It guards against mistakes, not against forgery: the source
 * could send any content anyhow. */
uint32_t km_page_sum(const uint8_t *page);

/* One a stream, used by one thread. */
struct km_packer;
struct km_packer *km_packer_new(void); /* NULL: out of memory */
void km_packer_free(struct km_packer *p);

/* First step: the packed pages' frame; level is zstd's.  Returns its bytes.  0: there are none, or
 * they don't shrink and are raw ones now. */
size_t km_packer_pack(struct km_packer *k, struct km_pages *p, int level);
/* Second step: the message, which is the packer's until the next one.  Returns its bytes; counts
 * p->count. */
size_t km_packer_build(struct km_packer *k, struct km_pages *p, const uint8_t **msg);

struct km_unpacker;
struct km_unpacker *km_unpacker_new(void);
void km_unpacker_free(struct km_unpacker *u);

/* Checks a message and takes it apart.  Block and indices are those of `blocks`; p->content
 * points into buf and into the unpacker, until its next message. */
int km_unpacker_parse(struct km_unpacker *u, const uint8_t *buf, size_t len,
		      const struct km_ledger *blocks, struct km_pages *p, struct km_err *err);

#endif
