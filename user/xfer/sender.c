// SPDX-License-Identifier: GPL-2.0
/*
 * From the ledger to the wire: one thread a stream takes its pages, reads
 * their content (after the take: see ledger.h) and sends those that the
 * destination needs (chooser.h); another reads what it acknowledges.  Both end
 * with their connection; what that took with it waits again (inflight.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "move.h"
#include "pagezero.h"

/* What one thread has in hand: pages of one block. */
struct batch {
	struct km_pagesend *out;
	struct km_taken taken[KM_WIRE_PAGES_MAX];
	unsigned int n;
	const uint8_t *content[KM_WIRE_PAGES_MAX]; /* NULL: zeroes */
	uint64_t index[KM_WIRE_PAGES_MAX];	   /* of those that are copied */
	struct km_sum sum[KM_WIRE_PAGES_MAX];
	uint8_t copy[KM_WIRE_PAGES_MAX * KM_PAGE_SIZE];
};

/* A page that was handed over as zeroes mostly still is: then a look at it is all that it takes. */
static bool is_zero_still(const struct km_move *m, const struct km_taken *t)
{
	const uint8_t *page;

	if (t->handed != km_sum_handed(m->zero_sum))
		return false;
	page = km_guestmem_look(m->mem, t->page.block, t->page.index);
	return page && km_page_is_zero(page);
}

static int read_pages(struct km_lane *lane, struct batch *b, struct km_err *err)
{
	struct km_move *m = lane->move;
	unsigned int n = 0;
	int rc = 0;

	for (unsigned int i = 0; i < b->n; i++) {
		b->content[i] = NULL;
		if (is_zero_still(m, &b->taken[i]))
			continue;
		b->content[i] = b->copy + (size_t)n * KM_PAGE_SIZE;
		b->index[n++] = b->taken[i].page.index;
	}
	if (n)
		rc = km_guestmem_read(m->mem, b->taken[0].page.block, b->index, n, b->copy, err);
	/* Not the link's, whatever becomes of that meanwhile: what is in hand is lost. */
	return rc ? km_move_fail(m, err) : 0;
}

/* Keeps those that must be sent; what is settled for the others is said to the ledger. */
static void choose_pages(struct km_lane *lane, struct batch *b)
{
	struct km_move *m = lane->move;
	unsigned int kept = 0, same = 0;

	for (unsigned int i = 0; i < b->n; i++) {
		struct km_page p = b->taken[i].page;
		const uint8_t *page = b->content[i];
		struct km_sum sum = page ? km_sum_of(m->secret, page) : m->zero_sum;

		switch (km_choose(sum, km_ledger_sum(m->ledger, p), b->taken[i].handed,
				  !m->all_listed)) {
		case KM_SAME:
			same++;
			continue;
		case KM_LATER:
			/* Too late for it: it waits again, and will be read again. */
			if (km_ledger_leave(m->ledger, p))
				atomic_fetch_add(&m->later, 1);
			continue;
		case KM_SEND:
			break;
		}
		b->content[kept] = page;
		b->taken[kept] = b->taken[i];
		b->sum[kept++] = sum;
	}
	atomic_fetch_add(&m->same, same);
	km_ledger_done(m->ledger, lane->index, same);
	b->n = kept;
}

/* Only pages of a few bytes can be so many that there is no room.  false: there will be none, and
 * what is in hand has been given back. */
static bool await_room(struct km_lane *lane, const struct batch *b)
{
	struct km_move *m = lane->move;

	while (!km_inflight_has_room(&lane->inflight, b->n)) {
		if (!m->failed && !m->finished && !m->broken) {
			km_move_wait(m, 50);
			continue;
		}
		for (unsigned int i = 0; i < b->n; i++)
			km_ledger_unsend(m->ledger, b->taken[i].page);
		km_ledger_done(m->ledger, lane->index, b->n);
		return false;
	}
	return true;
}

static int send_pages(struct km_lane *lane, struct batch *b, struct km_err *err)
{
	struct km_move *m = lane->move;
	int rc;

	if (!await_room(lane, b))
		return 0;
	km_inflight_put(&lane->inflight, b->taken, b->n);
	lane->sending = true;
	rc = km_pagesend(b->out, lane->sent_msgs + 1, b->taken, b->n, b->content, err);
	lane->sending = false;
	for (unsigned int i = 0; !rc && i < b->n; i++)
		km_ledger_set_sum(m->ledger, b->taken[i].page, b->sum[i]);
	/* Before they are done: the fence reads it once nothing is in hand any more. */
	atomic_fetch_add(&lane->sent_msgs, 1);
	atomic_fetch_add(&m->sent, b->n);
	/* After an error, too: some of it may be on its way. */
	km_ledger_done(m->ledger, lane->index, b->n);
	return rc;
}

static int sender_run(struct km_lane *lane, struct batch *b, struct km_err *err)
{
	struct km_move *m = lane->move;
	int rc = 0;

	while (!rc && !m->failed && !m->finished && !m->broken) {
		b->n = km_ledger_take(m->ledger, lane->index, b->taken,
				      (unsigned int)m->take_pages);
		if (!b->n) {
			km_move_wait(m, 10);
			continue;
		}
		rc = read_pages(lane, b, err);
		if (!rc)
			choose_pages(lane, b);
		if (!rc && b->n)
			rc = send_pages(lane, b, err);
		/* For the fence; and whoever waits for room has no acknowledgement to hear of. */
		if (m->all_listed || !b->n)
			km_move_wake(m);
	}
	return rc;
}

/* A destination that fails says why on the control connection, and closes its
 * streams afterwards: the reason has half a second to be read. */
static void lane_broke(struct km_lane *lane, const struct km_err *err)
{
	struct km_move *m = lane->move;

	for (int i = 0; i < 100 && !m->failed && !m->finished && !m->broken; i++)
		usleep(5000);
	if (km_conn_broke(err->code))
		km_move_broke(m, err);
	else if (!m->broken)
		km_move_fail(m, err);
}

static void *sender_main(void *arg)
{
	struct km_lane *lane = arg;
	struct km_move *m = lane->move;
	struct batch *b = calloc(1, sizeof(*b));
	struct km_err err = { 0 };

	if (b)
		b->out = km_pagesend_new(
			&(struct km_pagesend_setup){ .conn = &lane->conn,
						     .counts = &m->pages,
						     .blocks = m->ledger,
						     .takes_deltas = m->takes_deltas,
						     .delta_bytes = m->delta_bytes / m->nlanes });
	if (!b || !b->out)
		km_err_set(&err, -ENOMEM, "out of memory for a stream");
	if (err.code || sender_run(lane, b, &err))
		lane_broke(lane, &err);
	if (b)
		km_pagesend_free(b->out);
	free(b);
	return NULL;
}

static void *acks_main(void *arg)
{
	struct km_lane *lane = arg;
	struct km_move *m = lane->move;
	struct km_err err = { 0 };
	struct km_msg msg;
	uint64_t acked = 0; /* on this connection */
	int rc;

	for (;;) {
		rc = km_recv(&lane->conn, &msg, &err);
		if (m->finished || m->broken)
			return NULL;
		if (!rc && msg.op != KM_OP_ACK)
			rc = km_err_set(&err, -EPROTO, "%s on a stream", km_op_name(msg.op));
		if (!rc && (msg.seq < acked || km_inflight_off(&lane->inflight, msg.seq - acked)))
			rc = km_err_set(&err, -EPROTO, "ACK of pages that were not sent");
		if (rc) {
			lane_broke(lane, &err);
			return NULL;
		}
		lane->acked_pages += msg.seq - acked;
		acked = msg.seq;
		km_move_wake(m);
	}
}

int km_senders_start(struct km_move *m, struct km_err *err)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < m->nlanes; i++) {
		m->lanes[i].sent_msgs = 0;
		if (!m->lanes[i].inflight.page && km_inflight_init(&m->lanes[i].inflight))
			return km_err_set(err, -ENOMEM, "out of memory for a stream");
		rc = pthread_create(&m->lanes[i].sender, NULL, sender_main, &m->lanes[i]);
		if (!rc)
			rc = pthread_create(&m->lanes[i].acks, NULL, acks_main, &m->lanes[i]);
	}
	return rc ? km_err_set(err, -rc, "cannot start a thread: %s", strerror(rc)) : 0;
}

void km_senders_join(struct km_move *m)
{
	for (unsigned int i = 0; i < m->nlanes; i++) {
		if (m->lanes[i].sender)
			pthread_join(m->lanes[i].sender, NULL);
		if (m->lanes[i].acks)
			pthread_join(m->lanes[i].acks, NULL);
		m->lanes[i].sender = m->lanes[i].acks = 0;
	}
}

void km_senders_unsend(struct km_move *m)
{
	for (unsigned int i = 0; i < m->nlanes; i++)
		m->lost += km_inflight_unsend(&m->lanes[i].inflight, m->ledger);
	km_move_wake(m);
}
