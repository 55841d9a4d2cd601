// SPDX-License-Identifier: GPL-2.0
/*
 * From the ledger to the wire: one thread a stream takes its pages, reads
 * their content (after the take: see ledger.h) and sends them; another reads
 * what the destination acknowledges.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "move.h"

static bool is_zero(const uint8_t *page)
{
	/* A page equals itself shifted by 8 bytes only when all its words are
	 * the same. */
	static const uint8_t zero[8];

	return !memcmp(page, zero, 8) && !memcmp(page, page + 8, KM_PAGE_SIZE - 8);
}

struct batch {
	uint8_t content[KM_WIRE_PAGES_MAX * KM_PAGE_SIZE];
	uint8_t msg[8 + 8 * KM_WIRE_PAGES_MAX + KM_WIRE_PAGES_MAX * KM_PAGE_SIZE];
	uint64_t index[KM_WIRE_PAGES_MAX];
	bool raw[KM_WIRE_PAGES_MAX];
};

static int send_pages(struct km_lane *lane, struct batch *b, uint32_t block, unsigned int n,
		      struct km_err *err)
{
	struct km_move *m = lane->move;
	unsigned int nraw = 0;
	size_t head, len;
	int rc = km_guestmem_read(m->mem, block, b->index, n, b->content, err);

	if (rc)
		return rc;
	head = 8 + 8 * (size_t)n;
	len = head;
	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *page = b->content + (size_t)i * KM_PAGE_SIZE;

		b->raw[i] = !is_zero(page);
		if (!b->raw[i])
			continue;
		memcpy(b->msg + len, page, KM_PAGE_SIZE);
		len += KM_PAGE_SIZE;
		nraw++;
	}
	km_wire_pages_head(b->msg, block, n, b->index, b->raw);
	rc = km_send(&lane->conn, KM_OP_PAGES, lane->sent_msgs + 1, b->msg, len, err);
	if (rc)
		return rc;
	atomic_fetch_add(&m->zero, n - nraw);
	atomic_fetch_add(&m->raw, nraw);
	atomic_fetch_add(&m->payload_bytes, (uint64_t)nraw * KM_PAGE_SIZE);
	/* sent_msgs first: the fence reads it once `sent` says all is out. */
	atomic_fetch_add(&lane->sent_msgs, 1);
	atomic_fetch_add(&m->sent, n);
	return 0;
}

static int sender_run(struct km_lane *lane, struct batch *b, struct km_err *err)
{
	struct km_move *m = lane->move;
	struct km_page pages[KM_WIRE_PAGES_MAX];
	unsigned int n, i, k;
	int rc;

	while (!m->failed && !m->finished) {
		n = km_ledger_take(m->ledger, lane->index, pages, KM_WIRE_PAGES_MAX);
		if (!n) {
			km_move_wait(m, 10);
			continue;
		}
		for (i = 0; i < n; i += k) { /* runs of one block */
			for (k = 0; i + k < n && pages[i + k].block == pages[i].block; k++)
				b->index[k] = pages[i + k].index;
			rc = send_pages(lane, b, pages[i].block, k, err);
			if (rc)
				return rc;
		}
		if (m->all_listed)
			km_move_wake(m);
	}
	return 0;
}

/* A destination that fails says why on the control connection, and closes its
 * streams afterwards: the reason has half a second to be read. */
static void lane_broke(struct km_lane *lane, const struct km_err *err)
{
	for (int i = 0; i < 10 && !lane->move->failed && !lane->move->finished; i++)
		usleep(50000);
	km_move_fail(lane->move, err);
}

static void *sender_main(void *arg)
{
	struct km_lane *lane = arg;
	struct batch *b = malloc(sizeof(*b));
	struct km_err err = { 0 };

	if (!b)
		km_err_set(&err, -ENOMEM, "out of memory for a stream");
	if (!b || sender_run(lane, b, &err))
		lane_broke(lane, &err);
	free(b);
	return NULL;
}

static void *acks_main(void *arg)
{
	struct km_lane *lane = arg;
	struct km_move *m = lane->move;
	struct km_err err = { 0 };
	struct km_msg msg;
	int rc;

	for (;;) {
		rc = km_recv(&lane->conn, &msg, &err);
		if (m->finished)
			return NULL;
		if (!rc && msg.op != KM_OP_ACK)
			rc = km_err_set(&err, -EPROTO, "%s on a stream", km_op_name(msg.op));
		if (rc) {
			lane_broke(lane, &err);
			return NULL;
		}
		lane->acked_pages = msg.seq;
		km_move_wake(m);
	}
}

int km_senders_start(struct km_move *m, struct km_err *err)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < m->nlanes; i++) {
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
	}
}
