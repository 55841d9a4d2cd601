// SPDX-License-Identifier: GPL-2.0
/*
 * The destination of a move.
 *
 *   IDLE --HELLO--> READY --BLOCKS--> FILLING --loaded--> LOADED --GO--> RUNNING
 *     \               \                  \                   \
 *      +---------------+------------------+-------------------+--> GONE
 *
 * Before GO every failure, and the source's silence, ends in GONE: QEMU is
 * killed (I4).  GO is the commit point (I5); after it QEMU is never killed but
 * where it refuses to run, and then the source is told DEAD.
 */
#include "sink.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../ctl/ramblocks.h"
#include "bytes.h"
#include "destqemu.h"
#include "frame.h"
#include "guestmem.h"
#include "qmigrate.h"
#include "verify.h"

struct sink;
struct lane {
	struct sink *s;
	struct km_conn conn;
	pthread_t thread;
	uint64_t applied_msgs; /* under lock */
};

struct sink {
	const struct km_sink_opts *o;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct km_err err; /* the first one */
	_Atomic bool failed, done, loaded;
	pthread_mutex_t inject; /* pages and SYNCs into QEMU's channels */
	struct km_destqemu q;
	struct km_conn control;
	unsigned int nlanes;
	struct lane lanes[KM_STREAMS_MAX];
	struct km_ledger *blocks; /* names and sizes only */
	struct km_guestmem *mem;
	struct km_verifier verify;
	pthread_t rp, watch;
	bool relay, paused;
	_Atomic uint64_t pages;
	char name[KM_NAME_MAX];
};

static int sink_fail(struct sink *s, const struct km_err *err)
{
	pthread_mutex_lock(&s->lock);
	if (!s->failed && !s->done) {
		s->err = *err;
		s->failed = true;
		/* Wakes the reader; FAILED can still be said. */
		shutdown(s->control.fd, SHUT_RD);
		for (unsigned int i = 0; i < s->nlanes; i++)
			km_conn_shutdown(&s->lanes[i].conn);
		if (s->q.main_fd > 0)
			shutdown(s->q.main_fd, SHUT_RDWR);
	}
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
	return err->code ? err->code : -EIO;
}

/* ---- pages ---- */

static int apply(struct sink *s, const struct km_msg *msg, const uint8_t *buf, struct km_err *err)
{
	struct km_wire_pages p;
	const uint8_t *content;
	int rc = km_wire_pages_parse(buf, msg->len, s->blocks, &p, err);

	if (rc)
		return rc;
	content = p.content;
	for (unsigned int i = 0; i < p.n; i++) {
		const uint8_t *data = p.raw[i] ? content : NULL;

		rc = km_guestmem_write(s->mem, p.block, p.index[i], data, err);
		if (rc == -EOPNOTSUPP) {
			pthread_mutex_lock(&s->inject);
			rc = km_destqemu_page(&s->q, km_ledger_block_name(s->blocks, p.block),
					      p.index[i], data, err);
			pthread_mutex_unlock(&s->inject);
		}
		if (rc)
			return rc;
		if (p.raw[i])
			content += KM_PAGE_SIZE;
	}
	atomic_fetch_add(&s->pages, p.n);
	return (int)p.n;
}

static void *lane_main(void *arg)
{
	struct lane *l = arg;
	struct sink *s = l->s;
	struct km_err err = { 0 };
	struct km_msg m;
	uint64_t acked = 0;
	int rc;

	for (;;) {
		rc = km_recv(&l->conn, &m, &err);
		if (s->done || s->failed)
			return NULL;
		if (!rc && (m.op != KM_OP_PAGES || m.seq != l->applied_msgs + 1))
			rc = km_err_set(&err, -EPROTO, "%s out of order on a stream",
					km_op_name(m.op));
		if (!rc)
			rc = apply(s, &m, l->conn.buf, &err);
		if (rc > 0) {
			acked += (uint64_t)rc;
			rc = km_send(&l->conn, KM_OP_ACK, acked, NULL, 0, &err);
		}
		if (rc) {
			sink_fail(s, &err);
			return NULL;
		}
		pthread_mutex_lock(&s->lock);
		l->applied_msgs++;
		pthread_cond_broadcast(&s->cond);
		pthread_mutex_unlock(&s->lock);
	}
}

/* I3, enforced where it can't be raced: nothing behind the fence reaches QEMU
 * before the pages before it are in its memory. */
static int wait_fence(struct sink *s, const uint8_t *buf, size_t len, struct km_err *err)
{
	if (len != 8 * (size_t)s->nlanes)
		return km_err_set(err, -EPROTO, "FENCE of %zu bytes", len);
	pthread_mutex_lock(&s->lock);
	for (unsigned int i = 0; i < s->nlanes; i++)
		while (s->lanes[i].applied_msgs < km_get_le64(buf + 8 * i) && !s->failed)
			pthread_cond_wait(&s->cond, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return s->failed ? -ECANCELED : 0;
}

/* ---- QEMU's return path and its state ---- */

static void *rp_main(void *arg)
{
	struct sink *s = arg;
	struct km_err err = { 0 };
	uint8_t buf[4096];

	for (;;) {
		ssize_t n = read(s->q.main_fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL; /* the watcher says whether that is good or bad */
		if (km_send(&s->control, KM_OP_RP, 0, buf, (size_t)n, &err)) {
			sink_fail(s, &err);
			return NULL;
		}
	}
}

static int watch_once(struct sink *s, struct km_err *err)
{
	struct km_qmig_status st;
	char words[256];
	json_t *ev;
	int rc;

	if (!km_qmp_event(s->q.qmp, &ev, 100, NULL))
		json_decref(ev);
	rc = km_qmig_query(s->q.qmp, &st, err);
	if (rc || !strcmp(st.status, "failed")) {
		km_destqemu_last_words(&s->q, words, sizeof(words));
		return km_err_set(err, -EIO, "the destination QEMU failed: %s", words);
	}
	if (strcmp(st.status, "completed"))
		return 0;
	s->loaded = true;
	return km_send(&s->control, KM_OP_LOADED, 0, NULL, 0, err);
}

static void *watch_main(void *arg)
{
	struct sink *s = arg;
	struct km_err err = { 0 };
	int rc = 0;

	while (!rc && !s->failed && !s->done && !s->loaded) {
		rc = watch_once(s, &err);
		if (!rc && !s->loaded)
			rc = km_send(&s->control, KM_OP_PING, 0, NULL, 0, &err);
	}
	if (rc)
		sink_fail(s, &err);
	return NULL;
}

/* ---- the control connection ---- */

static int got_blocks(struct sink *s, const uint8_t *buf, size_t len, struct km_err *err)
{
	json_t *j = json_loadb((const char *)buf, len, 0, NULL), *b;
	struct km_blocks where;
	size_t i;
	int rc = km_ramblocks_read(s->q.qmp, s->q.pid, &where, err);

	s->blocks = km_ledger_new(1);
	json_array_foreach(json_object_get(j, "blocks"), i, b)
	{
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
		rc = km_guestmem_open(&s->mem, s->q.pid, &where, s->blocks, false, err);
	km_verifier_init(&s->verify, s->blocks, s->mem);
	for (unsigned int k = 0; !rc && k < s->nlanes; k++)
		rc = pthread_create(&s->lanes[k].thread, NULL, lane_main, &s->lanes[k]);
	if (!rc)
		rc = pthread_create(&s->watch, NULL, watch_main, s);
	return rc > 0 ? km_err_set(err, -rc, "cannot start a thread") : rc;
}

/* The commit.  Returns 1 when the guest is here. */
static int got_go(struct sink *s, struct km_err *err)
{
	int rc;

	if (!s->loaded)
		return km_err_set(err, -EPROTO, "GO before the guest was loaded");
	pthread_join(s->watch, NULL);
	s->watch = 0;
	rc = s->paused ? 0 : km_destqemu_go(&s->q, err);
	if (rc) {
		km_destqemu_kill(&s->q);
		km_send_json(&s->control, KM_OP_DEAD, json_pack("{s:s}", "error", err->text),
			     NULL);
		return rc;
	}
	s->done = true;
	km_send(&s->control, KM_OP_RUNNING, 0, NULL, 0, NULL);
	return 1;
}

static int got(struct sink *s, const struct km_msg *m, const uint8_t *buf, struct km_err *err)
{
	int rc;

	if (s->relay && !s->mem && m->op != KM_OP_BLOCKS && m->op != KM_OP_MAIN &&
	    m->op != KM_OP_ABORT)
		return km_err_set(err, -EPROTO, "%s before BLOCKS", km_op_name(m->op));
	switch (m->op) {
	case KM_OP_BLOCKS:
		if (s->relay && !s->mem)
			return got_blocks(s, buf, m->len, err);
		break;
	case KM_OP_MAIN:
		if (!s->relay)
			break;
		rc = km_write_full(s->q.main_fd, buf, m->len);
		return rc ? km_err_set(err, rc, "the destination QEMU closed its main channel") : 0;
	case KM_OP_FENCE:
		return wait_fence(s, buf, m->len, err);
	case KM_OP_SYNC:
		pthread_mutex_lock(&s->inject);
		rc = km_destqemu_sync(&s->q, err);
		pthread_mutex_unlock(&s->inject);
		return rc;
	case KM_OP_VERIFY:
		if (!s->loaded)
			break;
		if (m->len)
			return km_verifier_check(&s->verify, buf, m->len, err);
		return km_send_json(&s->control, KM_OP_VERIFIED, km_verifier_json(&s->verify), err);
	case KM_OP_GO:
		return got_go(s, err);
	case KM_OP_ABORT:
		return km_err_set(err, -ECANCELED, "the source gave up: %.300s", buf);
	default:
		break;
	}
	return km_err_set(err, -EPROTO, "unexpected %s", km_op_name(m->op));
}

/* ---- set-up ---- */

static int parse_uuid(const char *text, uint8_t uuid[16])
{
	unsigned int v, n = 0;

	for (; text && *text && n < 16; text += *text == '-' ? 1 : 2) {
		if (*text == '-')
			continue;
		if (sscanf(text, "%2x", &v) != 1)
			return -EINVAL;
		uuid[n++] = (uint8_t)v;
	}
	return n == 16 ? 0 : -EINVAL;
}

static int start_guest(struct sink *s, const json_t *hello, json_t *welcome, struct km_err *err)
{
	const char *exe = json_string_value(json_object_get(hello, "exe"));
	const json_t *argv = json_object_get(hello, "argv");
	unsigned int port = 0;
	uint8_t uuid[16];
	int rc;

	if (!exe || !json_is_array(argv) ||
	    parse_uuid(json_string_value(json_object_get(hello, "uuid")), uuid))
		return km_err_set(err, -EPROTO, "HELLO without exe, argv or uuid");
	rc = km_destqemu_start(&s->q, exe, argv, &s->o->replace, &s->o->append, err);
	if (!rc && s->relay)
		rc = km_destqemu_listen_relay(&s->q, s->nlanes, uuid, err);
	else if (!rc)
		rc = km_destqemu_listen_tcp(&s->q, &port, err);
	json_object_set_new(welcome, "pid", json_integer(s->q.pid));
	json_object_set_new(welcome, "port", json_integer(port));
	return rc;
}

static int accept_conn(struct sink *s, struct km_conn *c, int peer_ms, int wait_ms,
		       struct km_err *err)
{
	struct pollfd p = { .fd = s->o->listen_fd, .events = POLLIN };
	int fd;

	if (poll(&p, 1, wait_ms) <= 0)
		return km_err_set(err, -ETIMEDOUT, "the source did not open its streams");
	fd = accept4(s->o->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return km_err_set(err, -errno, "accept: %s", strerror(errno));
	km_conn_init(c, fd, peer_ms);
	return 0;
}

static int accept_lanes(struct sink *s, const char *session, struct km_err *err)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < s->nlanes; i++) {
		struct km_conn c;
		json_t *j = NULL;
		json_int_t k;
		enum km_op op;
		const char *given;

		rc = accept_conn(s, &c, 0, (int)s->o->peer_ms, err);
		if (!rc)
			rc = km_recv_json(&c, &op, &j, err);
		if (rc)
			break;
		given = json_string_value(json_object_get(j, "session"));
		k = json_integer_value(json_object_get(j, "stream"));
		if (op != KM_OP_STREAM || !given || strcmp(given, session) || k < 0 ||
		    k >= s->nlanes || s->lanes[k].s)
			rc = km_err_set(err, -EPROTO, "a stranger's stream");
		json_decref(j);
		if (rc) {
			km_conn_close(&c);
			break;
		}
		s->lanes[k].conn = c;
		s->lanes[k].s = s;
		rc = km_send(&s->lanes[k].conn, KM_OP_WELCOME, 0, NULL, 0, err);
	}
	return rc;
}

static int set_up(struct sink *s, struct km_err *err)
{
	json_t *hello = NULL, *welcome = json_object();
	char session[40];
	uint8_t rnd[16];
	const char *t;
	enum km_op op;
	int rc = km_recv_json(&s->control, &op, &hello, err);

	if (rc)
		goto out;
	t = json_string_value(json_object_get(hello, "token"));
	if (op != KM_OP_HELLO || (s->o->token && (!t || strcmp(t, s->o->token)))) {
		rc = km_err_set(err, -EACCES, "the source does not know this receiver's token");
		goto out;
	}
	s->nlanes = (unsigned int)json_integer_value(json_object_get(hello, "streams"));
	t = json_string_value(json_object_get(hello, "engine"));
	s->relay = t && !strcmp(t, "relay");
	s->paused = json_is_true(json_object_get(hello, "paused"));
	t = json_string_value(json_object_get(hello, "name"));
	snprintf(s->name, sizeof(s->name), "%s", t ? t : "?");
	if (!s->nlanes || s->nlanes > KM_STREAMS_MAX)
		rc = km_err_set(err, -EPROTO, "HELLO with %u streams", s->nlanes);
	if (!rc)
		rc = start_guest(s, hello, welcome, err);
	if (!rc && getentropy(rnd, sizeof(rnd)))
		rc = km_err_set(err, -errno, "no random numbers");
	if (!rc) {
		snprintf(session, sizeof(session), "%016llx%016llx",
			 (unsigned long long)km_get_le64(rnd),
			 (unsigned long long)km_get_le64(rnd + 8));
		json_object_set_new(welcome, "session", json_string(session));
		rc = km_send_json(&s->control, KM_OP_WELCOME, json_incref(welcome), err);
	}
	if (!rc && s->relay)
		rc = accept_lanes(s, session, err);
	if (!rc)
		rc = pthread_create(s->relay ? &s->rp : &s->watch, NULL,
				    s->relay ? rp_main : watch_main, s);
out:
	json_decref(hello);
	json_decref(welcome);
	return rc > 0 ? km_err_set(err, -rc, "cannot start a thread") : rc;
}

static void stop_threads(struct sink *s)
{
	if (s->q.main_fd > 0)
		shutdown(s->q.main_fd, SHUT_RDWR);
	for (unsigned int i = 0; i < s->nlanes; i++) {
		if (s->lanes[i].s)
			km_conn_shutdown(&s->lanes[i].conn);
		if (s->lanes[i].thread)
			pthread_join(s->lanes[i].thread, NULL);
		if (s->lanes[i].s)
			km_conn_close(&s->lanes[i].conn);
	}
	if (s->rp)
		pthread_join(s->rp, NULL);
	if (s->watch)
		pthread_join(s->watch, NULL);
}

static int serve(struct sink *s, struct km_err *err)
{
	struct km_msg m;
	int rc = set_up(s, err);

	while (!rc) {
		rc = km_recv(&s->control, &m, err);
		if (!rc)
			rc = got(s, &m, s->control.buf, err);
	}
	if (rc > 0) { /* RUNNING was said; let the source close first */
		km_recv(&s->control, &m, NULL);
		return 0;
	}
	/* Our own first error says more than the connection it broke. */
	if (s->failed)
		*err = s->err;
	s->failed = true;
	return err->code ? err->code : -EIO;
}

int km_sink_serve(const struct km_sink_opts *o, struct km_sink_result *res, struct km_err *err)
{
	struct sink *s = calloc(1, sizeof(*s));
	int rc = s ? 0 : km_err_set(err, -ENOMEM, "out of memory");

	if (rc)
		return rc;
	s->o = o;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->inject, NULL);
	pthread_cond_init(&s->cond, NULL);
	rc = accept_conn(s, &s->control, (int)o->peer_ms, -1, err);
	if (!rc)
		rc = serve(s, err);
	res->outcome = rc ? KM_OUT_STAYED : KM_OUT_MOVED;
	if (rc && s->q.pid)
		kill(s->q.pid, SIGKILL);
	stop_threads(s);
	if (rc) {
		/* After a QEMU is certainly gone, so that FAILED means what it says. */
		km_destqemu_kill(&s->q);
		if (s->control.fd > 0)
			km_send_json(&s->control, KM_OP_FAILED,
				     json_pack("{s:s}", "error", err->text), NULL);
	} else {
		res->pid = s->q.pid;
		km_destqemu_release(&s->q);
	}
	snprintf(res->vm_name, sizeof(res->vm_name), "%s", s->name);
	res->pages = s->pages;
	km_conn_close(&s->control);
	km_guestmem_close(s->mem);
	km_ledger_free(s->blocks);
	free(s);
	return rc;
}
