// SPDX-License-Identifier: GPL-2.0
/*
 * A guest writes, somebody cuts connections, and at the end the destination has what the guest has:
 * the real senders, streams and doors over TCP, again and again (redialends.h).
 */
#include "ktap.h"
#include "redialends.h"

enum { BREAKS = 12, PONG = 2 };

struct writer { /* the guest, and the QEMU that lists what it wrote */
	struct ends *e;
	_Atomic bool stop;
	uint64_t words; /* said as MAIN */
	pthread_t thread;
};

static void write_page(struct ends *e, unsigned int *seed)
{
	unsigned int page = (unsigned int)rand_r(seed) % 8 ?
				    (unsigned int)rand_r(seed) % 32 :
				    (unsigned int)rand_r(seed) % MOVE_PAGES;
	uint8_t *at = e->mem_here.bytes + (size_t)page * 4096;
	struct km_page p = { 0, page };

	if (rand_r(seed) % 16) /* a little of it, or all */
		at[(unsigned int)rand_r(seed) % 4096] = (uint8_t)rand_r(seed);
	else
		for (unsigned int i = 0; i < 4096; i++)
			at[i] = (uint8_t)rand_r(seed);
	km_ledger_list(e->s.m.ledger, p, km_sum_handed(km_sum_of(e->s.m.secret, at)));
	e->s.m.listed++;
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	struct km_err err = { 0 };
	unsigned int seed = 7;
	uint8_t word[8];

	while (!w->stop) {
		for (unsigned int i = 0; i < 64 && km_move_backlog(&w->e->s.m) < 256; i++)
			write_page(w->e, &seed);
		km_move_wake(&w->e->s.m);
		if (rand_r(&seed) % 4 == 0) {
			km_put_le64(word, w->words++);
			if (km_conn_broke(km_talk_say(&w->e->s.m.talk, KM_OP_MAIN, word,
						      sizeof(word), &err)))
				km_move_broke(&w->e->s.m, &err);
		}
		usleep(1000);
	}
	return NULL;
}

/* The destination QEMU's return path: PONGs with a number. */
struct ponger {
	struct ends *e;
	_Atomic bool stop;
	uint32_t said;
	pthread_t thread;
};

static void *ponger_main(void *arg)
{
	struct ponger *p = arg;
	struct km_err err = { 0 };

	while (!p->stop) {
		uint8_t pong[8] = { 0, PONG, 0, 4 };

		km_put_le32(pong + 4, p->said++);
		if (km_sink_say(&p->e->k, KM_OP_RP, pong, sizeof(pong), &err))
			break;
		usleep(5000);
	}
	return NULL;
}

/* The source QEMU, which reads them. */
struct listener {
	int fd;
	_Atomic uint32_t heard;
	_Atomic bool disorder;
	pthread_t thread;
};

static void *listener_main(void *arg)
{
	struct listener *l = arg;
	uint8_t pong[8];

	while (!km_read_full(l->fd, pong, sizeof(pong)))
		if (pong[1] != PONG || km_get_le32(pong + 4) != l->heard++)
			l->disorder = true;
	return NULL;
}

/* As a firewall or a cable would, to any one or all of them. What is in the socket is lost, or
 * not. */
static void break_something(struct ends *e, unsigned int *seed)
{
	struct linger l = { .l_onoff = 1 };
	unsigned int which = (unsigned int)rand_r(seed) % 8;

	for (unsigned int i = 0; i < MOVE_STREAMS; i++) {
		int fd = e->s.m.lanes[i].conn.fd;

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		if (which < 4 || which == 4 + i)
			shutdown(fd, rand_r(seed) % 2 ? SHUT_RDWR : SHUT_RD);
	}
	if (which < 4 || which >= 6)
		shutdown(e->s.m.control.fd, SHUT_RDWR);
}

static bool settled(struct ends *e)
{
	return !e->s.m.broken && !km_move_backlog(&e->s.m);
}

static unsigned int wrong_pages(const struct ends *e)
{
	unsigned int wrong = 0;

	for (size_t p = 0; p < MOVE_PAGES; p++)
		wrong += memcmp(e->mem_here.bytes + p * 4096, e->mem_there.bytes + p * 4096,
				4096) != 0;
	return wrong;
}

static bool carries(struct ends *e)
{
	return !e->s.m.broken && e->run.redials >= e->redials_wanted &&
	       km_move_acked(&e->s.m) > e->acked_broken + 200;
}

static void many_breaks(const struct km_creds *here, const struct km_creds *there, bool *ok)
{
	struct ends *e = ends_open(here, there, 600000, 600000);
	struct ponger p = { .e = e };
	struct writer w = { .e = e };
	struct listener l = { .fd = e->rp[0] };
	struct km_err err = { 0 };
	unsigned int seed = 3;

	CHECK(ends_turn_until(e, ends_up, &err));
	if (pthread_create(&w.thread, NULL, writer_main, &w) ||
	    pthread_create(&p.thread, NULL, ponger_main, &p) ||
	    pthread_create(&l.thread, NULL, listener_main, &l))
		_exit(1);
	for (unsigned int n = 0; *ok && n < BREAKS; n++) {
		CHECK(ends_turn_until(e, carries, &err));
		e->redials_wanted = e->run.redials + 1;
		e->acked_broken = km_move_acked(&e->s.m);
		break_something(e, &seed);
	}
	CHECK(ends_turn_until(e, carries, &err));
	w.stop = p.stop = true;
	pthread_join(w.thread, NULL);
	pthread_join(p.thread, NULL);
	CHECK(ends_turn_until(e, settled, &err));
	km_ledger_recall(e->s.m.ledger); /* as at the end of a move; all was listed once written */
	km_move_wake(&e->s.m);
	CHECK(ends_turn_until(e, settled, &err));
	if (!*ok)
		printf("# %s; destination: %s\n", err.text, e->sink_err.text);
	printf("# %u redials, %.0f ms away; %lu sent, of them %lu again, %lu as deltas; %u words\n",
	       e->run.redials, e->run.redial_ms, (unsigned long)e->s.m.sent,
	       (unsigned long)e->s.m.lost, (unsigned long)e->s.m.pages.pages[KM_KIND_DELTA],
	       (unsigned int)w.words);
	CHECK(!wrong_pages(e));
	CHECK(e->run.redials >= BREAKS && e->s.m.lost > 0);
	CHECK(e->s.m.pages.pages[KM_KIND_DELTA] > 0 && e->s.m.same > 0);
	for (int i = 0; i < 500 && (e->words < w.words || l.heard < p.said); i++)
		usleep(10000);
	CHECK(e->words == w.words && !e->disorder && w.words > 0);
	CHECK(l.heard == p.said && !l.disorder && p.said > 0);
	CHECK(!e->sink_over);
	shutdown(e->rp[1], SHUT_WR);
	pthread_join(l.thread, NULL);
	ends_close(e);
}

static void plain(bool *ok)
{
	many_breaks(NULL, NULL, ok);
}

static int no_older_key(const char *id, struct km_psk *k)
{
	(void)id;
	(void)k;
	return -ENOENT;
}

static void by_tls(bool *ok)
{
	struct km_creds *here = NULL, *there = NULL;
	struct km_err err = { 0 };
	struct km_psk k;

	CHECK(!km_psk_new(&k, &err) && !km_creds_of_key(&here, &k, NULL, &err) &&
	      !km_creds_of_key(&there, &k, no_older_key, &err));
	many_breaks(here, there, ok);
	km_creds_free(here);
	km_creds_free(there);
}

/* ---- nobody comes ---- */

struct waiter {
	struct km_sink_opts o;
	struct km_sink_result res;
	struct km_err err;
	unsigned int refused;
	pthread_t thread;
};

static void count_refused(void *ctx, const struct km_err *err)
{
	struct waiter *w = ctx;

	(void)err;
	w->refused++;
}

static void *waiter_main(void *arg)
{
	struct waiter *w = arg;

	km_sink_serve(&w->o, &w->res, &w->err);
	return NULL;
}

static void call(const char *port, enum km_op op, bool await_answer)
{
	struct km_conn c;
	struct km_msg m;

	if (km_conn_dial(&c, "127.0.0.1", port, NULL, 5000, NULL))
		return;
	km_send_json(&c, op, json_pack("{s:s}", "session", ""), NULL);
	if (await_answer)
		km_recv(&c, &m, NULL);
	km_conn_close(&c);
}

static void nobody_comes(bool *ok)
{
	struct waiter w = { .o = { .peer_ms = 5000, .refused = count_refused } };
	unsigned int port;
	char text[8];

	w.o.ctx = &w;
	w.o.listen_fd = km_listen_tcp("127.0.0.1", "0", &port, &w.err);
	snprintf(text, sizeof(text), "%u", port);
	CHECK(w.o.listen_fd >= 0 && !pthread_create(&w.thread, NULL, waiter_main, &w));
	call(text, KM_OP_STREAM, true);
	call(text, KM_OP_RESUME, true);
	km_redial_give_up("127.0.0.1", text, NULL, "", "no guest was sent");
	call(text, KM_OP_HELLO, false); /* ends it in another way, where it waits on */
	pthread_join(w.thread, NULL);
	close(w.o.listen_fd);
	CHECK(w.refused == 2 && w.err.code == -ECANCELED && !w.res.refused);
	CHECK(w.res.outcome == KM_OUT_STAYED && strstr(w.err.text, "no guest was sent"));
}

static const struct ktap_case cases[] = {
	{ "redial: connections break again and again, plain", plain },
	{ "redial: the same by TLS", by_tls },
	{ "give up: a destination to which nobody has come", nobody_comes },
};
KTAP_MAIN(cases)
