// SPDX-License-Identifier: GPL-2.0
#include "pagesend.h"

#include <stdlib.h>
#include <string.h>

struct km_pagesend {
	struct km_conn *conn;
	struct km_pagesend_counts *counts;
	struct km_packer *packer;
	struct km_pages pages;
};

struct km_pagesend *km_pagesend_new(struct km_conn *conn, struct km_pagesend_counts *counts)
{
	struct km_pagesend *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->conn = conn;
	s->counts = counts;
	s->packer = km_packer_new();
	if (s->packer)
		return s;
	free(s);
	return NULL;
}

void km_pagesend_free(struct km_pagesend *s)
{
	if (s)
		km_packer_free(s->packer);
	free(s);
}

static bool is_zero(const uint8_t *page)
{
	/* A page equals itself shifted by 8 bytes only when all its words are
	 * the same. */
	static const uint8_t zero[8];

	return !memcmp(page, zero, 8) && !memcmp(page, page + 8, KM_PAGE_SIZE - 8);
}

static void lay_out(struct km_pages *p, uint32_t block, unsigned int n, const uint64_t *index,
		    const uint8_t *content)
{
	p->block = block;
	p->n = n;
	memcpy(p->index, index, n * sizeof(*index));
	for (unsigned int i = 0; i < n; i++) {
		p->content[i] = content + (size_t)i * KM_PAGE_SIZE;
		p->kind[i] = is_zero(p->content[i]) ? KM_KIND_ZERO : KM_KIND_RAW;
	}
}

static void tally(struct km_pagesend *s, size_t frame_bytes)
{
	struct km_pagesend_counts *c = s->counts;
	const unsigned int *n = s->pages.count;

	for (int k = 0; k < KM_KINDS; k++)
		atomic_fetch_add(&c->pages[k], n[k]);
	atomic_fetch_add(&c->bytes[KM_KIND_RAW], (uint64_t)n[KM_KIND_RAW] * KM_PAGE_SIZE);
	atomic_fetch_add(&c->bytes[KM_KIND_PACKED], frame_bytes);
}

int km_pagesend(struct km_pagesend *s, uint64_t seq, uint32_t block, unsigned int n,
		const uint64_t *index, const uint8_t *content, struct km_err *err)
{
	const uint8_t *msg;
	size_t len, frame_bytes;
	int rc;

	lay_out(&s->pages, block, n, index, content);
	len = km_packer_build(s->packer, &s->pages, 1, &msg, &frame_bytes);
	rc = km_send(s->conn, KM_OP_PAGES, seq, msg, len, err);
	if (!rc)
		tally(s, frame_bytes);
	return rc;
}
