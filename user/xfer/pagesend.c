// SPDX-License-Identifier: GPL-2.0
#include "pagesend.h"

#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "dense.h"
#include "differ.h"
#include "fault.h"
#include "pagezero.h"
#include "sockstat.h"
#include "worth.h"

/* A look at the socket takes its lock: not at each of many small messages. */
#define LOOK_NS 500000
/* One page of so many. */
#define FEW	8

struct km_pagesend {
	struct km_pagesend_setup o;
	struct km_packer *packer;
	struct km_differ *differ; /* NULL: no deltas */
	struct km_worth worth;
	struct km_pages pages;
	bool dense[KM_WIRE_PAGES_MAX];
	struct km_stamp sent; /* when the last message was written */
	uint64_t idle_ns, looked_ns;
};

struct km_pagesend *km_pagesend_new(const struct km_pagesend_setup *setup)
{
	struct km_pagesend *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->o = *setup;
	s->packer = km_packer_new();
	/* Too little memory for deltas is a reason to do without. */
	if (s->packer)
		s->differ = km_differ_new(setup->delta_bytes, setup->blocks);
	if (s->packer)
		return s;
	free(s);
	return NULL;
}

void km_pagesend_free(struct km_pagesend *s)
{
	if (!s)
		return;
	km_packer_free(s->packer);
	km_differ_free(s->differ);
	free(s);
}

static void lay_out(struct km_pages *p, const struct km_taken *pages, unsigned int n,
		    const uint8_t *const *content)
{
	p->block = pages[0].page.block;
	p->n = n;
	for (unsigned int i = 0; i < n; i++) {
		p->index[i] = pages[i].page.index;
		p->hot[i] = pages[i].hot;
		p->content[i] = content[i];
		p->kind[i] = !content[i] || km_page_is_zero(content[i]) ? KM_KIND_ZERO :
									  KM_KIND_RAW;
	}
}

/* A delta must be clearly less than what the page would take otherwise. */
static void make_deltas(struct km_pagesend *s)
{
	size_t max = km_worth_page_bytes(&s->worth) / 4 * 3;

	if (s->differ)
		km_differ_see(s->differ, &s->pages, s->o.takes_deltas[s->pages.block], max);
}

/* Which pages are to be packed, and how; r says how many. */
static struct km_worth_plan choose(struct km_pagesend *s, struct km_worth_result *r)
{
	struct km_worth_plan plan = { .level = KM_WORTH_RAW };
	struct km_pages *p = &s->pages;
	unsigned int light = 0, dense = 0;

	if (!km_worth_possible(&s->worth))
		return plan;
	for (unsigned int i = 0; i < p->n; i++) {
		if (p->kind[i] != KM_KIND_RAW)
			continue;
		s->dense[i] = km_page_dense(p->content[i]);
		*(s->dense[i] ? &dense : &light) += 1;
	}
	plan = km_worth_choose(&s->worth, light, dense);
	if (plan.level == KM_WORTH_RAW)
		return plan;
	r->light = light;
	r->dense = plan.dense ? dense : 0;
	for (unsigned int i = 0; i < p->n; i++)
		if (p->kind[i] == KM_KIND_RAW && (plan.dense || !s->dense[i]))
			p->kind[i] = KM_KIND_PACKED;
	return plan;
}

/* Returns the bytes of the frame. */
static size_t pack(struct km_pagesend *s)
{
	struct km_stamp from = km_stamp_now(), begun, to;
	struct km_worth_result r = { 0 };
	struct km_worth_plan plan;
	size_t n;

	make_deltas(s);
	plan = choose(s, &r);
	begun = km_stamp_now();
	n = km_packer_pack(s->packer, &s->pages, km_worth_zstd_level(plan.level));
	to = km_stamp_now();
	r.bytes = n ? n : (r.light + r.dense) * (uint64_t)KM_PAGE_SIZE;
	r.cpu_ns = to.cpu_ns - begun.cpu_ns;
	r.wall_ns = to.wall_ns - begun.wall_ns;
	km_worth_packed(&s->worth, plan, &r);
	atomic_fetch_add(&s->o.counts->codec_ns, to.cpu_ns - from.cpu_ns);
	return n;
}

/* Before a message is written. */
static void look(struct km_pagesend *s)
{
	uint64_t now = km_now_ns();
	struct km_sockstat st;

	if (now - s->looked_ns < LOOK_NS)
		return;
	st = km_sockstat(s->o.conn->fd);
	s->looked_ns = now;
	km_worth_see(&s->worth, &(struct km_worth_look){ .now_ns = now,
							 .idle_ns = s->idle_ns,
							 .carried_bytes = st.carried_bytes,
							 .queued = st.queued });
}

/* Between two messages nothing but waiting for pages lets the thread sleep. */
static void see_idle(struct km_pagesend *s)
{
	struct km_stamp now = km_stamp_now();
	uint64_t wall = now.wall_ns - s->sent.wall_ns, cpu = now.cpu_ns - s->sent.cpu_ns;

	if (s->sent.wall_ns && wall > cpu)
		s->idle_ns += wall - cpu;
}

static void tally(struct km_pagesend *s, size_t frame_bytes)
{
	struct km_pagesend_counts *c = s->o.counts;
	const struct km_pages *p = &s->pages;
	const unsigned int *n = p->count;
	uint64_t deltas = n[KM_KIND_DELTA] * (uint64_t)KM_PACK_DELTA_HEAD;

	for (int k = 0; k < KM_KINDS; k++)
		atomic_fetch_add(&c->pages[k], n[k]);
	atomic_fetch_add(&c->bytes[KM_KIND_RAW], (uint64_t)n[KM_KIND_RAW] * KM_PAGE_SIZE);
	atomic_fetch_add(&c->bytes[KM_KIND_PACKED], frame_bytes);
	for (unsigned int i = 0; i < p->n; i++)
		deltas += p->kind[i] == KM_KIND_DELTA ? p->delta_bytes[i] : 0;
	atomic_fetch_add(&c->bytes[KM_KIND_DELTA], deltas);
}

int km_pagesend(struct km_pagesend *s, uint64_t seq, const struct km_taken *pages, unsigned int n,
		const uint8_t *const *content, struct km_err *err)
{
	const uint8_t *msg;
	size_t len, frame_bytes;
	int rc;

	see_idle(s);
	lay_out(&s->pages, pages, n, content);
	frame_bytes = pack(s);
	len = km_packer_build(s->packer, &s->pages, &msg);
	if (s->pages.count[KM_KIND_DELTA])
		km_fault("delta");
	look(s);
	rc = km_send(s->o.conn, KM_OP_PAGES, seq, msg, len, err);
	s->sent = km_stamp_now();
	if (!rc)
		tally(s, frame_bytes);
	return rc;
}
