// SPDX-License-Identifier: GPL-2.0
/* From the streams into the destination's memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../ctl/ramblocks.h"
#include "bytes.h"
#include "clock.h"
#include "cond.h"
#include "delta.h"
#include "fault.h"
#include "pack.h"
#include "sink_priv.h"

#define LOOK_MS 100

/* What one stream's thread needs to take messages apart. */
struct intake {
	struct km_unpacker *unpacker;
	struct km_pages pages;
};

/* What a delta was made against must be what is here: if a page was lost, or anybody else wrote to
 * it, the move ends, and the guest goes on at the source. */
static int apply_delta(struct sink *s, const struct km_pages *p, unsigned int i, struct km_err *err)
{
	uint8_t copy[KM_PAGE_SIZE], *page = km_guestmem_page(s->mem, p->block, p->index[i]);
	int rc = page ? 0 : km_guestmem_read(s->mem, p->block, &p->index[i], 1, copy, err);

	if (rc)
		return rc;
	if (km_page_sum(page ? page : copy) != p->base[i])
		return km_err_set(err, -EILSEQ,
				  "page %#llx of block %s is not what the source takes it for",
				  (unsigned long long)p->index[i],
				  km_ledger_block_name(s->blocks, p->block));
	km_delta_apply(page ? page : copy, p->content[i], p->delta_bytes[i]);
	return page ? 0 : km_guestmem_write(s->mem, p->block, p->index[i], copy, err);
}

/* Those from i to k, none of them a delta. */
static int apply_pages(struct sink *s, const struct km_pages *p, unsigned int i, unsigned int k,
		       struct km_err *err)
{
	int rc = 0;

	if (km_guestmem_reach(s->mem, p->block) != KM_REACH_NONE)
		return km_guestmem_write_pages(s->mem, p->block, p->index + i, p->content + i,
					       k - i, err);
	pthread_mutex_lock(&s->inject);
	for (; !rc && i < k; i++)
		rc = km_destqemu_page(&s->q, km_ledger_block_name(s->blocks, p->block), p->index[i],
				      p->content[i], err);
	pthread_mutex_unlock(&s->inject);
	return rc;
}

static int apply(struct sink *s, struct intake *in, const uint8_t *buf, size_t len,
		 struct km_err *err)
{
	struct km_pages *p = &in->pages;
	int rc = km_unpacker_parse(in->unpacker, buf, len, s->blocks, p, err);

	if (rc)
		return rc;
	for (unsigned int i = 0, k; i < p->n; i = k) {
		for (k = i; k < p->n && p->kind[k] != KM_KIND_DELTA;)
			k++;
		rc = k > i ? apply_pages(s, p, i, k, err) : apply_delta(s, p, k++, err);
		if (rc)
			return rc;
	}
	atomic_fetch_add(&s->pages, p->n);
	return (int)p->n;
}

/* A source that gives up says so on the control connection, and closes its streams
 * afterwards: there is half a second to read it. */
static int lane_broke(struct sink *s, const struct km_err *err)
{
	for (int i = 0; i < 100 && !s->failed && !s->done && !s->broken && !s->fenced; i++)
		usleep(5000);
	return km_sink_broke(s, err);
}

static int late(struct km_err *err)
{
	return km_err_set(err, -EPROTO, "pages came after the FENCE");
}

/* What FENCE has not counted is not to be written any more: QEMU may have read there. */
static int begin(struct sink_lane *l, uint64_t seq, struct km_err *err)
{
	struct sink *s = l->s;
	bool behind;

	pthread_mutex_lock(&s->lock);
	behind = s->counted && seq > l->last_msgs;
	l->begun_msgs = seq;
	pthread_mutex_unlock(&s->lock);
	return behind ? late(err) : 0;
}

static int lane_run(struct sink_lane *l, struct intake *in, struct km_err *err)
{
	struct sink *s = l->s;
	struct km_msg m;
	uint64_t acked = 0;
	int rc;

	for (;;) {
		rc = km_recv(&l->conn, &m, err);
		if (s->done || s->failed || s->broken)
			return 0;
		if (km_conn_broke(rc))
			return lane_broke(s, err);
		if (!rc && (m.op != KM_OP_PAGES || m.seq != l->applied_msgs + 1))
			rc = km_err_set(err, -EPROTO, "%s out of order on a stream",
					km_op_name(m.op));
		if (!rc)
			rc = begin(l, m.seq, err);
		km_fault_slow("slow-apply");
		if (!rc)
			rc = apply(s, in, l->conn.buf, m.len, err);
		if (rc <= 0)
			return rc;
		acked += (uint64_t)rc;
		rc = km_send(&l->conn, KM_OP_ACK, acked, NULL, 0, err);
		if (rc)
			return km_conn_broke(rc) ? lane_broke(s, err) : rc;
		pthread_mutex_lock(&s->lock);
		l->applied_msgs++;
		pthread_cond_broadcast(&s->cond);
		pthread_mutex_unlock(&s->lock);
	}
}

static void *lane_main(void *arg)
{
	struct sink_lane *l = arg;
	struct km_err err = { 0 };
	struct intake *in = calloc(1, sizeof(*in));

	if (in)
		in->unpacker = km_unpacker_new();
	if (!in || !in->unpacker)
		km_err_set(&err, -ENOMEM, "out of memory for a stream");
	if (err.code || lane_run(l, in, &err))
		km_sink_fail(l->s, &err);
	if (in)
		km_unpacker_free(in->unpacker);
	free(in);
	return NULL;
}

/* These two under lock. */
static int read_counts(struct sink *s, const uint8_t *counts, struct km_err *err)
{
	int rc = 0;

	for (unsigned int i = 0; i < s->nlanes; i++) {
		s->lanes[i].last_msgs = km_get_le64(counts + 8 * i);
		if (s->lanes[i].begun_msgs > s->lanes[i].last_msgs)
			rc = late(err);
	}
	s->counted = true;
	return rc;
}

static bool all_applied(const struct sink *s)
{
	for (unsigned int i = 0; i < s->nlanes; i++)
		if (s->lanes[i].applied_msgs < s->lanes[i].last_msgs)
			return false;
	return true;
}

/* Nobody reads the control connection meanwhile, and a stream may be silent for as long as it
 * likes: that the source is gone, or the streams' path, must be found out here. */
struct patience {
	double heard_ms;
	int unread;
	uint64_t pages;
};

static int still_there(struct sink *s, struct patience *p, struct km_err *err)
{
	int unread = km_conn_unread(&s->control);

	if (unread < 0)
		return km_err_set(err, unread, "the source went away before its last pages came");
	if (unread != p->unread || s->pages != p->pages) {
		p->heard_ms = km_now_ms();
		p->unread = unread;
		p->pages = s->pages;
	}
	if (km_now_ms() - p->heard_ms < s->o->peer_ms)
		return 0;
	return km_err_set(err, -ETIMEDOUT, "the source fell silent before its last pages came");
}

/* I3, enforced where it can't be raced: nothing behind the fence reaches QEMU
 * before the pages before it are in its memory. */
int km_sink_wait_fence(struct sink *s, const uint8_t *buf, size_t len, struct km_err *err)
{
	struct patience p = { .heard_ms = km_now_ms() };
	int rc;

	if (len != 8 * (size_t)s->nlanes)
		return km_err_set(err, -EPROTO, "FENCE of %zu bytes", len);
	km_fault("fence");
	pthread_mutex_lock(&s->lock);
	rc = read_counts(s, buf, err);
	while (!rc && !s->failed && !all_applied(s)) {
		km_cond_wait_ms(&s->cond, &s->lock, LOOK_MS);
		if (!s->failed) /* that shuts the control connection down */
			rc = still_there(s, &p, err);
	}
	pthread_mutex_unlock(&s->lock);
	return s->failed ? -ECANCELED : rc;
}

/* Blocks whose pages can be read and written from here can have deltas. */
static int say_reach(struct sink *s, struct km_err *err)
{
	uint8_t reach[KM_BLOCKS_MAX];
	unsigned int n = km_ledger_blocks(s->blocks);

	for (unsigned int i = 0; i < n; i++)
		reach[i] = km_guestmem_reach(s->mem, i) != KM_REACH_NONE;
	return km_sink_say(s, KM_OP_REACH, reach, n, err);
}

int km_sink_start_lanes(struct sink *s, struct km_err *err)
{
	int rc = 0;

	for (unsigned int k = 0; !rc && k < s->nlanes; k++)
		rc = pthread_create(&s->lanes[k].thread, NULL, lane_main, &s->lanes[k]);
	return rc ? km_err_set(err, -rc, "cannot start a thread: %s", strerror(rc)) : 0;
}

int km_sink_open_blocks(struct sink *s, const uint8_t *buf, size_t len, struct km_err *err)
{
	json_t *j = json_loadb((const char *)buf, len, 0, NULL), *b;
	struct km_blocks where;
	size_t i;
	int rc = km_ramblocks_read(s->q.qmp, s->q.pid, &where, err);

	s->blocks = km_ledger_new(1);
	json_array_foreach(json_object_get(j, "blocks"), i, b) {
		const char *name = json_string_value(json_object_get(b, "name"));
		json_int_t bytes = json_integer_value(json_object_get(b, "bytes"));

		if (rc)
			break;
		rc = name && bytes > 0 ? km_ledger_add_block(s->blocks, name, (uint64_t)bytes) :
					 -EINVAL;
		rc = rc < 0 ? km_err_set(err, rc, "BLOCKS message: block %zu is unusable", i) : 0;
	}
	json_decref(j);
	if (!rc && !km_ledger_blocks(s->blocks))
		rc = km_err_set(err, -EPROTO, "BLOCKS message without blocks");
	if (!rc)
		rc = km_guestmem_open(&s->mem, s->q.pid, &where, s->blocks, KM_GUESTMEM_DESTINATION,
				      err);
	if (!rc) {
		km_guestmem_writers(s->mem, s->nlanes);
		rc = say_reach(s, err);
	}
	km_verifier_init(&s->verify, s->blocks, s->mem);
	if (!rc)
		rc = km_sink_start_lanes(s, err);
	s->watched = !rc;
	if (!rc)
		rc = pthread_create(&s->watch, NULL, km_sink_watch_main, s);
	return rc > 0 ? km_err_set(err, -rc, "cannot start a thread") : rc;
}
