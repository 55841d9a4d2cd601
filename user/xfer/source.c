// SPDX-License-Identifier: GPL-2.0
/*
 * The source of a move.
 *
 *   SETUP --migrate--> PRECOPY --guest stopped--> SWITCHOVER --loaded--> COMMIT --RUNNING--> DONE
 *      \                 \                          \                       \
 *       +-----------------+--------------------------+--> back: the guest    +--> in doubt, unless
 *                                                         runs here              DEAD comes
 *
 * COMMIT is entered when the destination has said LOADED and the source QEMU
 * has said "completed": from then on QEMU does not resume by itself
 * (migration_iteration_finish()), so GO can't make two running guests.  Until
 * GO is sent every failure goes back (I4); after it none does (I5), except
 * when the destination answers that its QEMU is dead.
 */
#include "source.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "../ctl/ramblocks.h"
#include "../ctl/vms.h"
#include "move.h"
#include "multifd.h"
#include "pace.h"
#include "qmigrate.h"
#include "verify.h"

struct source {
	const struct km_source_opts *o;
	const struct km_vm *vm;
	struct km_run *run;
	struct km_move m;
	struct km_qmp *qmp;
	struct km_qmig_saved saved;
	bool relay, was_running, started, qemu_done, go_sent;
	_Atomic bool loaded, running, dead, verified;
	struct km_verify verify;
	char session[64], dir[64], why_dead[KM_ERR_MAX];
	unsigned int dest_port;
	int listen_fd;
	pthread_t control;
	double t0, t_stop, t_go, t_verify, t_query, t_ping;
	uint64_t last_acked;
	double last_rate_at;
	unsigned int downtime_ms;
};

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* ---- km_move, shared with intake.c and sender.c ---- */

int km_move_fail(struct km_move *m, const struct km_err *err)
{
	pthread_mutex_lock(&m->lock);
	if (!m->failed && !m->finished && err->code != -ECANCELED) {
		m->err = *err;
		m->failed = true;
		for (unsigned int i = 0; i < m->nlanes; i++)
			km_conn_shutdown(&m->lanes[i].conn);
		/* QEMU sees its sockets close, fails the migration, and resumes. */
		if (m->main_fd > 0)
			shutdown(m->main_fd, SHUT_RDWR);
		for (unsigned int i = 0; i < m->nchannels; i++)
			shutdown(m->channels[i].fd, SHUT_RDWR);
	}
	pthread_cond_broadcast(&m->cond);
	pthread_mutex_unlock(&m->lock);
	return err->code ? err->code : -EIO;
}

void km_move_wait(struct km_move *m, int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += (long)ms * 1000000;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	pthread_mutex_lock(&m->lock);
	if (!m->failed)
		pthread_cond_timedwait(&m->cond, &m->lock, &ts);
	pthread_mutex_unlock(&m->lock);
}

void km_move_wake(struct km_move *m)
{
	pthread_mutex_lock(&m->lock);
	pthread_cond_broadcast(&m->cond);
	pthread_mutex_unlock(&m->lock);
}

uint64_t km_move_acked(struct km_move *m)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < m->nlanes; i++)
		n += m->lanes[i].acked_pages;
	return n;
}

uint64_t km_move_backlog(struct km_move *m)
{
	uint64_t acked = km_move_acked(m), fresh = m->fresh;

	return fresh > acked ? fresh - acked : 0;
}

/* ---- the destination's messages ---- */

static int heard(struct source *s, const struct km_msg *msg, const uint8_t *buf, struct km_err *err)
{
	json_t *j = NULL;
	const char *text;
	int rc = 0;

	if (msg->op == KM_OP_FAILED || msg->op == KM_OP_DEAD || msg->op == KM_OP_VERIFIED)
		j = json_loadb((const char *)buf, msg->len, 0, NULL);
	text = json_string_value(json_object_get(j, "error"));
	switch (msg->op) {
	case KM_OP_RP:
		if (!s->relay)
			break;
		rc = km_write_full(s->m.main_fd, buf, msg->len);
		if (rc)
			km_err_set(err, rc, "the source QEMU closed its return path");
		goto out;
	case KM_OP_LOADED:
		s->loaded = true;
		goto out;
	case KM_OP_RUNNING:
		s->running = true;
		goto out;
	case KM_OP_DEAD:
		snprintf(s->why_dead, sizeof(s->why_dead), "%.400s", text ? text : "no reason given");
		s->dead = true;
		goto out;
	case KM_OP_VERIFIED:
		s->verify.done = true;
		s->verify.pages = (uint64_t)json_integer_value(json_object_get(j, "pages"));
		s->verify.differing = (uint64_t)json_integer_value(json_object_get(j, "differing"));
		s->verify.allowed = (uint64_t)json_integer_value(json_object_get(j, "allowed"));
		text = json_string_value(json_object_get(j, "first"));
		snprintf(s->verify.first, sizeof(s->verify.first), "%s", text ? text : "");
		s->verified = true;
		goto out;
	case KM_OP_FAILED:
		rc = km_err_set(err, -EREMOTEIO, "destination: %.400s", text ? text : "failed");
		goto out;
	default:
		break;
	}
	rc = km_err_set(err, -EPROTO, "unexpected %s from the destination", km_op_name(msg->op));
out:
	json_decref(j);
	return rc;
}

static void *control_main(void *arg)
{
	struct source *s = arg;
	struct km_err err = { 0 };
	struct km_msg msg;
	int rc = 0;

	while (!rc && !s->running && !s->dead) {
		rc = km_recv(&s->m.control, &msg, &err);
		if (!rc)
			rc = heard(s, &msg, s->m.control.buf, &err);
		km_move_wake(&s->m);
	}
	if (rc)
		km_move_fail(&s->m, &err);
	return NULL;
}

/* ---- set-up ---- */

static int say_hello(struct source *s, struct km_err *err)
{
	json_t *j = NULL, *args = json_array(), *hello;
	char **argv = NULL;
	const char *text;
	enum km_op op;
	int rc = km_argv_read(s->vm->pid, &argv, err);

	for (char **a = argv; !rc && *a; a++)
		json_array_append_new(args, json_string(*a));
	km_argv_free(argv);
	if (rc) {
		json_decref(args);
		return rc;
	}
	hello = json_pack("{s:s,s:s,s:s,s:o,s:i,s:s,s:b,s:s*}", "name", s->vm->name, "exe",
			  s->vm->exe, "uuid", s->vm->uuid, "argv", args, "streams",
			  (int)s->o->streams, "engine", s->o->engine, "paused", !s->was_running,
			  "token", s->o->token);
	rc = km_send_json(&s->m.control, KM_OP_HELLO, hello, err);
	if (!rc)
		rc = km_recv_json(&s->m.control, &op, &j, err);
	if (rc)
		return rc;
	text = json_string_value(json_object_get(j, "error"));
	if (op != KM_OP_WELCOME)
		rc = km_err_set(err, -EREMOTEIO, "destination: %.400s",
				text ? text : "refused the guest");
	text = json_string_value(json_object_get(j, "session"));
	snprintf(s->session, sizeof(s->session), "%s", text ? text : "");
	s->dest_port = (unsigned int)json_integer_value(json_object_get(j, "port"));
	json_decref(j);
	return rc;
}

static int open_lanes(struct source *s, struct km_err *err)
{
	struct km_msg msg;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < s->o->streams; i++) {
		struct km_lane *l = &s->m.lanes[i];

		l->move = &s->m;
		l->index = i;
		rc = km_conn_dial(&l->conn, s->o->host, s->o->port, (int)s->o->peer_ms, err);
		if (rc)
			break;
		s->m.nlanes = i + 1;
		rc = km_send_json(&l->conn, KM_OP_STREAM,
				  json_pack("{s:s,s:i}", "session", s->session, "stream", (int)i),
				  err);
		if (!rc)
			rc = km_recv(&l->conn, &msg, err);
		if (!rc && msg.op != KM_OP_WELCOME)
			rc = km_err_set(err, -EPROTO, "the destination refused a stream");
		if (!rc) { /* liveness is the control connection's job */
			struct timeval forever = { 0 };

			setsockopt(l->conn.fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
		}
	}
	return rc;
}

static int listen_unix(struct source *s, struct km_err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	mkdir("/run/kmigrate", 0700);
	snprintf(s->dir, sizeof(s->dir), "/run/kmigrate/out-XXXXXX");
	if (!mkdtemp(s->dir)) {
		s->dir[0] = '\0';
		return km_err_set(err, -errno, "cannot make a directory in /run/kmigrate: %s",
				  strerror(errno));
	}
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/mig", s->dir);
	s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->listen_fd < 0 || bind(s->listen_fd, (struct sockaddr *)&un, sizeof(un)) ||
	    listen(s->listen_fd, KM_STREAMS_MAX + 1))
		return km_err_set(err, -errno, "cannot listen on %s: %s", un.sun_path,
				  strerror(errno));
	return 0;
}

static int accept_qemu(struct source *s, int *fd, struct km_err *err)
{
	struct pollfd p = { .fd = s->listen_fd, .events = POLLIN };
	struct km_qmig_status st = { 0 };

	for (int i = 0; i < 100; i++) {
		if (poll(&p, 1, 200) > 0) {
			*fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
			return *fd < 0 ? km_err_set(err, -errno, "accept: %s", strerror(errno)) : 0;
		}
		if (!km_qmig_query(s->qmp, &st, NULL) && !strcmp(st.status, "failed"))
			break;
	}
	return km_err_set(err, -EREMOTEIO, "the source QEMU did not start its migration: %s",
			  st.error[0] ? st.error : "it never connected");
}

static int start_relay(struct source *s, struct km_err *err)
{
	uint8_t init[KM_MULTIFD_INIT_BYTES];
	struct km_multifd_init mi;
	char uri[128];
	int rc = open_lanes(s, err);

	if (!rc)
		rc = listen_unix(s, err);
	snprintf(uri, sizeof(uri), "unix:%s/mig", s->dir);
	if (!rc)
		rc = km_qmig_start(s->qmp, uri, err);
	if (rc)
		return rc;
	s->started = true;
	rc = accept_qemu(s, &s->m.main_fd, err); /* the first connection is the main one */
	for (unsigned int i = 0; !rc && i < s->o->streams; i++) {
		struct km_channel *c = &s->m.channels[i];

		rc = accept_qemu(s, &c->fd, err);
		if (rc)
			break;
		c->move = &s->m;
		s->m.nchannels = i + 1;
		rc = km_read_full(c->fd, init, sizeof(init));
		rc = rc ? km_err_set(err, rc, "a multifd channel broke off") :
			  km_multifd_init_parse(init, &mi, err);
	}
	if (!rc)
		rc = km_senders_start(&s->m, err);
	if (!rc)
		rc = km_intake_start(&s->m, err);
	return rc;
}

static int start_qemu_engine(struct source *s, struct km_err *err)
{
	char uri[512];
	int rc;

	snprintf(uri, sizeof(uri), "tcp:%s:%u", s->o->host, s->dest_port);
	rc = km_qmig_start(s->qmp, uri, err);
	s->started = !rc;
	return rc;
}

static int set_up(struct source *s, struct km_err *err)
{
	char state[32];
	int rc = km_qmp_open(&s->qmp, s->vm->qmp, KM_QMP_MS, err);

	if (!rc)
		rc = km_qmp_run_state(s->qmp, state, err);
	if (rc)
		return rc;
	s->was_running = !strcmp(state, "running");
	if (!s->was_running && strcmp(state, "paused") && strcmp(state, "prelaunch"))
		return km_err_set(err, -EBUSY, "guest %s is in state %s and can't be moved",
				  s->vm->name, state);
	rc = km_ramblocks_read(s->qmp, s->vm->pid, &s->m.where, err);
	if (!rc)
		rc = km_conn_dial(&s->m.control, s->o->host, s->o->port, (int)s->o->peer_ms, err);
	if (!rc)
		rc = say_hello(s, err);
	if (!rc)
		rc = km_qmig_prepare_source(s->qmp, s->relay, s->o->streams, &s->saved, err);
	if (!rc)
		rc = pthread_create(&s->control, NULL, control_main, s) ? -EAGAIN : 0;
	if (!rc)
		rc = s->relay ? start_relay(s, err) : start_qemu_engine(s, err);
	return rc;
}

/* ---- while it runs ---- */

static void snapshot(struct source *s)
{
	struct km_counters *c = &s->run->c;
	struct km_move *m = &s->m;
	double t = now_ms();

	c->listed_pages = m->listed;
	c->merged_pages = m->merged;
	c->sent_pages = m->sent;
	c->zero_pages = m->zero;
	c->raw_pages = m->raw;
	c->payload_bytes = m->payload_bytes;
	c->device_bytes = m->device_bytes;
	c->acked_pages = km_move_acked(m);
	c->backlog_pages = km_move_backlog(m);
	c->wire_bytes = m->control.written_bytes;
	for (unsigned int i = 0; i < m->nlanes; i++)
		c->wire_bytes += m->lanes[i].conn.written_bytes;
	if (t - s->last_rate_at >= 200) {
		/* Pages applied, zero pages included: this is what drains the backlog. */
		double rate = (double)(c->acked_pages - s->last_acked) * KM_PAGE_SIZE * 1e3 /
			      (t - s->last_rate_at);

		c->goodput_bytes_per_s = c->goodput_bytes_per_s ?
						 (uint64_t)((double)c->goodput_bytes_per_s * 0.5 +
							    rate * 0.5) :
						 (uint64_t)rate;
		s->last_acked = c->acked_pages;
		s->last_rate_at = t;
	}
}

static int steer(struct source *s, struct km_err *err)
{
	struct km_counters *c = &s->run->c;
	struct km_qmig_status st;
	unsigned int ms;
	int rc = km_qmig_query(s->qmp, &st, err);

	if (rc)
		return rc;
	c->rounds = st.rounds;
	c->qemu_remaining_bytes = st.remaining_bytes;
	c->dirty_pages_per_s = st.dirty_pages_per_s;
	if (!strcmp(st.status, "completed"))
		s->qemu_done = true;
	if (!strcmp(st.status, "failed") || !strcmp(st.status, "cancelled"))
		return km_err_set(err, -EREMOTEIO, "the source QEMU ended the migration: %s",
				  st.error[0] ? st.error : st.status);
	if (!s->relay || s->t_stop > 0)
		return 0;
	s->m.backlog_cap = km_pace_backlog_pages(c->goodput_bytes_per_s, s->o->max_pause_ms);
	ms = km_pace_downtime_ms(c->goodput_bytes_per_s, c->backlog_pages * KM_PAGE_SIZE,
				 (uint64_t)(st.mbps * 1e6 / 8), s->o->max_pause_ms);
	if (ms == s->downtime_ms)
		return 0;
	s->downtime_ms = ms;
	return km_qmig_set_downtime_ms(s->qmp, ms, err);
}

static void see_events(struct source *s, int wait_ms)
{
	json_t *ev;

	while (!km_qmp_event(s->qmp, &ev, wait_ms, NULL)) {
		const char *name = json_string_value(json_object_get(ev, "event"));
		const char *st = json_string_value(
			json_object_get(json_object_get(ev, "data"), "status"));

		if (name && !strcmp(name, "STOP") && !(s->t_stop > 0)) {
			s->t_stop = now_ms();
			s->run->phase = KM_PHASE_SWITCHOVER;
		}
		if (name && !strcmp(name, "MIGRATION") && st && !strcmp(st, "completed"))
			s->qemu_done = true;
		json_decref(ev);
		wait_ms = 0;
	}
}

static int cycle(struct source *s, struct km_err *err)
{
	double t;
	int rc = 0;

	see_events(s, s->t_stop > 0 ? 2 : 20);
	if (s->m.failed) {
		*err = s->m.err;
		return err->code;
	}
	t = now_ms();
	if (t - s->t_query >= 100) {
		s->t_query = t;
		rc = steer(s, err);
	}
	if (!rc && t - s->t_ping >= 1000) {
		s->t_ping = t;
		rc = km_send(&s->m.control, KM_OP_PING, 0, NULL, 0, err);
	}
	snapshot(s);
	if (!rc && s->o->tick && s->o->tick(s->o->ctx, s->run, t - s->t0))
		rc = km_err_set(err, -EINTR, "cancelled");
	return rc;
}

static int verify(struct source *s, struct km_err *err)
{
	uint8_t *buf = malloc(KM_VERIFY_BYTES);
	int rc = buf ? 0 : km_err_set(err, -ENOMEM, "out of memory");

	s->t_verify = now_ms();
	for (uint32_t b = 0; !rc && b < km_ledger_blocks(s->m.ledger); b++) {
		uint64_t n, at = 0;

		for (; !rc && at < km_ledger_block_pages(s->m.ledger, b); at += n) {
			size_t len = km_verifier_build(s->m.mem, s->m.ledger, b, at, buf, &n);

			if (!len)
				break;
			rc = km_send(&s->m.control, KM_OP_VERIFY, 0, buf, len, err);
		}
	}
	free(buf);
	if (!rc)
		rc = km_send(&s->m.control, KM_OP_VERIFY, 0, NULL, 0, err);
	while (!rc && !s->verified)
		rc = cycle(s, err);
	if (rc)
		return rc;
	s->run->verify = s->verify;
	s->run->pause_verify_ms = now_ms() - s->t_verify;
	if (s->verify.differing > s->verify.allowed)
		return km_err_set(err, -EILSEQ, "%llu pages differ, the first is %s: not moved",
				  (unsigned long long)(s->verify.differing - s->verify.allowed),
				  s->verify.first);
	return 0;
}

/* The commit point.  0: RUNNING was heard. */
static int commit(struct source *s, struct km_err *err)
{
	int rc = 0;

	s->run->phase = KM_PHASE_COMMIT;
	s->t_go = now_ms();
	s->go_sent = true;
	rc = km_send(&s->m.control, KM_OP_GO, 0, NULL, 0, err);
	while (!rc && !s->running && !s->dead && !s->m.failed)
		km_move_wait(&s->m, 50);
	if (s->running) {
		s->run->pause_go_ms = now_ms() - s->t_go;
		s->run->pause_ms = s->t_stop > 0 ? now_ms() - s->t_stop : 0;
		return 0;
	}
	if (s->dead)
		return km_err_set(err, -EREMOTEIO, "the guest would not start at the destination: %s",
				  s->why_dead);
	return rc ? rc : km_err_set(err, -ECOMM, "GO was sent and its answer lost: %s",
				    s->m.err.text);
}

static int move(struct source *s, struct km_err *err)
{
	int rc = set_up(s, err);

	s->run->setup_ms = now_ms() - s->t0;
	s->run->phase = KM_PHASE_PRECOPY;
	s->last_rate_at = now_ms();
	while (!rc && !(s->loaded && s->qemu_done))
		rc = cycle(s, err);
	if (!rc && s->t_stop > 0)
		s->run->pause_drain_ms = now_ms() - s->t_stop;
	if (!rc && s->o->verify && s->relay)
		rc = verify(s, err);
	return rc ? rc : commit(s, err);
}

/* ---- the end ---- */

/* Makes sure that the guest runs here again. */
static void go_back(struct source *s)
{
	struct km_qmig_status st;
	char state[32] = "";

	for (int i = 0; s->qmp && i < 200; i++) {
		if (km_qmp_run_state(s->qmp, state, NULL))
			break;
		if (!s->was_running || !strcmp(state, "running")) {
			s->run->outcome = KM_OUT_STAYED;
			if (!s->started || km_qmig_query(s->qmp, &st, NULL) ||
			    (strcmp(st.status, "active") && strcmp(st.status, "setup") &&
			     strcmp(st.status, "cancelling") && strcmp(st.status, "device")))
				return;
		}
		/* QEMU resumes by itself once its migration has failed; one that
		 * had completed must be told. */
		if (!strcmp(state, "postmigrate"))
			km_qmp_exec(s->qmp, "cont", NULL, NULL, KM_QMP_MS, NULL);
		else if (s->started)
			km_qmp_exec(s->qmp, "migrate_cancel", NULL, NULL, KM_QMP_MS, NULL);
		usleep(50000);
	}
	if (s->run->outcome != KM_OUT_STAYED)
		s->run->outcome = s->started ? KM_OUT_LOST : KM_OUT_STAYED;
}

static void finish(struct source *s, int rc, const struct km_err *err)
{
	struct km_move *m = &s->m;

	if (rc && !s->go_sent && m->control.fd > 0)
		km_send(&m->control, KM_OP_ABORT, 0, err->text, strlen(err->text), NULL);
	if (rc)
		km_move_fail(m, err);
	m->finished = true;
	m->failed = m->failed || rc;
	km_move_wake(m);
	for (unsigned int i = 0; i < m->nlanes; i++)
		km_conn_shutdown(&m->lanes[i].conn);
	for (unsigned int i = 0; rc && i < m->nchannels; i++)
		shutdown(m->channels[i].fd, SHUT_RDWR);
	if (rc && m->main_fd > 0)
		shutdown(m->main_fd, SHUT_RDWR);
	if (rc && m->control.fd > 0)
		shutdown(m->control.fd, SHUT_RD);
	if (!rc)
		s->run->outcome = KM_OUT_MOVED;
	else if (s->go_sent && !s->dead)
		s->run->outcome = KM_OUT_DOUBT;
	else
		go_back(s);
	if (s->qmp && s->saved.caps && (rc || s->running))
		km_qmig_restore(s->qmp, &s->saved, NULL);
}

static void tear_down(struct source *s)
{
	struct km_move *m = &s->m;
	char path[96];

	km_intake_join(m);
	km_senders_join(m);
	if (s->control)
		pthread_join(s->control, NULL);
	for (unsigned int i = 0; i < m->nlanes; i++)
		km_conn_close(&m->lanes[i].conn);
	for (unsigned int i = 0; i < m->nchannels; i++)
		close(m->channels[i].fd);
	if (m->main_fd > 0)
		close(m->main_fd);
	if (m->control.fd > 0)
		km_conn_close(&m->control);
	if (s->listen_fd > 0)
		close(s->listen_fd);
	if (s->dir[0]) {
		snprintf(path, sizeof(path), "%s/mig", s->dir);
		unlink(path);
		rmdir(s->dir);
	}
	km_qmp_close(s->qmp);
	km_guestmem_close(m->mem);
	km_ledger_free(m->ledger);
}

int km_source_run(const struct km_source_opts *o, const struct km_vm *vm, struct km_run *run,
		  struct km_err *err)
{
	struct source *s = calloc(1, sizeof(*s));
	pthread_condattr_t mono;
	int rc;

	if (!s)
		return km_err_set(err, -ENOMEM, "out of memory");
	s->o = o;
	s->vm = vm;
	s->run = run;
	s->relay = !strcmp(o->engine, "relay");
	s->t0 = now_ms();
	s->m.pid = vm->pid;
	s->m.backlog_cap = km_pace_backlog_pages(0, o->max_pause_ms);
	pthread_mutex_init(&s->m.lock, NULL);
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(&s->m.cond, &mono);
	s->m.ledger = km_ledger_new(o->streams);
	rc = s->m.ledger ? move(s, err) : km_err_set(err, -ENOMEM, "out of memory");
	finish(s, rc, err);
	snapshot(s);
	run->total_ms = now_ms() - s->t0;
	if (!rc)
		run->phase = KM_PHASE_DONE;
	tear_down(s);
	free(s);
	return rc;
}
