// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include "source_disks.h"
#include "source_priv.h"

static int write_rp(struct source *s, const uint8_t *buf, size_t len, struct km_err *err)
{
	int rc = len ? km_write_full(s->m.main_fd, buf, len) : 0;

	/* One that has died says so by its monitor (source_died.c). */
	if (rc && s->m.all_listed)
		return 0;
	return rc ? km_err_set(err, rc, "the source QEMU closed its return path") : 0;
}

static int give_held(struct source *s, struct km_err *err)
{
	size_t n = s->rp.nheld;

	s->rp.nheld = 0;
	return write_rp(s, s->rp.held, n, err);
}

static int heard_rp(struct source *s, const uint8_t *buf, size_t len, struct km_err *err)
{
	uint8_t out[4096 + 4];
	size_t n;
	int rc;

	if (len > 4096)
		return km_err_set(err, -EPROTO, "return path: %zu bytes at once", len);
	pthread_mutex_lock(&s->rp_lock);
	rc = km_retpath_feed(&s->rp, buf, len, out, &n, err);
	if (!rc)
		rc = write_rp(s, out, n, err);
	if (!rc && s->shut_allowed)
		rc = give_held(s, err);
	pthread_mutex_unlock(&s->rp_lock);
	return rc;
}

int km_source_release_shut(struct source *s, struct km_err *err)
{
	int rc;

	pthread_mutex_lock(&s->rp_lock);
	s->shut_allowed = true;
	rc = give_held(s, err);
	pthread_mutex_unlock(&s->rp_lock);
	return rc;
}

static void heard_verified(struct source *s, const json_t *j)
{
	const char *first = json_string_value(json_object_get(j, "first"));

	s->verify.done = true;
	s->verify.pages = (uint64_t)json_integer_value(json_object_get(j, "pages"));
	s->verify.differing = (uint64_t)json_integer_value(json_object_get(j, "differing"));
	s->verify.allowed = (uint64_t)json_integer_value(json_object_get(j, "allowed"));
	snprintf(s->verify.first, sizeof(s->verify.first), "%s", first ? first : "");
	s->verified = true;
}

/* FAILED and DEAD both come only after the destination QEMU is gone; once GO is
 * out they mean the same (sink.c). */
static int heard_end(struct source *s, const json_t *j, struct km_err *err)
{
	if (s->go_sent) {
		snprintf(s->why_dead, sizeof(s->why_dead), "%.400s",
			 km_msg_error(j, "no reason given"));
		s->dead = true;
		return 0;
	}
	return km_err_set(err, -EREMOTEIO, "destination: %.400s", km_msg_error(j, "failed"));
}

static void heard_loaded(struct source *s, const uint8_t *buf, size_t len)
{
	km_source_disks_heard(s, buf, len);
	km_mark(&s->m.marks, KM_MARK_TOLD);
	s->loaded = true;
	if (s->word_fd > 0)
		eventfd_write(s->word_fd, 1);
}

static void heard_running(struct source *s, const uint8_t *buf, size_t len)
{
	km_source_pause_answered(s, buf, len);
	s->running = true;
}

static int heard_reach(struct source *s, const uint8_t *buf, size_t len, struct km_err *err)
{
	if (len > KM_BLOCKS_MAX)
		return km_err_set(err, -EPROTO, "REACH of %zu blocks", len);
	for (size_t i = 0; i < len; i++)
		if (buf[i])
			s->m.takes_deltas[i] = true;
	return 0;
}

static int heard(struct source *s, const struct km_msg *msg, const uint8_t *buf, struct km_err *err)
{
	json_t *j = NULL;
	int rc = km_talk_check(&s->m.talk, msg, err);

	if (rc)
		return rc;
	if (msg->op == KM_OP_FAILED || msg->op == KM_OP_DEAD || msg->op == KM_OP_VERIFIED)
		j = json_loadb((const char *)buf, msg->len, 0, NULL);
	if (msg->op == KM_OP_RP && s->relay)
		rc = heard_rp(s, buf, msg->len, err);
	else if (msg->op == KM_OP_REACH)
		rc = heard_reach(s, buf, msg->len, err);
	else if (msg->op == KM_OP_LOADED)
		heard_loaded(s, buf, msg->len);
	else if (msg->op == KM_OP_RUNNING)
		heard_running(s, buf, msg->len);
	else if (msg->op == KM_OP_ARRIVAL && s->running)
		km_source_arrival_heard(s, buf, msg->len);
	else if (msg->op == KM_OP_VERIFIED)
		heard_verified(s, j);
	else if (msg->op == KM_OP_DEAD || msg->op == KM_OP_FAILED)
		rc = heard_end(s, j, err);
	else
		rc = km_err_set(err, -EPROTO, "unexpected %s from the destination",
				km_op_name(msg->op));
	json_decref(j);
	if (!rc)
		km_talk_done(&s->m.talk, msg);
	return rc;
}

/* It ends with its connection; another one begins with the next. */
void *km_source_control_main(void *arg)
{
	struct source *s = arg;
	struct km_err err = { 0 };
	struct km_msg msg;
	int rc = 0;

	while (!rc && !s->dead && !(s->running && (s->arrived || !s->arrival_promised))) {
		rc = km_recv(&s->m.control, &msg, &err);
		if (km_conn_broke(rc) && !s->running && !km_move_broke(&s->m, &err))
			return NULL;
		if (!rc)
			rc = heard(s, &msg, s->m.control.buf, &err);
		km_move_wake(&s->m);
	}
	if (rc && !s->running) {
		km_move_fail(&s->m, &err);
		km_source_disks_cut(s);
	}
	s->control_over = true;
	km_move_wake(&s->m);
	return NULL;
}
