// SPDX-License-Identifier: GPL-2.0
/* From a QEMU's sockets into the ledger: how much of it, when several channels have some. */
#include <sys/ioctl.h>
#include "ktap.h"
#include "redialends.h"
#include "xfer/multifd.h"

#define PACKET KM_MULTIFD_PAGES

struct qemu {
	struct memory mem;
	struct km_move m;
	int fd[2], main_fd; /* its ends */
};

static int connect_to(int *ours)
{
	int p[2], much = 2 * PACKET * KM_PAGE_SIZE;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, p) ||
	    setsockopt(p[1], SOL_SOCKET, SO_SNDBUFFORCE, &much, sizeof(much)))
		_exit(1);
	*ours = p[0];
	return p[1];
}

static struct qemu *begin(uint64_t cap)
{
	struct qemu *q = calloc(1, sizeof(*q));
	struct km_err err = { 0 };

	memory_open(&q->mem);
	pthread_mutex_init(&q->m.lock, NULL);
	km_cond_init(&q->m.cond);
	q->m.ledger = km_ledger_new(1);
	km_ledger_add_block(q->m.ledger, "ram", MOVE_PAGES * 4096);
	if (km_guestmem_open(&q->m.mem, getpid(), &q->mem.where, q->m.ledger, KM_GUESTMEM_SOURCE,
			     &err))
		_exit(1);
	q->m.backlog_cap = cap;
	q->m.content_until = UINT64_MAX;
	q->m.nchannels = 2;
	for (unsigned int i = 0; i < 2; i++) {
		q->m.channels[i].move = &q->m;
		q->fd[i] = connect_to(&q->m.channels[i].fd);
	}
	q->main_fd = connect_to(&q->m.main_fd);
	if (km_intake_start(&q->m, &err))
		_exit(1);
	return q;
}

static void end(struct qemu *q)
{
	struct km_err over = { 0 };

	km_err_set(&over, -ECANCELED, "the test is over");
	km_move_fail(&q->m, &over);
	for (unsigned int i = 0; i < 2; i++)
		close(q->fd[i]);
	close(q->main_fd);
	km_intake_join(&q->m);
	for (unsigned int i = 0; i < 2; i++)
		close(q->m.channels[i].fd);
	close(q->m.main_fd);
	km_guestmem_close(q->m.mem);
	km_ledger_free(q->m.ledger);
	memory_close(&q->mem);
	free(q);
}

/* A packet of the pages from `first` on; its content comes later. */
static void announce(int fd, uint64_t first)
{
	uint8_t head[KM_MULTIFD_PACKET_BYTES];
	struct km_multifd_packet p = { .npages = PACKET, .block = "ram" };

	for (unsigned int i = 0; i < PACKET; i++)
		p.offset[i] = (first + i) * KM_PAGE_SIZE;
	km_multifd_packet_build(head, &p);
	if (km_write_full(fd, head, sizeof(head)))
		_exit(1);
}

static void deliver(int fd)
{
	static const uint8_t pages[PACKET * KM_PAGE_SIZE];

	if (km_write_full(fd, pages, sizeof(pages)))
		_exit(1);
}

/* Of the channel's content nothing was read, or all. */
static bool waits(const struct qemu *q, unsigned int i)
{
	int n = 0;

	return !ioctl(q->m.channels[i].fd, FIONREAD, &n) && n > 0;
}

static bool heard(const struct qemu *q)
{
	return !waits(q, 0) && !waits(q, 1);
}

static bool until_listed(struct qemu *q, uint64_t pages)
{
	for (int i = 0; i < 10000 && q->m.listed_content < pages; i++)
		usleep(1000);
	return q->m.listed_content == pages;
}

/* There is room for one packet, and both channels ask for it before either has any content. */
static void one_at_a_time(bool *ok)
{
	struct qemu *q = begin(PACKET / 2);

	announce(q->fd[0], 0);
	announce(q->fd[1], PACKET);
	while (!heard(q))
		usleep(1000);
	usleep(100000); /* and have had their answer */
	deliver(q->fd[0]);
	deliver(q->fd[1]);
	CHECK(until_listed(q, PACKET));
	usleep(300000);
	CHECK(q->m.listed_content == PACKET && waits(q, 0) + waits(q, 1) == 1);
	/* More room, and it comes. */
	q->m.backlog_cap = 2 * PACKET;
	km_move_wake(&q->m);
	CHECK(until_listed(q, 2 * PACKET) && !q->m.coming && heard(q));
	end(q);
}

/* Both, where both fit. */
static void together(bool *ok)
{
	struct qemu *q = begin(PACKET);

	announce(q->fd[0], 0);
	announce(q->fd[1], PACKET);
	deliver(q->fd[1]);
	deliver(q->fd[0]);
	CHECK(until_listed(q, 2 * PACKET) && heard(q));
	end(q);
}

/* What is asked for until a number is reached comes, however much waits. */
static void asked_for(bool *ok)
{
	struct qemu *q = begin(0);

	q->m.list_until = PACKET + 1;
	announce(q->fd[0], 0);
	deliver(q->fd[0]);
	CHECK(until_listed(q, PACKET));
	q->m.content_until = PACKET;
	announce(q->fd[0], PACKET);
	deliver(q->fd[0]);
	usleep(200000);
	CHECK(q->m.listed_content == PACKET);
	q->m.content_until = 2 * PACKET;
	km_move_wake(&q->m);
	CHECK(until_listed(q, 2 * PACKET));
	end(q);
}

static const struct ktap_case cases[] = {
	{ "intake: channels don't bring a packet each where one fits", one_at_a_time },
	{ "intake: they do where both fit", together },
	{ "intake: so much is asked for, and no more", asked_for },
};
KTAP_MAIN(cases)
