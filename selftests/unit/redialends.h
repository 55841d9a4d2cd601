/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Source and destination of a move without any QEMU: the code that sends, redials, takes in and
 * waits is the tool's own, over TCP. The guest's memory is a file at each end; what would come from
 * QEMU, the test lists and says itself.
 */
#ifndef UNIT_REDIALENDS_H
#define UNIT_REDIALENDS_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "xfer/bytes.h"
#include "xfer/clock.h"
#include "xfer/cond.h"
#include "xfer/sink_priv.h"
#include "xfer/source_priv.h"

#define MOVE_PAGES   512u
#define MOVE_STREAMS 2u
/* The destination's second block, of a page, which only its QEMU can write. */
#define ROM	     1u

struct memory {
	int fd;
	uint8_t *bytes;
	struct km_blocks where;
};

struct ends {
	struct memory mem_here, mem_there;
	char port[8];

	struct km_source_opts so;
	struct km_vm vm;
	struct km_run run;
	struct source s;
	unsigned int redials_wanted;
	uint64_t acked_broken;
	int rp[2]; /* what comes of the return path: out of rp[0] */

	struct km_sink_opts ko;
	struct sink k;
	int qemu; /* what is written to its QEMU's multifd channel: pages of block ROM alone */
	pthread_t sink_thread;
	struct km_err sink_err;
	_Atomic uint64_t words; /* MAIN messages that came, in order */
	_Atomic unsigned int disorder;
	_Atomic unsigned int strangers; /* sent away */
	_Atomic bool sink_over;
};

static inline void memory_open(struct memory *m)
{
	struct km_block *b = &m->where.b[0];

	m->fd = memfd_create("ram", MFD_CLOEXEC);
	if (m->fd < 0 || ftruncate(m->fd, MOVE_PAGES * 4096))
		_exit(1);
	m->bytes = mmap(NULL, MOVE_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (m->bytes == MAP_FAILED)
		_exit(1);
	m->where.n = 1;
	strcpy(b->name, "ram");
	b->used_bytes = MOVE_PAGES * 4096;
	b->hva = (uint64_t)(uintptr_t)m->bytes;
	b->backing = KM_BACKING_SHARED;
	snprintf(b->map_path, sizeof(b->map_path), "/proc/self/fd/%d", m->fd);
}

static inline void memory_close(struct memory *m)
{
	munmap(m->bytes, MOVE_PAGES * 4096);
	close(m->fd);
}

static inline void ends_refused(void *ctx, const struct km_err *err)
{
	struct ends *e = ctx;

	(void)err;
	e->strangers++;
}

/* The destination's thread: sink.c's loop, with MAIN for this test, which counts. */
static inline void *ends_sink_main(void *arg)
{
	struct ends *e = arg;
	struct km_msg m;
	int rc = 0;

	while (!rc) {
		rc = km_sink_next(&e->k, &m, &e->sink_err);
		if (!rc)
			rc = km_talk_check(&e->k.talk, &m, &e->sink_err);
		if (!rc && m.op == KM_OP_MAIN)
			e->disorder += km_get_le64(e->k.control.buf) != e->words++;
		if (!rc)
			km_talk_done(&e->k.talk, &m);
	}
	if (e->k.failed)
		e->sink_err = e->k.err;
	e->sink_over = true;
	return NULL;
}

static inline void ends_open_sink(struct ends *e, const struct km_creds *creds,
				  unsigned int return_ms)
{
	struct km_err err = { 0 };
	unsigned int port = 0;
	int qemu[2], little = 1;

	memory_open(&e->mem_there);
	e->ko.peer_ms = 30000;
	e->ko.creds = creds;
	e->ko.refused = ends_refused;
	e->ko.ctx = e;
	e->ko.listen_fd = km_listen_tcp("127.0.0.1", "0", &port, &err);
	snprintf(e->port, sizeof(e->port), "%u", port);
	e->k.o = &e->ko;
	e->k.door = (struct km_door){
		.listen_fd = e->ko.listen_fd, .creds = creds, .refused = ends_refused, .ctx = e
	};
	pthread_mutex_init(&e->k.lock, NULL);
	pthread_mutex_init(&e->k.inject, NULL);
	km_cond_init(&e->k.cond);
	km_clocks_init(&e->k.clocks, false);
	e->k.relay = true;
	e->k.nlanes = MOVE_STREAMS;
	e->k.return_ms = return_ms;
	strcpy(e->k.journal.session, "0123456789abcdef0123456789abcdef");
	e->k.blocks = km_ledger_new(1);
	km_ledger_add_block(e->k.blocks, "ram", MOVE_PAGES * 4096);
	km_ledger_add_block(e->k.blocks, "rom", 4096);
	if (km_guestmem_open(&e->k.mem, getpid(), &e->mem_there.where, e->k.blocks,
			     KM_GUESTMEM_DESTINATION, &err))
		_exit(1);
	/* It takes less than a page at once: socket(7), SO_SNDBUF's minimum. */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, qemu) ||
	    setsockopt(qemu[1], SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)))
		_exit(1);
	e->qemu = qemu[0];
	e->k.q.channel_fd = qemu[1];
	km_talk_init(&e->k.talk, &e->k.control, true);
}

static inline void ends_open_source(struct ends *e, const struct km_creds *creds,
				    unsigned int retry_ms)
{
	struct source *s = &e->s;
	struct km_err err = { 0 };

	memory_open(&e->mem_here);
	e->so = (struct km_source_opts){
		.host = "127.0.0.1",
		.port = e->port,
		.creds = creds,
		.streams = MOVE_STREAMS,
		.peer_ms = 5000,
		.retry_ms = retry_ms,
	};
	s->o = &e->so;
	s->vm = &e->vm;
	s->run = &e->run;
	s->relay = true;
	strcpy(s->journal.session, e->k.journal.session);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, e->rp))
		_exit(1);
	s->m.main_fd = e->rp[1];
	s->m.delta_bytes = 1 << 20;
	pthread_mutex_init(&s->rp_lock, NULL);
	pthread_mutex_init(&s->m.lock, NULL);
	km_cond_init(&s->m.cond);
	km_clocks_init(&s->clocks, true);
	km_talk_init(&s->m.talk, &s->m.control, true);
	s->m.ledger = km_ledger_new(MOVE_STREAMS);
	km_ledger_add_block(s->m.ledger, "ram", MOVE_PAGES * 4096);
	if (getentropy(s->m.secret, sizeof(s->m.secret)) ||
	    km_guestmem_open(&s->m.mem, getpid(), &e->mem_here.where, s->m.ledger,
			     KM_GUESTMEM_SOURCE, &err))
		_exit(1);
	s->m.takes_deltas[0] = true;
	for (unsigned int i = 0; i < MOVE_STREAMS; i++) {
		s->m.lanes[i].move = &s->m;
		s->m.lanes[i].index = i;
		s->m.lanes[i].conn.fd = -1;
	}
	s->m.nlanes = MOVE_STREAMS;
	s->m.take_pages = KM_WIRE_PAGES_MAX;
	s->word_fd = -1;
	s->m.control.fd = -1;
	s->m.redials = true;
	km_source_redial_init(s);
}

/* Both as after a set-up whose link broke at once: the source dials, and the destination waits, this
 * time for a minute. */
static inline struct ends *ends_open(const struct km_creds *here, const struct km_creds *there,
				     unsigned int retry_ms, unsigned int return_ms)
{
	struct ends *e = calloc(1, sizeof(*e));

	ends_open_sink(e, there, return_ms);
	e->k.control.fd = -1;
	e->k.broken = true;
	e->k.away_until_ms = km_now_ms() + 60000;
	strcpy(e->k.why_broken.text, "it never was up");
	ends_open_source(e, here, retry_ms);
	e->s.m.broken = true;
	strcpy(e->s.m.why_broken.text, "it never was up");
	if (pthread_create(&e->sink_thread, NULL, ends_sink_main, e))
		_exit(1);
	return e;
}

static inline void ends_close(struct ends *e)
{
	struct km_err none = { 0 };

	e->s.m.finished = true;
	km_source_redial_end(&e->s, &none);
	for (unsigned int i = 0; i < MOVE_STREAMS; i++)
		km_conn_shutdown(&e->s.m.lanes[i].conn);
	km_conn_shutdown(&e->s.m.control);
	km_move_wake(&e->s.m);
	km_pinger_stop(&e->s.pinger);
	km_senders_join(&e->s.m);
	if (e->s.control)
		pthread_join(e->s.control, NULL);
	for (unsigned int i = 0; i < MOVE_STREAMS; i++) {
		km_conn_close(&e->s.m.lanes[i].conn);
		km_inflight_free(&e->s.m.lanes[i].inflight);
	}
	km_conn_close(&e->s.m.control);
	km_err_set(&none, -ECANCELED, "the test is over");
	km_sink_fail(&e->k, &none);
	close(e->qemu); /* wakes who writes to it */
	pthread_join(e->sink_thread, NULL);
	km_pinger_stop(&e->k.pinger);
	for (unsigned int i = 0; i < MOVE_STREAMS; i++) {
		if (e->k.lanes[i].s)
			km_conn_shutdown(&e->k.lanes[i].conn);
		if (e->k.lanes[i].thread)
			pthread_join(e->k.lanes[i].thread, NULL);
		if (e->k.lanes[i].s)
			km_conn_close(&e->k.lanes[i].conn);
	}
	km_door_clear(&e->k.door);
	if (e->k.control.fd > 0)
		km_conn_close(&e->k.control);
	close(e->ko.listen_fd);
	close(e->k.q.channel_fd);
	close(e->rp[0]);
	close(e->rp[1]);
	km_talk_free(&e->s.m.talk);
	km_talk_free(&e->k.talk);
	km_guestmem_close(e->s.m.mem);
	km_guestmem_close(e->k.mem);
	km_ledger_free(e->s.m.ledger);
	km_ledger_free(e->k.blocks);
	memory_close(&e->mem_here);
	memory_close(&e->mem_there);
	free(e);
}

/* The source's main loop, until what is waited for is so, or it failed; false: not within 60 s. */
static inline bool ends_turn_until(struct ends *e, bool (*done)(struct ends *e), struct km_err *err)
{
	double end = km_now_ms() + 60000;
	int rc = 0;

	while (!rc && !done(e) && km_now_ms() < end) {
		rc = e->s.m.failed ? (*err = e->s.m.err, err->code) : km_source_redial(&e->s, err);
		usleep(1000);
	}
	return !rc && done(e);
}

static inline bool ends_up(struct ends *e)
{
	return !e->s.m.broken;
}

#endif
