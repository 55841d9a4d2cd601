// SPDX-License-Identifier: GPL-2.0
/*
 * From the source QEMU's sockets into the ledger.
 *
 * A page is listed at most once between two SYNCs (QEMU clears its bit and
 * finds it again only after the next bitmap sync), and up to QEMU 8.0 every
 * RAM section ends with a SYNC in each channel and EOS in the main one.  So
 * the channels and the main channel meet at a barrier there: a payload of
 * epoch k+1 can't overtake one of epoch k in a shadow block, and after the
 * barrier of RAM END every page QEMU will ever name is in the ledger.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bytes.h"
#include "cond.h"
#include "drain.h"
#include "intake_priv.h"

/* Pages of the main channel for which nobody is woken: one a wake would be one a message. */
#define QUIET_PAGES 64

int km_intake_barrier(struct km_move *m)
{
	uint64_t epoch;

	pthread_mutex_lock(&m->lock);
	epoch = m->epoch;
	if (++m->at_barrier == m->nchannels + 1) {
		m->at_barrier = 0;
		m->epoch++;
		pthread_cond_broadcast(&m->cond);
	}
	while (m->epoch == epoch && !m->failed)
		pthread_cond_wait(&m->cond, &m->lock);
	pthread_mutex_unlock(&m->lock);
	return m->failed ? -ECANCELED : 0;
}

/* handed: what the ledger is to remember of the content; zero: it is of zeroes. */
static int enter(struct km_move *m, struct km_page p, uint32_t handed, bool zero,
		 struct km_err *err)
{
	int rc = km_ledger_list(m->ledger, p, handed);

	if (rc < 0)
		return km_err_set(err, rc, "QEMU named page %#llx of block %u: %s",
				  (unsigned long long)p.index, p.block, strerror(-rc));
	atomic_fetch_add(&m->listed, 1);
	if (!zero)
		atomic_fetch_add(&m->listed_content, 1);
	if (!rc)
		atomic_fetch_add(&m->merged, 1);
	return 0;
}

int km_intake_list(struct km_move *m, struct km_page p, const uint8_t *data, struct km_err *err)
{
	int rc;

	if (p.block < km_ledger_blocks(m->ledger) &&
	    p.index < km_ledger_block_pages(m->ledger, p.block) &&
	    km_guestmem_reach(m->mem, p.block) == KM_REACH_SHADOW) {
		/* Content first, then the bit: whoever takes the page after
		 * this sees at least this content. */
		rc = km_guestmem_write(m->mem, p.block, p.index, data, err);
		if (rc)
			return rc;
	}
	return enter(m, p, km_sum_handed(data ? km_sum_of(m->secret, data) : m->zero_sum), !data,
		     err);
}

int km_intake_list_unseen(struct km_move *m, struct km_page p, struct km_err *err)
{
	return enter(m, p, KM_HANDED_UNKNOWN, false, err);
}

static enum km_intake_room room_for(struct km_move *m)
{
	uint64_t content = m->listed_content + m->coming;

	if (m->broken)
		return KM_INTAKE_NO_ROOM;
	if (m->marks.ns[KM_MARK_STOPPED]) /* too soon for nothing */
		return KM_INTAKE_SOON;
	if (content >= m->content_until)
		return KM_INTAKE_NO_ROOM;
	if (content < m->list_until && m->listed + m->coming < m->pages_until)
		return KM_INTAKE_AHEAD;
	return km_move_backlog(m) + m->coming <= m->backlog_cap ? KM_INTAKE_SOON :
								  KM_INTAKE_NO_ROOM;
}

/* Back-pressure: QEMU's writes block meanwhile, so it can't believe that it is
 * nearly done.  Nor does it go far while the link is away.  The pages for which
 * there is room are coming from then on: what the other channels read counts, or
 * each of them would bring a packet more, and a slow link carries one in 40 ms. */
enum km_intake_room km_intake_await_room(struct km_move *m, unsigned int npages)
{
	enum km_intake_room room;

	do {
		pthread_mutex_lock(&m->lock);
		room = room_for(m);
		if (room || m->failed)
			m->coming += npages;
		else
			km_cond_wait_ms(&m->cond, &m->lock, 50);
		pthread_mutex_unlock(&m->lock);
	} while (!m->failed && !room);
	return room;
}

/* ---- the main channel ---- */

/* With a number: see talk.h. */
static int say(struct km_move *m, enum km_op op, const void *buf, size_t len, struct km_err *err)
{
	int rc = km_talk_say(&m->talk, op, buf, len, err);

	return km_conn_broke(rc) ? km_move_broke(m, err) : rc;
}

static int op_emit(void *ctx, const uint8_t *buf, size_t len)
{
	struct km_move *m = ctx;
	struct km_err err = { 0 };
	int rc;

	if (m->all_listed)
		km_mark(&m->marks, KM_MARK_SAVED);
	rc = say(m, KM_OP_MAIN, buf, len, &err);
	atomic_fetch_add(&m->device_bytes, len);
	return rc ? km_move_fail(m, &err) : 0;
}

static int op_block(void *ctx, const char *name, uint64_t used_bytes)
{
	struct km_move *m = ctx;
	int rc = km_ledger_add_block(m->ledger, name, used_bytes);

	return rc < 0 ? rc : 0;
}

static int op_page(void *ctx, const char *block, uint64_t offset, const uint8_t *data)
{
	struct km_move *m = ctx;
	struct km_err err = { 0 };
	int nr = km_ledger_find_block(m->ledger, block);
	struct km_page p = { (uint32_t)nr, offset >> KM_PAGE_SHIFT };
	int rc = nr < 0 ?
			 km_err_set(&err, -EPROTO, "QEMU named an unknown RAMBlock \"%s\"", block) :
			 km_intake_list(m, p, data, &err);

	if (++m->quiet_pages >= QUIET_PAGES || !room_for(m)) {
		m->quiet_pages = 0;
		km_move_wake(m);
		km_intake_await_room(m, 0);
	}
	return rc ? km_move_fail(m, &err) : 0;
}

static int announce_blocks(struct km_move *m, struct km_err *err)
{
	json_t *list = json_array(), *all = json_pack("{s:o}", "blocks", list);
	char *text;
	int rc = km_guestmem_open(&m->mem, m->pid, &m->where, m->ledger, KM_GUESTMEM_SOURCE, err);

	for (uint32_t i = 0; !rc && i < km_ledger_blocks(m->ledger); i++)
		json_array_append_new(list,
				      json_pack("{s:s,s:I}", "name",
						km_ledger_block_name(m->ledger, i), "bytes",
						(json_int_t)(km_ledger_block_pages(m->ledger, i) *
							     KM_PAGE_SIZE)));
	text = rc ? NULL : json_dumps(all, JSON_COMPACT);
	json_decref(all);
	if (!rc)
		rc = text ? say(m, KM_OP_BLOCKS, text, strlen(text), err) :
			    km_err_set(err, -ENOMEM, "out of memory for a BLOCKS message");
	free(text);
	return rc;
}

/* I3: what follows on the control connection waits until the destination has
 * applied every page sent so far on every stream. */
static int send_fence(struct km_move *m, struct km_err *err)
{
	uint8_t buf[8 * KM_STREAMS_MAX];

	km_ledger_recall(m->ledger); /* I2 */
	km_move_wake(m);
	while (!m->failed && km_ledger_open(m->ledger))
		km_move_wait(m, 50);
	if (m->failed)
		return -ECANCELED;
	km_mark(&m->marks, KM_MARK_SENT);
	for (unsigned int i = 0; i < m->nlanes; i++)
		km_put_le64(buf + 8 * i, m->lanes[i].sent_msgs);
	return km_send(&m->control, KM_OP_FENCE, 0, buf, 8 * (size_t)m->nlanes, err);
}

static int op_eos(void *ctx, bool last)
{
	struct km_move *m = ctx;
	struct km_err err = { 0 };
	bool first = !m->mem;
	int rc = 0;

	if (first)
		rc = announce_blocks(m, &err);
	if (!rc && last)
		rc = km_move_all_listed(m, &err);
	if (!rc)
		rc = km_intake_barrier(m);
	if (!rc && last)
		rc = send_fence(m, &err);
	if (!rc && (first || last))
		rc = say(m, KM_OP_SYNC, NULL, 0, &err);
	return rc ? km_move_fail(m, &err) : 0;
}

static void *main_main(void *arg)
{
	static const struct km_mainchan_ops ops = {
		.emit = op_emit, .block = op_block, .page = op_page, .eos = op_eos
	};
	struct km_move *m = arg;
	struct km_mainchan *parser = km_mainchan_new(&ops, m);
	struct km_err err = { 0 };
	uint8_t buf[65536];
	int rc = parser ? 0 : km_err_set(&err, -ENOMEM, "out of memory");

	while (!rc) {
		ssize_t n = read(m->main_fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!km_mainchan_verbatim(parser))
				rc = km_err_set(&err, -EPIPE, "the source QEMU ended its stream");
			break;
		}
		rc = km_mainchan_feed(parser, buf, (size_t)n, &err);
		km_move_wake(m);
	}
	km_mainchan_free(parser);
	if (rc) {
		km_move_fail(m, &err);
		km_drain(m->main_fd);
	}
	return NULL;
}

int km_intake_start(struct km_move *m, struct km_err *err)
{
	int rc = pthread_create(&m->main_thread, NULL, main_main, m);

	for (unsigned int i = 0; !rc && i < m->nchannels; i++)
		rc = pthread_create(&m->channels[i].thread, NULL, km_channel_main, &m->channels[i]);
	return rc ? km_err_set(err, -rc, "cannot start a thread: %s", strerror(rc)) : 0;
}

void km_intake_join(struct km_move *m)
{
	if (m->main_thread)
		pthread_join(m->main_thread, NULL);
	for (unsigned int i = 0; i < m->nchannels; i++)
		if (m->channels[i].thread)
			pthread_join(m->channels[i].thread, NULL);
}
