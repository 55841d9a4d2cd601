// SPDX-License-Identifier: GPL-2.0
#include "survey.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include "ctl/qmp.h"
#include "ctl/ramblocks.h"
#include "xfer/clock.h"
#include "xfer/delta.h"
#include "xfer/dense.h"
#include "xfer/guestmem.h"

#define QMP_MS	     5000
#define PARTS	     (KM_REH_REGIONS_MAX / 2)
#define PART_SAMPLES 32
#define ZSTD_LEVEL   1 /* the middle one of worth.c's */

struct sample {
	uint64_t index;
	unsigned int changes; /* intervals in which it changed */
	uint8_t last[KM_PAGE_SIZE], now[KM_PAGE_SIZE];
};

struct part {
	uint32_t block;
	uint64_t first; /* page */
	struct km_fit_part *seen;
	double delta_sum;
	struct sample sample[PART_SAMPLES];
};

struct survey {
	struct km_ledger *blocks;
	struct km_guestmem *mem;
	struct km_blocks where;
	struct part *part;
	struct km_fit_part *seen; /* of each part */
	unsigned int parts;
	double began_ms, last_ms; /* of the looks */
	uint8_t buf[PART_SAMPLES * KM_PAGE_SIZE];
	uint8_t packed[ZSTD_COMPRESSBOUND(PART_SAMPLES * KM_PAGE_SIZE)];
};

static const uint8_t zeros[KM_PAGE_SIZE];

/* Parts of equal size, none over two blocks; in each the samples by strata. */
static void lay_out(struct survey *y, uint64_t all)
{
	uint64_t size = all / (PARTS - km_ledger_blocks(y->blocks)) + 1;

	for (uint32_t b = 0; b < km_ledger_blocks(y->blocks); b++) {
		uint64_t pages = km_ledger_block_pages(y->blocks, b);

		for (uint64_t at = 0; at < pages && y->parts < PARTS; at += size) {
			struct part *p = &y->part[y->parts++];
			uint64_t n = pages - at < size ? pages - at : size;

			p->seen = &y->seen[y->parts - 1];
			p->block = b;
			p->first = at;
			p->seen->pages = n;
			p->seen->samples = n < PART_SAMPLES ? (unsigned int)n : PART_SAMPLES;
			for (unsigned int i = 0; i < p->seen->samples; i++) {
				uint64_t from = n * i / p->seen->samples;
				uint64_t to = n * (i + 1) / p->seen->samples;

				p->sample[i].index = at + from + (uint64_t)random() % (to - from);
			}
		}
	}
}

/* Into `now`, and what was there into `last`. */
static int read_part(struct survey *y, struct part *p, struct km_err *err)
{
	uint64_t index[PART_SAMPLES];
	int rc;

	for (unsigned int i = 0; i < p->seen->samples; i++)
		index[i] = p->sample[i].index;
	rc = km_guestmem_read(y->mem, p->block, index, p->seen->samples, y->buf, err);
	for (unsigned int i = 0; !rc && i < p->seen->samples; i++) {
		memcpy(p->sample[i].last, p->sample[i].now, KM_PAGE_SIZE);
		memcpy(p->sample[i].now, y->buf + (size_t)i * KM_PAGE_SIZE, KM_PAGE_SIZE);
	}
	return rc;
}

static void measure(struct part *p, const struct sample *s)
{
	uint8_t delta[KM_PAGE_SIZE];
	size_t n = km_delta_build(s->last, s->now, delta, KM_PAGE_SIZE);

	p->seen->deltas++;
	p->delta_sum += n == KM_DELTA_FULL ? KM_PAGE_SIZE : (double)n;
	p->seen->delta_bytes = p->delta_sum / p->seen->deltas;
}

static void compare(struct part *p, unsigned int look, double interval_s)
{
	struct km_fit_part *seen = p->seen;
	bool first = !seen->deltas;

	for (unsigned int i = 0; i < seen->samples; i++) {
		struct sample *s = &p->sample[i];

		if (!memcmp(s->last, s->now, KM_PAGE_SIZE))
			continue;
		s->changes++;
		seen->changed[look]++;
		seen->ever += s->changes == 1;
		seen->by_third += s->changes == 1 && look < 2;
		seen->twice += s->changes == 2;
		if (!first)
			continue;
		measure(p, s);
		seen->delta_s = interval_s;
	}
}

/* What is left of the part's light pages together, as they go in one message. */
static void weigh(struct survey *y, struct part *p)
{
	struct km_fit_part *seen = p->seen;
	unsigned int light = 0, dense = 0;
	size_t n;

	for (unsigned int i = 0; i < seen->samples; i++) {
		const uint8_t *page = p->sample[i].now;

		if (!memcmp(page, zeros, KM_PAGE_SIZE))
			seen->zero++;
		else if (km_page_dense(page))
			dense++;
		else
			memcpy(y->buf + (size_t)light++ * KM_PAGE_SIZE, page, KM_PAGE_SIZE);
	}
	seen->ratio = 1;
	if (!light || dense > light)
		return;
	n = ZSTD_compress(y->packed, sizeof(y->packed), y->buf, (size_t)light * KM_PAGE_SIZE,
			  ZSTD_LEVEL);
	if (!ZSTD_isError(n))
		seen->ratio = ((double)n / KM_PAGE_SIZE + dense) / (light + dense);
}

/* nr < 0: the first one. */
static int look(struct survey *y, int nr, struct km_err *err)
{
	double now_ms = km_now_ms();
	int rc = 0;

	for (unsigned int i = 0; !rc && i < y->parts; i++) {
		struct part *p = &y->part[i];
		enum km_reach reach = km_guestmem_reach(y->mem, p->block);

		if (reach == KM_REACH_NONE || reach == KM_REACH_SHADOW) {
			p->seen->samples = 0;
			continue;
		}
		rc = read_part(y, p, err);
		if (!rc && nr >= 0)
			compare(p, (unsigned int)nr, (now_ms - y->last_ms) / 1e3);
	}
	y->last_ms = now_ms;
	return rc;
}

static int wait_until(double ms, int stop_fd, struct km_err *err)
{
	struct pollfd p = { .fd = stop_fd, .events = POLLIN };
	double left;

	while ((left = ms - km_now_ms()) > 0)
		if (poll(&p, 1, (int)left + 1) > 0)
			return km_err_set(err, -ECANCELED, "cancelled");
	return 0;
}

static int all_looks(struct survey *y, double total_s, int stop_fd, struct km_err *err)
{
	int rc;

	y->began_ms = km_now_ms();
	rc = look(y, -1, err);
	for (int i = 0; !rc && i < KM_FIT_LOOKS; i++) {
		rc = wait_until(y->began_ms + 1e3 * km_fit_look_s((unsigned int)i, total_s),
				stop_fd, err);
		if (!rc)
			rc = look(y, i, err);
	}
	return rc;
}

/* The part that decides, in QEMU's words and the guest's. */
static void find_hot(const struct survey *y, struct km_survey *s)
{
	struct km_hot_part parts[PARTS];
	const struct km_hot_part *where = &s->hot.where;

	for (unsigned int i = 0; i < y->parts; i++)
		parts[i] = (struct km_hot_part){ y->part[i].block, y->part[i].first,
						 y->part[i].seen->pages };
	km_hot_find(&s->guest, parts, y->parts, &s->hot);
	s->hot_gpa = UINT64_MAX;
	snprintf(s->hot_block, sizeof(s->hot_block), "%.127s",
		 km_ledger_block_name(y->blocks, where->block));
	for (unsigned int i = 0; i < y->where.n; i++) {
		const struct km_block *b = &y->where.b[i];

		if (!strcmp(b->name, km_ledger_block_name(y->blocks, where->block)) &&
		    b->gpa != UINT64_MAX)
			s->hot_gpa = b->gpa + where->first * KM_PAGE_SIZE;
	}
}

static int conclude(struct survey *y, double total_s, struct km_survey *s, struct km_err *err)
{
	for (unsigned int i = 0; i < y->parts; i++) {
		struct part *p = &y->part[i];

		weigh(y, p);
		s->samples += p->seen->samples;
		s->pages += p->seen->pages;
		if (p->seen->samples)
			s->reachable_pages += p->seen->pages;
	}
	km_fit(y->seen, y->parts, total_s, &s->guest);
	find_hot(y, s);
	return s->samples ? 0 : km_err_set(err, -EACCES, "none of the guest's memory can be read");
}

/* Of each part one page that is as wanted, if there is one, until all have been asked or there are
 * enough. */
static void pick(const struct survey *y, bool dense, struct km_specimens *of)
{
	for (unsigned int i = 0; i < y->parts && of->n < KM_WIRE_PAGES_MAX; i++) {
		const struct part *p = &y->part[i];

		for (unsigned int k = 0; k < p->seen->samples; k++) {
			const uint8_t *page = p->sample[k].now;

			if (!memcmp(page, zeros, KM_PAGE_SIZE) || km_page_dense(page) != dense)
				continue;
			memcpy(of->page[of->n++], page, KM_PAGE_SIZE);
			break;
		}
	}
}

/* Of a guest that is all zeroes, pages that are made up. */
static void make_up(struct km_specimens *of)
{
	for (of->n = 0; of->n < KM_WIRE_PAGES_MAX; of->n++)
		for (unsigned int i = 0; i < KM_PAGE_SIZE; i++)
			of->page[of->n][i] = (uint8_t)random();
}

/* By a mapping of its own: a move, too, touches each page for the first time. */
static int calibrate(const struct km_vm *vm, const struct survey *y, double stream_bytes_per_s,
		     struct km_costs *c, struct km_err *err)
{
	struct km_specimens *of = calloc(1, sizeof(*of));
	struct km_guestmem *mem = NULL;
	int rc;

	if (!of)
		return km_err_set(err, -ENOMEM, "out of memory");
	pick(y, false, of);
	of->light = of->n;
	pick(y, true, of);
	if (!of->n)
		make_up(of);
	rc = km_guestmem_open(&mem, vm->pid, &y->where, y->blocks, KM_GUESTMEM_READ, err);
	if (!rc)
		rc = km_calibrate(mem, y->blocks, of, stream_bytes_per_s, c, err);
	km_guestmem_close(mem);
	free(of);
	return rc;
}

static int open_guest(const struct km_vm *vm, struct survey *y, struct km_err *err)
{
	struct km_qmp *q = NULL;
	uint64_t all = 0;
	int rc = km_qmp_open(&q, vm->qmp, QMP_MS, err);

	if (!rc)
		rc = km_ramblocks_read(q, vm->pid, &y->where, err);
	km_qmp_close(q);
	if (rc)
		return rc;
	y->blocks = km_ledger_new(1);
	y->part = calloc(PARTS, sizeof(*y->part));
	y->seen = calloc(PARTS, sizeof(*y->seen));
	if (!y->blocks || !y->part || !y->seen)
		return km_err_set(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < y->where.n; i++)
		if (km_ledger_add_block(y->blocks, y->where.b[i].name, y->where.b[i].used_bytes) >=
		    0)
			all += y->where.b[i].used_bytes / KM_PAGE_SIZE;
	rc = km_guestmem_open(&y->mem, vm->pid, &y->where, y->blocks, KM_GUESTMEM_READ, err);
	if (!rc)
		lay_out(y, all);
	return rc;
}

int km_survey(const struct km_vm *vm, double total_s, double stream_bytes_per_s, int stop_fd,
	      struct km_survey *s, struct km_err *err)
{
	struct survey *y = calloc(1, sizeof(*y));
	int rc;

	if (!y)
		return km_err_set(err, -ENOMEM, "out of memory");
	memset(s, 0, sizeof(*s));
	s->seconds = total_s;
	rc = open_guest(vm, y, err);
	if (!rc)
		rc = all_looks(y, total_s, stop_fd, err);
	if (!rc)
		rc = conclude(y, total_s, s, err);
	if (!rc)
		rc = calibrate(vm, y, stream_bytes_per_s, &s->costs, err);
	km_guestmem_close(y->mem);
	km_ledger_free(y->blocks);
	free(y->part);
	free(y->seen);
	free(y);
	return rc;
}
