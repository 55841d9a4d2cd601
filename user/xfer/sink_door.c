// SPDX-License-Identifier: GPL-2.0
/*
 * Who comes to a destination that has a source: that source's streams, and that source once more
 * when a link broke, which this end need not have noticed.
 *
 *   UP --broken, or RESUME of a later life--> the threads of the streams are joined, all
 *    ^                                        connections closed: AWAY
 *    |                                           |
 *    +-- its streams have come <-- RESUME -------+--> the time is over, or ABORT: as any failure
 *
 * I3 over a broken link: what is still in the buffers of an old connection is never applied once
 * there is a new one, since nobody is left to read it: hang_up() has joined the streams' threads
 * before RESUMED is said, and so before the source can send a page on a new one.  A late stream
 * of a try that the source has given up is of an earlier life, and sent away.
 *
 * From FENCE on no link comes back: the guest stands still at the source, which goes on there.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "clock.h"
#include "fault.h"
#include "sink_disks.h"
#include "sink_priv.h"
#include "tls.h"

#define LOOK_MS 200

static bool returns(const struct sink *s)
{
	return s->return_ms && !s->fenced && !s->failed;
}

int km_sink_broke(struct sink *s, const struct km_err *err)
{
	bool comes_back;

	pthread_mutex_lock(&s->lock);
	comes_back = returns(s);
	if (comes_back && !s->broken) {
		s->broken = true;
		s->why_broken = *err;
		/* Its reader takes what has come, and then sees the end. */
		shutdown(s->control.fd, SHUT_RD);
	}
	pthread_mutex_unlock(&s->lock);
	return comes_back ? 0 : km_sink_fail(s, err);
}

int km_sink_say(struct sink *s, enum km_op op, const void *buf, size_t len, struct km_err *err)
{
	int rc = km_talk_say(&s->talk, op, buf, len, err);

	return km_conn_broke(rc) ? km_sink_broke(s, err) : rc;
}

int km_sink_no_more_returns(struct sink *s, struct km_err *err)
{
	bool broken;

	pthread_mutex_lock(&s->lock);
	broken = s->broken;
	s->fenced = true;
	if (broken)
		*err = s->why_broken;
	pthread_mutex_unlock(&s->lock);
	km_talk_finish(&s->talk);
	return broken ? err->code : 0;
}

static void hang_up(struct sink *s, const struct km_err *why)
{
	pthread_mutex_lock(&s->lock);
	if (!s->broken && why)
		s->why_broken = *why;
	s->broken = true;
	pthread_mutex_unlock(&s->lock);
	if (s->away_until_ms <= 0)
		s->away_until_ms = km_now_ms() + s->return_ms;
	km_conn_shutdown(&s->control); /* wakes who writes it */
	km_pinger_stop(&s->pinger);
	km_talk_down(&s->talk);
	for (unsigned int i = 0; i < s->nlanes; i++) {
		struct sink_lane *l = &s->lanes[i];

		if (l->s)
			km_conn_shutdown(&l->conn);
		if (l->thread)
			pthread_join(l->thread, NULL);
		if (l->s)
			km_conn_close(&l->conn);
		memset(l, 0, sizeof(*l));
	}
	s->open_lanes = 0;
	pthread_mutex_lock(&s->lock); /* km_sink_fail() shuts it down */
	km_conn_close(&s->control);
	pthread_mutex_unlock(&s->lock);
}

/* ---- who comes in ---- */

int km_sink_await(struct sink *s, struct km_conn *c, int wait_ms, struct km_err *err)
{
	struct pollfd more[KM_DOOR_MORE] = {
		{ .fd = s->control.fd > 0 ? s->control.fd : -1, .events = POLLRDHUP },
		{ .fd = s->q.attached ? s->q.attached->pidfd : -1, .events = POLLIN },
	};
	int rc = km_door_wait(&s->door, c, (int)s->o->peer_ms, more, wait_ms, err);

	if (rc == -ETIMEDOUT)
		return km_err_set(err, rc, "the source did not open its streams");
	if (rc <= 0)
		return rc;
	if (more[0].revents)
		return km_err_set(err, -EPIPE, "the source went away before it opened its streams");
	return km_err_set(err, -ECHILD, "QEMU %d, which was to take the guest, has ended",
			  s->q.pid);
}

void km_sink_send_away(struct sink *s, struct km_conn *c, const char *why)
{
	struct km_err err;

	km_err_set(&err, -EACCES, "refused %s: %s", c->who, why);
	km_send_json(c, KM_OP_FAILED, json_pack("{s:s}", "error", why), NULL);
	if (s->o->refused)
		s->o->refused(s->o->ctx, &err);
}

static unsigned int number(const json_t *j, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(j, key));

	return n < 0 || n > INT32_MAX ? UINT32_MAX : (unsigned int)n;
}

/* true: c is one of this life's streams, and nobody else's any more. */
static bool take_lane(struct sink *s, struct km_conn *c, const json_t *j)
{
	unsigned int k = number(j, "stream");

	if (number(j, "life") != s->life || k >= s->nlanes || s->lanes[k].s)
		return false;
	km_conn_be_patient(c);
	s->lanes[k].conn = *c;
	s->lanes[k].s = s;
	s->open_lanes++;
	return true;
}

/* The source again. An error is the new connection's. */
static int take_back(struct sink *s, struct km_conn *c, const json_t *j, struct km_err *err)
{
	uint64_t heard = (uint64_t)json_integer_value(json_object_get(j, "heard"));
	struct km_err why;
	int rc;

	km_err_set(&why, -ECONNRESET, "the source came back");
	hang_up(s, &why);
	s->life = number(j, "life");
	pthread_mutex_lock(&s->lock);
	s->control = *c;
	s->broken = false;
	pthread_mutex_unlock(&s->lock);
	s->control.clocks = &s->clocks;
	s->heard_ms = km_now_ms();
	rc = km_send_json(&s->control, KM_OP_RESUMED,
			  json_pack("{s:I}", "heard", (json_int_t)s->talk.heard), err);
	km_fault_once("resumed");
	if (!rc)
		rc = km_talk_up(&s->talk, heard, err);
	return rc ? rc : km_pinger_start(&s->pinger, &s->control, err);
}

static bool knows_session(const struct sink *s, const struct km_conn *c, const json_t *j)
{
	const char *given = json_string_value(json_object_get(j, "session"));

	return given && !strcmp(given, s->journal.session) &&
	       !(c->tls && km_tls_by_older_key(c->tls));
}

/* A newcomer's first word. Who doesn't belong here is no error. */
static int meet(struct sink *s, struct km_conn *c, struct km_err *err)
{
	enum km_op op = KM_OP_LAST;
	bool taken = false, ours;
	json_t *j = NULL;
	int rc = 0;

	ours = !km_recv_json(c, &op, &j, NULL) && knows_session(s, c, j);
	if (ours && op == KM_OP_STREAM) {
		taken = take_lane(s, c, j);
		if (taken)
			rc = km_send(&s->lanes[number(j, "stream")].conn, KM_OP_WELCOME, 0, NULL, 0,
				     err);
	} else if (ours && op == KM_OP_RESUME && returns(s) && number(j, "life") > s->life &&
		   number(j, "life") != UINT32_MAX) {
		taken = true;
		rc = take_back(s, c, j, err);
	} else if (ours && op == KM_OP_DISK) {
		rc = km_sink_disks_take(s, c, j);
		taken = rc != -EACCES;
		rc = taken ? rc : 0;
	} else if (ours && op == KM_OP_ABORT) {
		s->understood = true;
		rc = km_err_set(err, -ECANCELED, "the source gave up: %.300s",
				km_msg_error(j, "no reason given"));
	}
	json_decref(j);
	if (!taken) {
		if (!rc)
			km_sink_send_away(s, c, "it is taking another source's guest");
		km_conn_close(c);
	}
	return rc;
}

int km_sink_accept_lanes(struct sink *s, struct km_err *err)
{
	unsigned int all = (s->relay ? s->nlanes : 0) + km_sink_disks_mirrored(s);
	double end = km_now_ms() + s->o->peer_ms, left;
	int rc = 0;

	while (!rc && s->open_lanes + km_sink_disks_open(s) < all) {
		unsigned int open = s->open_lanes + km_sink_disks_open(s), life = s->life;
		struct km_conn c;

		left = end - km_now_ms();
		rc = km_sink_await(s, &c, left > 0 ? (int)left : 0, err);
		if (!rc)
			rc = meet(s, &c, err);
		if (s->open_lanes + km_sink_disks_open(s) != open || s->life != life)
			end = km_now_ms() + s->o->peer_ms;
	}
	return rc;
}

/* ---- the source's words ---- */

/* Without a control connection. 0: there may be one. */
static int await_return(struct sink *s, struct km_err *err)
{
	double left = s->away_until_ms - km_now_ms();
	struct km_conn c;
	int rc;

	if (left <= 0)
		return km_err_set(err, -ETIME,
				  "the link broke (%.200s), and the source did not come back "
				  "within %.0f s",
				  s->why_broken.text, s->return_ms / 1e3);
	rc = km_sink_await(s, &c, left < LOOK_MS ? (int)left + 1 : LOOK_MS, err);
	if (rc == -ETIMEDOUT)
		return 0;
	return rc ? rc : meet(s, &c, err);
}

static int go_on(struct sink *s, struct km_err *err)
{
	int rc = s->control.fd < 0 ? await_return(s, err) : km_sink_accept_lanes(s, err);

	if (rc || s->open_lanes < s->nlanes)
		return rc;
	s->away_until_ms = 0;
	s->heard_ms = km_now_ms();
	return s->mem ? km_sink_start_lanes(s, err) : 0;
}

/* A message, PING or not; while somebody else comes it is as if a PING had come. */
static int hear(struct sink *s, struct km_msg *m, struct km_err *err)
{
	struct pollfd more[KM_DOOR_MORE] = {
		{ .fd = s->control.fd, .events = POLLIN | POLLRDHUP },
		{ .fd = -1 },
	};
	double left = s->heard_ms + s->o->peer_ms - km_now_ms();
	struct km_conn c;
	int rc = 1;

	if (!km_conn_unread(&s->control))
		rc = km_door_wait(&s->door, &c, (int)s->o->peer_ms, more, left > 0 ? (int)left : 0,
				  err);
	if (rc == -ETIMEDOUT)
		return km_err_set(err, rc, "no word from the peer: %s", strerror(ETIMEDOUT));
	if (!rc) {
		m->op = KM_OP_PING;
		return meet(s, &c, err);
	}
	if (rc < 0)
		return rc;
	rc = km_recv_any(&s->control, m, err);
	s->heard_ms = km_now_ms();
	return rc;
}

int km_sink_next(struct sink *s, struct km_msg *m, struct km_err *err)
{
	int rc;

	do {
		if (!returns(s))
			return km_recv(&s->control, m, err);
		m->op = KM_OP_PING;
		rc = s->open_lanes < s->nlanes ? go_on(s, err) : hear(s, m, err);
		if (km_conn_broke(rc) && returns(s)) {
			hang_up(s, err);
			rc = 0;
		}
	} while (!rc && m->op == KM_OP_PING);
	return rc;
}
