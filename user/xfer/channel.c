// SPDX-License-Identifier: GPL-2.0
/*
 * One multifd channel of the source QEMU's: packets into the ledger.
 *
 * A packet's head names its pages, and QEMU has cleared their dirty bits by then.  So they can be
 * listed before their content is read off the socket, of which nobody has need: a page is read from
 * the guest's memory, and later (ledger.h, I1).  That content is what QEMU has to hand over before it
 * can believe that a packet is done, and so before it can stop the guest.  Read no sooner than the
 * link has carried the pages, it lets QEMU's view of the end be that of the link: when it stops the
 * guest, next to nothing of what it has named is still to be sent.  Read at once, a packet and what
 * a socket holds, 180 pages, were a part of each pause.
 *
 * What is read ahead of the link (pace.h) is not named so, but with its content: that tells which
 * pages were written after QEMU had read them (chooser.h).  Nor is a block that is reached through
 * QEMU's copies.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "bytes.h"
#include "cond.h"
#include "drain.h"
#include "intake_priv.h"
#include "multifd.h"
#include "pace.h"

/* At least what QEMU's socket holds: net.core.wmem_default, most of it content. */
#define SOCKET_BYTES 212992u

static int list_seen(struct km_move *m, const struct km_multifd_packet *p, uint32_t block,
		     const uint8_t *payload, struct km_err *err)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < p->npages; i++)
		rc = km_intake_list(m, (struct km_page){ block, p->offset[i] >> KM_PAGE_SHIFT },
				    payload + (size_t)i * KM_PAGE_SIZE, err);
	return rc;
}

static int list_unseen(struct km_move *m, const struct km_multifd_packet *p, uint32_t block,
		       struct km_err *err)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < p->npages; i++)
		rc = km_intake_list_unseen(
			m, (struct km_page){ block, p->offset[i] >> KM_PAGE_SHIFT }, err);
	return rc;
}

static int read_payload(struct km_channel *c, uint8_t *payload, size_t n, struct km_err *err)
{
	int rc = km_read_full(c->fd, payload, n);

	return rc ? km_err_set(err, rc, "a multifd packet broke off") : 0;
}

static uint64_t unread(const struct km_channel *c)
{
	int there = 0;

	return ioctl(c->fd, FIONREAD, &there) || there < 0 ? 0 : (uint64_t)there;
}

/* Bytes of a channel's packet that QEMU has not even written. */
static uint64_t unwritten(const struct km_channel *c)
{
	uint64_t there = unread(c);

	return c->left > there ? c->left - there : 0;
}

/* Whether QEMU waits for nothing but this channel. */
static bool alone(const struct km_channel *c)
{
	const struct km_move *m = c->move;

	for (unsigned int i = 0; i < m->nchannels; i++)
		if (&m->channels[i] != c && unwritten(&m->channels[i]))
			return false;
	return true;
}

/* How much of its packet QEMU may be rid of, when so many pages had been listed with it.  The last
 * that QEMU waits for is kept until all that is listed is carried.  Under the move's lock. */
static uint64_t may_read(struct km_channel *c, uint64_t listed_by)
{
	struct km_move *m = c->move;
	uint64_t backlog = km_move_backlog(m), since = m->listed - listed_by;

	if (m->marks.ns[KM_MARK_STOPPED])
		return c->left;
	if (!alone(c))
		backlog = backlog > since ? backlog - since : 0;
	if (unread(c) > c->socket)
		c->socket = unread(c);
	return km_pace_let_go(c->left, unwritten(c), c->socket, backlog, m->ease_pages);
}

/* Reads what is of no use, as the link goes on. */
static int let_go(struct km_channel *c, uint8_t *payload, size_t bytes, struct km_err *err)
{
	struct km_move *m = c->move;
	uint64_t listed_by = m->listed, n;
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	c->left = bytes;
	while (!rc && c->left && !m->failed) {
		n = may_read(c, listed_by);
		if (!n) {
			km_cond_wait_ms(&m->cond, &m->lock, 5);
			continue;
		}
		c->left -= n; /* before it is, so that nobody takes it for unwritten */
		pthread_mutex_unlock(&m->lock);
		rc = read_payload(c, payload, n, err);
		pthread_mutex_lock(&m->lock);
	}
	c->left = 0;
	pthread_mutex_unlock(&m->lock);
	return rc || !m->failed ? rc : -ECANCELED;
}

static int take_packet(struct km_channel *c, const struct km_multifd_packet *p, uint8_t *payload,
		       struct km_err *err)
{
	struct km_move *m = c->move;
	enum km_intake_room room = km_intake_await_room(m, p->npages);
	int block = km_ledger_find_block(m->ledger, p->block), rc = 0;
	size_t bytes = (size_t)p->npages * KM_PAGE_SIZE;
	bool unseen = room == KM_INTAKE_SOON && block >= 0 &&
		      km_guestmem_reach(m->mem, (uint32_t)block) != KM_REACH_SHADOW;

	if (block < 0)
		rc = km_err_set(err, -EPROTO, "QEMU named an unknown RAMBlock \"%s\"", p->block);
	if (!rc && !unseen)
		rc = read_payload(c, payload, bytes, err);
	if (!rc)
		rc = unseen ? list_unseen(m, p, (uint32_t)block, err) :
			      list_seen(m, p, (uint32_t)block, payload, err);
	m->coming -= p->npages;
	km_move_wake(m);
	return !rc && unseen ? let_go(c, payload, bytes, err) : rc;
}

static int channel_run(struct km_channel *c, uint8_t *payload, struct km_err *err)
{
	struct km_move *m = c->move;
	uint8_t head[KM_MULTIFD_PACKET_BYTES];
	struct km_multifd_packet p;
	int rc;

	for (;;) {
		rc = km_read_full(c->fd, head, sizeof(head));
		if (rc == -EPIPE && m->all_listed)
			return 0;
		if (rc)
			return km_err_set(err, rc, "the source QEMU closed a multifd channel");
		rc = km_multifd_packet_parse(head, &p, err);
		if (!rc && p.npages)
			rc = take_packet(c, &p, payload, err);
		if (rc)
			return rc;
		if (p.sync && km_intake_barrier(m))
			return -ECANCELED;
	}
}

void *km_channel_main(void *channel)
{
	struct km_channel *c = channel;
	struct km_err err = { 0 };
	uint8_t *payload = malloc((size_t)KM_MULTIFD_PAGES * KM_PAGE_SIZE);

	c->socket = SOCKET_BYTES;
	if (!payload)
		km_err_set(&err, -ENOMEM, "out of memory for a channel");
	if (!payload || channel_run(c, payload, &err)) {
		km_move_fail(c->move, &err);
		km_drain(c->fd);
	}
	free(payload);
	return NULL;
}
