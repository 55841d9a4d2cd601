// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bytes.h"
#include "fault.h"
#include "sink_priv.h"

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

	if ((!s->q.attached && (!exe || !json_is_array(argv))) ||
	    parse_uuid(json_string_value(json_object_get(hello, "uuid")), uuid))
		return km_err_set(err, -EPROTO, "HELLO without exe, argv or uuid");
	rc = s->q.attached ? 0 :
			     km_destqemu_start(&s->q, exe, argv, &s->o->replace, &s->o->append,
					       &s->guard, err);
	if (!rc)
		rc = km_sink_pins_apply(s, err);
	if (!rc)
		km_sink_place(s);
	if (!rc && s->relay)
		rc = km_destqemu_listen_relay(&s->q, s->nlanes, uuid, err);
	else if (!rc)
		rc = km_destqemu_listen_tcp(&s->q, &port, err);
	km_placing_look(&s->placing, &s->placed);
	json_object_set_new(welcome, "pid", json_integer(s->q.pid));
	json_object_set_new(welcome, "port", json_integer(port));
	return rc;
}

int km_sink_accept(struct sink *s, struct km_conn *c, int peer_ms, int wait_ms, struct km_err *err)
{
	struct pollfd p[] = {
		{ .fd = s->o->listen_fd, .events = POLLIN },
		{ .fd = s->control.fd > 0 ? s->control.fd : -1, .events = POLLRDHUP },
		{ .fd = s->q.attached ? s->q.attached->pidfd : -1, .events = POLLIN },
	};
	int fd;

	if (poll(p, 3, wait_ms) <= 0)
		return km_err_set(err, -ETIMEDOUT, "the source did not open its streams");
	if (p[1].revents)
		return km_err_set(err, -EPIPE, "the source went away before it opened its streams");
	if (p[2].revents)
		return km_err_set(err, -ECHILD, "QEMU %d, which was to take the guest, has ended",
				  s->q.pid);
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

		rc = km_sink_accept(s, &c, 0, (int)s->o->peer_ms, err);
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

/* A source whose GO was not answered asks what became of its guest: the journal
 * knows, whichever `kmigrate receive` it was. */
static void answer_outcome(struct sink *s, const json_t *ask)
{
	const char *session = json_string_value(json_object_get(ask, "session"));
	struct km_journal *list;
	enum km_op op = KM_OP_REFUSE;
	struct km_msg m;
	size_t n;

	if (km_journal_list(&list, &n, NULL))
		return;
	for (size_t i = 0; session && *session && i < n; i++)
		if (list[i].destination && !strcmp(list[i].session, session) &&
		    !km_journal_open(&list[i]))
			op = list[i].step == KM_STEP_MOVED ? KM_OP_RUNNING : KM_OP_DEAD;
	free(list);
	if (op == KM_OP_RUNNING)
		km_send(&s->control, op, 0, NULL, 0, NULL);
	else
		km_send_json(&s->control, op, json_pack("{s:s}", "error", "by the journal"), NULL);
	km_recv(&s->control, &m, NULL); /* BYE */
}

static int read_hello(struct sink *s, const json_t *hello, struct km_err *err)
{
	const char *t = json_string_value(json_object_get(hello, "token"));
	struct km_journal *j = &s->journal;

	if (s->o->token && (!t || strcmp(t, s->o->token)))
		return km_err_set(err, -EACCES, "the source does not know this receiver's token");
	s->nlanes = (unsigned int)json_integer_value(json_object_get(hello, "streams"));
	t = json_string_value(json_object_get(hello, "engine"));
	s->relay = t && !strcmp(t, "relay");
	s->paused = json_is_true(json_object_get(hello, "paused"));
	if (!s->nlanes || s->nlanes > KM_STREAMS_MAX) {
		s->nlanes = 0;
		return km_err_set(err, -EPROTO, "HELLO without a usable number of streams");
	}
	j->destination = true;
	j->was_running = !s->paused;
	t = json_string_value(json_object_get(hello, "id"));
	snprintf(j->id, sizeof(j->id), "%s", t ? t : "");
	t = json_string_value(json_object_get(hello, "name"));
	snprintf(j->vm_name, sizeof(j->vm_name), "%s", t ? t : "?");
	t = json_string_value(json_object_get(hello, "uuid"));
	snprintf(j->uuid, sizeof(j->uuid), "%s", t ? t : "");
	return 0;
}

static int new_session(struct sink *s, struct km_err *err)
{
	uint8_t rnd[16];

	if (getentropy(rnd, sizeof(rnd)))
		return km_err_set(err, -errno, "no random numbers");
	snprintf(s->journal.session, sizeof(s->journal.session), "%016llx%016llx",
		 (unsigned long long)km_get_le64(rnd), (unsigned long long)km_get_le64(rnd + 8));
	return 0;
}

static int be_ready(struct sink *s, const json_t *hello, struct km_err *err)
{
	json_t *welcome = json_object();
	int rc = read_hello(s, hello, err);

	if (!rc && s->q.attached)
		rc = km_attach_fits(s->q.attached, hello, err);
	if (!rc)
		rc = km_sink_pins_lay(s, hello, err);
	if (!rc)
		rc = new_session(s, err);
	if (!rc) {
		rc = km_journal_write(&s->journal, true, err);
		if (rc)
			s->journal.id[0] = '\0';
	}
	if (!rc)
		rc = km_sink_guard_start(s, err);
	if (!rc) { /* it is no stranger that asks */
		s->control.clocks = &s->clocks;
		rc = km_pinger_start(&s->pinger, &s->control, err);
	}
	if (!rc)
		rc = start_guest(s, hello, welcome, err);
	if (!rc) {
		s->journal.vm_pid = s->q.pid;
		snprintf(s->journal.qmp, sizeof(s->journal.qmp), "%s", s->q.monitor);
		rc = km_journal_write(&s->journal, false, err);
	}
	if (!rc)
		km_sink_arrival_open(s, hello, welcome);
	km_fault("qemu-started");
	json_object_set_new(welcome, "session", json_string(s->journal.session));
	if (s->pins)
		json_object_set_new(welcome, "pinning", km_sink_pins_answer(s));
	if (!rc)
		rc = km_send_json(&s->control, KM_OP_WELCOME, json_incref(welcome), err);
	if (!rc && s->relay)
		rc = accept_lanes(s, s->journal.session, err);
	if (!rc)
		rc = pthread_create(s->relay ? &s->rp : &s->watch, NULL,
				    s->relay ? km_sink_rp_main : km_sink_watch_main, s);
	json_decref(welcome);
	return rc > 0 ? km_err_set(err, -rc, "cannot start a thread") : rc;
}

int km_sink_set_up(struct sink *s, struct km_err *err)
{
	json_t *hello = NULL;
	enum km_op op;
	int rc = km_sink_accept(s, &s->control, (int)s->o->peer_ms, -1, err);

	if (rc)
		return rc;
	rc = km_recv_json(&s->control, &op, &hello, err);
	if (rc) {
		/* A port scanner, a health check: not a reason to stop serving. */
		rc = -EAGAIN;
	} else if (op == KM_OP_OUTCOME) {
		answer_outcome(s, hello);
		rc = -EAGAIN;
	} else if (op != KM_OP_HELLO) {
		rc = -EAGAIN;
	} else {
		rc = be_ready(s, hello, err);
		if (rc == -EAGAIN)
			rc = err->code = -EIO;
	}
	json_decref(hello);
	if (rc == -EAGAIN) {
		km_conn_close(&s->control);
		memset(err, 0, sizeof(*err));
	}
	return rc;
}
