// SPDX-License-Identifier: GPL-2.0
#include "calibrate.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "xfer/chooser.h"
#include "xfer/clock.h"
#include "xfer/creds.h"
#include "xfer/delta.h"
#include "xfer/frame.h"
#include "xfer/pack.h"
#include "xfer/pagezero.h"

#define RUNS	8 /* of KM_WIRE_PAGES_MAX pages, all over the guest */
#define TIMES	4
#define SLOWEST 2e6 /* bytes a second: a slower stream is waited for too long */

static const uint8_t secret[KM_SECRET_BYTES] = { 1 };

static double cpu_ns(void)
{
	return (double)km_stamp_now().cpu_ns;
}

/* ---- the guest's memory ---- */

struct reading {
	double first_ns, again_ns;
	unsigned int pages;
};

static int read_run(struct km_guestmem *mem, uint32_t block, uint64_t from, unsigned int n,
		    uint8_t *buf, struct reading *r, struct km_err *err)
{
	uint64_t index[KM_WIRE_PAGES_MAX];
	double t[3];
	int rc;

	for (unsigned int i = 0; i < n; i++)
		index[i] = from + i;
	t[0] = cpu_ns();
	rc = km_guestmem_read(mem, block, index, n, buf, err);
	t[1] = cpu_ns();
	if (!rc)
		rc = km_guestmem_read(mem, block, index, n, buf, err);
	t[2] = cpu_ns();
	r->first_ns += t[1] - t[0];
	r->again_ns += t[2] - t[1];
	r->pages += n;
	return rc;
}

static bool readable(const struct km_guestmem *mem, uint32_t block)
{
	return km_guestmem_reach(mem, block) == KM_REACH_MAP ||
	       km_guestmem_reach(mem, block) == KM_REACH_VM;
}

/* At each RUNS-th of what can be read a run, or as much of one as the block has. */
static int read_runs(struct km_guestmem *mem, const struct km_ledger *blocks, uint8_t *buf,
		     struct reading *r, struct km_err *err)
{
	uint64_t all = 0, before = 0;
	unsigned int run = 0;
	int rc = 0;

	for (uint32_t b = 0; b < km_ledger_blocks(blocks); b++)
		all += readable(mem, b) ? km_ledger_block_pages(blocks, b) : 0;
	for (uint32_t b = 0; !rc && b < km_ledger_blocks(blocks); b++) {
		uint64_t pages = km_ledger_block_pages(blocks, b);

		if (!readable(mem, b))
			continue;
		for (uint64_t at; !rc && run < RUNS && (at = all * run / RUNS) < before + pages;
		     run++) {
			uint64_t left = before + pages - at;

			rc = read_run(mem, b, at - before,
				      left < KM_WIRE_PAGES_MAX ? (unsigned int)left :
								 KM_WIRE_PAGES_MAX,
				      buf, r, err);
		}
		before += pages;
	}
	return rc;
}

static int measure_reading(struct km_guestmem *mem, const struct km_ledger *blocks,
			   const struct km_specimens *of, struct km_costs *c, uint8_t *buf,
			   struct km_err *err)
{
	struct reading r = { 0 };
	uint64_t low = 0;
	double from, sum;
	int rc = read_runs(mem, blocks, buf, &r, err);

	if (!rc && !r.pages)
		rc = km_err_set(err, -ENOTSUP, "none of the guest's memory can be read");
	if (rc)
		return rc;
	from = cpu_ns();
	for (unsigned int i = 0; i < of->n; i++)
		low ^= km_sum_of(secret, of->page[i]).low;
	sum = (cpu_ns() - from) / of->n + (low ? 0 : 1); /* which keeps the loop there */
	c->read_first = r.first_ns / r.pages + sum;
	c->read_again = r.again_ns / r.pages + sum;
	c->take_in = sum;
	return 0;
}

/* ---- QEMU's channel ---- */

struct channel {
	int fd[2];
	const uint8_t *content;
	double wrote_ns;
};

/* As multifd's: 128 pages at once. */
static void *channel_main(void *arg)
{
	struct channel *h = arg;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < TIMES; i++)
		rc = km_write_full(h->fd[0], h->content, KM_PACK_CONTENT_MAX);
	h->wrote_ns = cpu_ns();
	shutdown(h->fd[0], SHUT_WR);
	return NULL;
}

static int measure_channel(const uint8_t *content, uint8_t *to, struct km_costs *c,
			   struct km_err *err)
{
	struct channel h = { .content = content };
	pthread_t thread;
	double from;
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, h.fd))
		return km_err_set(err, -errno, "socketpair: %s", strerror(errno));
	rc = pthread_create(&thread, NULL, channel_main, &h);
	if (rc)
		rc = km_err_set(err, -rc, "cannot start a thread: %s", strerror(rc));
	from = cpu_ns();
	for (unsigned int i = 0; !rc && i < TIMES; i++)
		rc = km_read_full(h.fd[1], to, KM_PACK_CONTENT_MAX);
	c->take_in += (cpu_ns() - from) / TIMES / KM_WIRE_PAGES_MAX;
	shutdown(h.fd[1], SHUT_RDWR);
	pthread_join(thread, NULL);
	c->hand = h.wrote_ns / TIMES / KM_WIRE_PAGES_MAX;
	close(h.fd[0]);
	close(h.fd[1]);
	return rc;
}

/* ---- what is done with what was read ---- */

static int measure_ledger(struct km_costs *c, struct km_err *err)
{
	struct km_ledger *l = km_ledger_new(1);
	struct km_taken taken[KM_WIRE_PAGES_MAX];
	double from, pages = 16 * KM_WIRE_PAGES_MAX;
	unsigned int n;

	if (!l || km_ledger_add_block(l, "trial", (uint64_t)pages * KM_PAGE_SIZE) < 0) {
		km_ledger_free(l);
		return km_err_set(err, -ENOMEM, "out of memory");
	}
	from = cpu_ns();
	for (uint64_t i = 0; i < (uint64_t)pages; i++)
		km_ledger_list(l, (struct km_page){ 0, i }, 1);
	while ((n = km_ledger_take(l, 0, taken, KM_WIRE_PAGES_MAX))) {
		for (unsigned int i = 0; i < n; i++)
			km_ledger_set_sum(l, taken[i].page, (struct km_sum){ i, i });
		km_ledger_done(l, 0, n);
	}
	c->note = (cpu_ns() - from) / pages;
	km_ledger_free(l);
	return 0;
}

/* A page of which a little has changed. */
static void measure_delta(const struct km_specimens *of, struct km_costs *c, uint8_t *to)
{
	uint8_t now[KM_PAGE_SIZE];
	size_t bytes = 0;
	double from = cpu_ns();

	for (unsigned int i = 0; i < of->n; i++) {
		memcpy(now, of->page[i], KM_PAGE_SIZE);
		now[i]++;
		bytes += km_page_sum(of->page[i]) != 0;
		bytes += km_delta_build(of->page[i], now, to, KM_PAGE_SIZE);
	}
	c->delta = bytes ? (cpu_ns() - from) / of->n : 0;
}

static void lay_out(struct km_pages *p, const struct km_specimens *of, unsigned int n)
{
	p->block = 0;
	p->n = n;
	for (unsigned int i = 0; i < n; i++) {
		p->index[i] = i;
		p->content[i] = of->page[i];
		p->kind[i] = KM_KIND_PACKED;
	}
}

static int measure_unpacking(const uint8_t *msg, size_t len, struct km_pages *p, double pages,
			     struct km_costs *c, struct km_err *err)
{
	struct km_unpacker *u = km_unpacker_new();
	struct km_ledger *l = km_ledger_new(1);
	double from;
	int rc;

	if (!u || !l || km_ledger_add_block(l, "trial", KM_PACK_CONTENT_MAX) < 0)
		rc = km_err_set(err, -ENOMEM, "out of memory");
	else
		rc = km_unpacker_parse(u, msg, len, l, p, err);
	from = cpu_ns();
	if (!rc)
		rc = km_unpacker_parse(u, msg, len, l, p, err);
	c->unpack = (cpu_ns() - from) / pages;
	km_unpacker_free(u);
	km_ledger_free(l);
	return rc;
}

/* Of light pages if there are any: others are hardly ever packed. */
static int measure_packing(const struct km_specimens *of, struct km_costs *c, struct km_err *err)
{
	unsigned int n = of->light ? of->light : of->n;
	struct km_pages *p = calloc(1, sizeof(*p));
	struct km_packer *k = km_packer_new();
	const uint8_t *msg;
	int rc = p && k ? 0 : km_err_set(err, -ENOMEM, "out of memory");

	for (int level = 0; !rc && level < KM_WORTH_LEVELS; level++) {
		double from;

		lay_out(p, of, n); /* twice: zstd makes room for itself at first */
		km_packer_pack(k, p, km_worth_zstd_level(level));
		lay_out(p, of, n);
		from = cpu_ns();
		km_packer_pack(k, p, km_worth_zstd_level(level));
		c->pack[level] = (cpu_ns() - from) / n;
	}
	if (!rc) {
		size_t len = km_packer_build(k, p, &msg);

		rc = measure_unpacking(msg, len, p, n, c, err);
	}
	km_packer_free(k);
	free(p);
	return rc;
}

/* Looks at it as QEMU does (buffer_is_zero()). */
static void measure_scan(uint8_t *buf, struct km_costs *c)
{
	unsigned int zero = 0;
	double from;

	memset(buf, 0, KM_PACK_CONTENT_MAX);
	from = cpu_ns();
	for (unsigned int i = 0; i < KM_WIRE_PAGES_MAX; i++)
		zero += km_page_is_zero(buf + (size_t)i * KM_PAGE_SIZE);
	c->scan = (cpu_ns() - from) / (zero ? zero : 1);
}

/* ---- the streams ---- */

static int no_older(const char *id, struct km_psk *k)
{
	(void)id;
	(void)k;
	return -ENOENT;
}

static int measure_streams(const struct km_specimens *of, double bytes_per_s, struct km_costs *c,
			   struct km_err *err)
{
	const struct km_calibrate_ends none = { 0 };
	struct km_creds *s = NULL, *d = NULL;
	struct km_psk key;
	int rc = km_calibrate_wire(of, &none, bytes_per_s, c, &c->plain, err);

	if (!rc)
		rc = km_psk_new(&key, err);
	if (!rc)
		rc = km_creds_of_key(&s, &key, NULL, err);
	if (!rc)
		rc = km_creds_of_key(&d, &key, no_older, err);
	if (!rc)
		rc = km_calibrate_wire(of, &(struct km_calibrate_ends){ s, d }, bytes_per_s, c,
				       &c->tls, err);
	km_creds_free(s);
	km_creds_free(d);
	return rc;
}

int km_calibrate(struct km_guestmem *mem, const struct km_ledger *blocks,
		 const struct km_specimens *of, double stream_bytes_per_s, struct km_costs *c,
		 struct km_err *err)
{
	double rate = stream_bytes_per_s > SLOWEST ? stream_bytes_per_s : SLOWEST;
	uint8_t *buf = malloc(2 * KM_PACK_CONTENT_MAX);
	struct km_err why = { 0 };
	int rc = buf ? 0 : km_err_set(&why, -ENOMEM, "out of memory");

	memset(c, 0, sizeof(*c));
	if (buf) /* a move's has its memory after the first use */
		memset(buf, 1, 2 * KM_PACK_CONTENT_MAX);
	if (!rc)
		rc = measure_reading(mem, blocks, of, c, buf, &why);
	if (!rc)
		rc = measure_channel(buf, buf + KM_PACK_CONTENT_MAX, c, &why);
	if (!rc)
		rc = measure_ledger(c, &why);
	if (!rc)
		rc = measure_packing(of, c, &why);
	if (!rc)
		rc = measure_streams(of, rate, c, &why);
	if (!rc) {
		measure_delta(of, c, buf);
		measure_scan(buf, c);
	}
	free(buf);
	return rc ? km_err_set(err, rc, "what a page costs here can't be measured: %.400s",
			       why.text) :
		    0;
}
