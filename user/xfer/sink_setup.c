// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bytes.h"
#include "clock.h"
#include "fault.h"
#include "keep.h"
#include "sink_disks.h"
#include "sink_priv.h"
#include "tls.h"

/* Nobody's half-arrived guest is kept for longer. */
#define RETURN_MS_MAX 3600000

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

static int prepare_qemu(struct sink *s, const json_t *hello, struct km_err *err)
{
	struct km_destqemu_wish wish = {
		.exe = json_string_value(json_object_get(hello, "exe")),
		.allow = s->o->allow,
		.replace = km_sink_disks_replace(s),
		.append = &s->o->append,
	};
	const json_t *argv = json_object_get(hello, "argv");
	int rc;

	if (!wish.exe || !json_is_array(argv))
		return km_err_set(err, -EPROTO, "HELLO without exe or argv");
	rc = km_destqemu_prepare(&s->q, argv, &wish, err);
	if (rc == -EACCES)
		s->refused = KM_REFUSED_RULES;
	return rc;
}

/* Whatever can be known of the guest before anything is touched for it. */
static int judge(struct sink *s, const json_t *hello, struct km_err *err)
{
	int rc = s->q.attached ? km_attach_fits(s->q.attached, hello, err) : 0;

	if (!rc)
		rc = km_sink_pins_lay(s, hello, err);
	if (!rc)
		rc = km_sink_disks_lay(s, hello, err);
	if (!rc && !s->q.attached)
		rc = prepare_qemu(s, hello, err);
	return rc;
}

static int start_guest(struct sink *s, const json_t *hello, json_t *welcome, struct km_err *err)
{
	unsigned int port = 0;
	uint8_t uuid[16];
	int rc;

	if (parse_uuid(json_string_value(json_object_get(hello, "uuid")), uuid))
		return km_err_set(err, -EPROTO, "HELLO without a uuid");
	rc = km_sink_disks_make(s, err);
	if (!rc && !s->q.attached)
		rc = km_destqemu_start(&s->q, &s->guard, err);
	if (!rc)
		rc = km_sink_disks_check(s, err);
	if (!rc)
		rc = km_sink_pins_apply(s, err);
	if (!rc)
		km_sink_place(s);
	if (!rc && s->relay)
		rc = km_destqemu_listen_relay(&s->q, uuid, err);
	else if (!rc)
		rc = km_destqemu_listen_tcp(&s->q, &port, err);
	km_placing_look(&s->placing, &s->placed);
	json_object_set_new(welcome, "pid", json_integer(s->q.pid));
	json_object_set_new(welcome, "port", json_integer(port));
	return rc;
}

/* A source whose GO was not answered asks what became of its guest: the journal
 * knows, whichever `kmigrate receive` it was. */
static void answer_outcome(struct sink *s, const json_t *ask)
{
	const char *session = json_string_value(json_object_get(ask, "session"));
	struct km_journal *list;
	enum km_op op = KM_OP_REFUSE;
	ssize_t its = -1;
	struct km_msg m;
	size_t n;

	if (km_journal_list(&list, &n, NULL))
		return;
	for (size_t i = 0; session && *session && i < n; i++)
		if (list[i].destination && !strcmp(list[i].session, session) &&
		    !km_journal_open(&list[i]))
			its = (ssize_t)i;
	if (its >= 0)
		op = list[its].step == KM_STEP_MOVED ? KM_OP_RUNNING : KM_OP_DEAD;
	if (op == KM_OP_RUNNING)
		km_send(&s->control, op, 0, NULL, 0, NULL);
	else
		km_send_json(&s->control, op, json_pack("{s:s}", "error", "by the journal"), NULL);
	if (!km_recv(&s->control, &m, NULL) && m.op == KM_OP_BYE && its >= 0)
		km_keep_wipe(&list[its]);
	free(list);
}

static int read_hello(struct sink *s, const json_t *hello, struct km_err *err)
{
	struct km_journal *j = &s->journal;
	json_int_t back;
	const char *t;

	s->nlanes = (unsigned int)json_integer_value(json_object_get(hello, "streams"));
	t = json_string_value(json_object_get(hello, "engine"));
	s->relay = t && !strcmp(t, "relay");
	s->paused = json_is_true(json_object_get(hello, "paused"));
	s->verifies = json_is_true(json_object_get(hello, "verify"));
	back = json_integer_value(json_object_get(hello, "return_ms"));
	s->return_ms = s->relay && back > 0 && back <= RETURN_MS_MAX ? (unsigned int)back : 0;
	km_talk_init(&s->talk, &s->control, s->return_ms);
	if (!s->relay && s->o->creds)
		return km_err_set(err, -ENOTSUP,
				  "QEMU's own engine is not encrypted: it takes --insecure");
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

	if (!rc)
		rc = judge(s, hello, err);
	if (!rc)
		rc = new_session(s, err);
	if (!rc)
		rc = km_talk_up(&s->talk, 0, err);
	if (!rc) {
		rc = km_keep(&s->journal, s->o->creds, err);
		if (!rc)
			rc = km_journal_write(&s->journal, true, err);
		if (rc)
			s->journal.id[0] = '\0';
	}
	km_fault("journaled");
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
	if (s->disks)
		json_object_set_new(welcome, "disks", km_sink_disks_answer(s));
	if (!rc)
		rc = km_send_json(&s->control, KM_OP_WELCOME, json_incref(welcome), err);
	if (!rc)
		rc = km_sink_accept_lanes(s, err);
	km_door_clear(&s->door);
	if (!rc)
		rc = pthread_create(s->relay ? &s->rp : &s->watch, NULL,
				    s->relay ? km_sink_rp_main : km_sink_watch_main, s);
	json_decref(welcome);
	return rc > 0 ? km_err_set(err, -rc, "cannot start a thread") : rc;
}

/* 0: it is a source that may come here, and this is its HELLO. -ECANCELED: it may, and says that
 * no guest comes. -EAGAIN: it is none, and has been told so; a port scanner or a health check is no
 * reason to stop serving. */
static int meet(struct sink *s, json_t **hello, struct km_err *err)
{
	enum km_op op;
	int rc = km_recv_json(&s->control, &op, hello, err);

	if (rc) {
		if (rc != -EPIPE)
			km_sink_send_away(s, &s->control, err->text);
	} else if (op == KM_OP_OUTCOME) {
		answer_outcome(s, *hello);
	} else if (op != KM_OP_HELLO && op != KM_OP_ABORT) {
		km_sink_send_away(s, &s->control, "it waits for a source's first word");
	} else if (s->control.tls && km_tls_by_older_key(s->control.tls)) {
		km_sink_send_away(s, &s->control, "this pre-shared key was for an earlier move");
	} else if (op == KM_OP_ABORT) {
		s->understood = true;
		return km_err_set(err, -ECANCELED, "the source gave up: %.300s",
				  km_msg_error(*hello, "no reason given"));
	} else {
		return 0;
	}
	return -EAGAIN;
}

int km_sink_set_up(struct sink *s, struct km_err *err)
{
	json_t *hello = NULL;
	int rc = km_sink_await(s, &s->control, -1, err);

	if (rc)
		return rc;
	rc = meet(s, &hello, err);
	if (!rc) {
		rc = be_ready(s, hello, err);
		if (rc == -EAGAIN)
			rc = err->code = -EIO;
	} else if (rc == -EAGAIN) {
		km_conn_close(&s->control);
		memset(err, 0, sizeof(*err));
	}
	json_decref(hello);
	return rc;
}
