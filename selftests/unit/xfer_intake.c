// SPDX-License-Identifier: GPL-2.0
/* From a QEMU's sockets into the ledger: how much of it, when several channels have some. */
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
	int p[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, p))
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
	km_ledger_add_block(q->m.ledger, "rom", PACKET * 4096); /* nobody knows where that is */
	if (km_guestmem_open(&q->m.mem, getpid(), &q->mem.where, q->m.ledger, KM_GUESTMEM_SOURCE,
			     &err))
		_exit(1);
	q->m.backlog_cap = cap;
	q->m.ease_pages = UINT64_MAX;
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
static void announce(int fd, const char *block, uint64_t first, unsigned int pages)
{
	uint8_t head[KM_MULTIFD_PACKET_BYTES];
	struct km_multifd_packet p = { .npages = pages };

	snprintf(p.block, sizeof(p.block), "%s", block);
	for (unsigned int i = 0; i < pages; i++)
		p.offset[i] = (first + i) * KM_PAGE_SIZE;
	km_multifd_packet_build(head, &p);
	if (km_write_full(fd, head, sizeof(head)))
		_exit(1);
}

/* One of QEMU's threads, which has a packet's content to hand over. */
struct delivery {
	pthread_t thread;
	int fd;
	unsigned int pages;
	_Atomic bool done;
};

static void *deliver_main(void *arg)
{
	static const uint8_t pages[PACKET * KM_PAGE_SIZE];
	struct delivery *d = arg;

	if (km_write_full(d->fd, pages, d->pages * (size_t)KM_PAGE_SIZE))
		_exit(1);
	d->done = true;
	return NULL;
}

static void deliver(struct delivery *d, int fd, unsigned int pages)
{
	*d = (struct delivery){ .fd = fd, .pages = pages };
	pthread_create(&d->thread, NULL, deliver_main, d);
}

static bool delivered(struct delivery *d)
{
	for (int i = 0; i < 10000 && !d->done; i++)
		usleep(1000);
	if (!d->done)
		return false;
	pthread_join(d->thread, NULL);
	return true;
}

static bool until_listed(struct qemu *q, uint64_t pages)
{
	for (int i = 0; i < 10000 && q->m.listed_content < pages; i++)
		usleep(1000);
	return q->m.listed_content == pages;
}

/* The destination has got so many. */
static void carry(struct qemu *q, unsigned int pages)
{
	struct km_taken t[PACKET];

	for (int i = 0; pages && i < 1000; i++) {
		unsigned int n = km_ledger_take(q->m.ledger, 0, t, pages < PACKET ? pages : PACKET);

		km_ledger_done(q->m.ledger, 0, n);
		pages -= n;
	}
	km_move_wake(&q->m);
}

/* There is room for one packet, and both channels ask for it before either has any content. */
static void one_at_a_time(bool *ok)
{
	struct qemu *q = begin(PACKET / 2);
	struct delivery d[2];

	announce(q->fd[0], "ram", 0, PACKET);
	announce(q->fd[1], "ram", PACKET, PACKET);
	CHECK(until_listed(q, PACKET));
	deliver(&d[0], q->fd[0], PACKET);
	deliver(&d[1], q->fd[1], PACKET);
	usleep(300000);
	CHECK(q->m.listed_content == PACKET && d[0].done + d[1].done == 1);
	/* More room, and it comes. */
	q->m.backlog_cap = 2 * PACKET;
	km_move_wake(&q->m);
	CHECK(until_listed(q, 2 * PACKET) && delivered(&d[0]) && delivered(&d[1]) && !q->m.coming);
	end(q);
}

/* Both, where both fit. */
static void together(bool *ok)
{
	struct qemu *q = begin(PACKET);
	struct delivery d[2];

	announce(q->fd[0], "ram", 0, PACKET);
	announce(q->fd[1], "ram", PACKET, PACKET);
	deliver(&d[1], q->fd[1], PACKET);
	deliver(&d[0], q->fd[0], PACKET);
	CHECK(until_listed(q, 2 * PACKET) && delivered(&d[0]) && delivered(&d[1]));
	end(q);
}

/* What is asked for until a number is reached comes, however much waits; and with its content. */
static void asked_for(bool *ok)
{
	struct qemu *q = begin(0);
	struct delivery d;
	struct km_taken t;

	q->m.list_until = q->m.pages_until = PACKET + 1;
	announce(q->fd[0], "ram", 0, PACKET);
	usleep(100000);
	CHECK(!q->m.listed_content);
	deliver(&d, q->fd[0], PACKET);
	CHECK(until_listed(q, PACKET) && delivered(&d));
	CHECK(km_ledger_take(q->m.ledger, 0, &t, 1) == 1 && t.handed != KM_HANDED_UNKNOWN);
	q->m.content_until = PACKET;
	announce(q->fd[0], "ram", PACKET, PACKET);
	deliver(&d, q->fd[0], PACKET);
	usleep(200000);
	CHECK(q->m.listed_content == PACKET);
	q->m.content_until = 2 * PACKET;
	km_move_wake(&q->m);
	CHECK(until_listed(q, 2 * PACKET) && delivered(&d));
	end(q);
}

/* Where zero pages might bring QEMU to its round's end, nothing is read ahead. */
static void not_to_the_end(bool *ok)
{
	struct qemu *q = begin(0);
	struct delivery d;

	q->m.ease_pages = 0;
	q->m.list_until = 4 * PACKET;
	q->m.pages_until = PACKET;
	announce(q->fd[0], "ram", 0, PACKET);
	deliver(&d, q->fd[0], PACKET);
	CHECK(until_listed(q, PACKET) && delivered(&d));
	announce(q->fd[0], "ram", PACKET, PACKET);
	usleep(200000);
	CHECK(q->m.listed_content == PACKET && !q->m.coming);
	/* As its turn comes. */
	carry(q, PACKET);
	CHECK(until_listed(q, 2 * PACKET));
	carry(q, PACKET);
	deliver(&d, q->fd[0], PACKET);
	CHECK(delivered(&d));
	end(q);
}

/* QEMU is rid of a packet when the link has carried it, all but what is allowed. */
static void named(bool *ok)
{
	struct qemu *q = begin(PACKET);
	struct delivery d;
	struct km_taken t;

	q->m.ease_pages = 10;
	announce(q->fd[0], "ram", 0, PACKET);
	CHECK(until_listed(q, PACKET));
	CHECK(km_ledger_take(q->m.ledger, 0, &t, 1) == 1 && t.handed == KM_HANDED_UNKNOWN);
	km_ledger_done(q->m.ledger, 0, 1);
	deliver(&d, q->fd[0], PACKET);
	carry(q, PACKET - 12);
	usleep(200000);
	CHECK(!d.done && km_move_backlog(&q->m) == 11);
	carry(q, 1);
	CHECK(delivered(&d));
	end(q);
}

/* Of two packets that QEMU still writes each waits for its own pages. */
static void each_its_own(bool *ok)
{
	struct qemu *q = begin(PACKET);
	struct delivery d[2];

	q->m.ease_pages = 10;
	announce(q->fd[0], "ram", 0, PACKET);
	deliver(&d[0], q->fd[0], PACKET);
	CHECK(until_listed(q, PACKET));
	announce(q->fd[1], "ram", PACKET, PACKET);
	deliver(&d[1], q->fd[1], PACKET);
	CHECK(until_listed(q, 2 * PACKET));
	carry(q, PACKET - 10);
	CHECK(delivered(&d[0]) && km_move_backlog(&q->m) == PACKET + 10);
	usleep(200000);
	CHECK(!d[1].done);
	carry(q, PACKET);
	CHECK(delivered(&d[1]));
	end(q);
}

/* If QEMU has written the other one it waits for nothing but this, and would be done. */
static void the_last(bool *ok)
{
	struct qemu *q = begin(PACKET);
	struct delivery d[2];

	q->m.ease_pages = 10;
	announce(q->fd[0], "ram", 0, PACKET);
	deliver(&d[0], q->fd[0], PACKET);
	CHECK(until_listed(q, PACKET));
	announce(q->fd[1], "ram", PACKET, 20);
	deliver(&d[1], q->fd[1], 20);
	CHECK(until_listed(q, PACKET + 20) && delivered(&d[1]));
	carry(q, PACKET - 10);
	usleep(200000);
	CHECK(!d[0].done && km_move_backlog(&q->m) == 30);
	carry(q, 20);
	CHECK(delivered(&d[0]));
	end(q);
}

/* When the guest is stopped QEMU can't believe too much any more. */
static void stopped(bool *ok)
{
	struct qemu *q = begin(PACKET);
	struct delivery d;

	q->m.ease_pages = 0;
	announce(q->fd[0], "ram", 0, PACKET);
	deliver(&d, q->fd[0], PACKET);
	CHECK(until_listed(q, PACKET));
	usleep(200000);
	CHECK(!d.done);
	km_mark(&q->m.marks, KM_MARK_STOPPED);
	km_move_wake(&q->m);
	CHECK(delivered(&d) && km_move_backlog(&q->m) == PACKET);
	/* Nor is there a limit to what waits. */
	q->m.backlog_cap = q->m.content_until = 0;
	announce(q->fd[0], "ram", PACKET, PACKET);
	deliver(&d, q->fd[0], PACKET);
	CHECK(until_listed(q, 2 * PACKET) && delivered(&d));
	end(q);
}

/* Of what is only reached through QEMU's copies, those come first. */
static void copies(bool *ok)
{
	struct qemu *q = begin(PACKET);
	struct delivery d;

	CHECK(km_guestmem_reach(q->m.mem, 1) == KM_REACH_SHADOW);
	announce(q->fd[0], "rom", 0, PACKET);
	usleep(200000);
	CHECK(!q->m.listed_content && q->m.coming == PACKET);
	deliver(&d, q->fd[0], PACKET);
	CHECK(until_listed(q, PACKET) && delivered(&d));
	end(q);
}

/* A packet that breaks off, and pages that are not there: the move fails, and says so. */
static void broken_off(bool *ok)
{
	static const char *const text[] = { "broke off", "named page" };

	for (unsigned int i = 0; i < 2; i++) {
		struct qemu *q = begin(PACKET);

		q->m.ease_pages = 0;
		announce(q->fd[0], "ram", i ? MOVE_PAGES - 1 : 0, PACKET);
		CHECK(until_listed(q, i ? 1 : PACKET));
		carry(q, i ? 1 : PACKET);
		shutdown(q->fd[0], SHUT_WR);
		for (int n = 0; n < 10000 && !q->m.failed; n++)
			usleep(1000);
		CHECK(q->m.failed && strstr(q->m.err.text, text[i]));
		end(q);
	}
}

static const struct ktap_case cases[] = {
	{ "intake: channels don't bring a packet each where one fits", one_at_a_time },
	{ "intake: they do where both fit", together },
	{ "intake: so much is asked for, and no more", asked_for },
	{ "intake: nothing ahead where QEMU could get through", not_to_the_end },
	{ "intake: QEMU is rid of a packet when it is carried", named },
	{ "intake: two packets wait each for its own pages", each_its_own },
	{ "intake: the last one for all", the_last },
	{ "intake: and of everything when the guest is stopped", stopped },
	{ "intake: copies come first", copies },
	{ "intake: a packet that breaks off, a page that isn't there", broken_off },
};
KTAP_MAIN(cases)
