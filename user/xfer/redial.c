// SPDX-License-Identifier: GPL-2.0
#include "redial.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"

#define CALL_MS	     5000 /* one try's patience; the link's own is peer_ms again */
#define PATH_MS	     2000 /* the same where there is another way */
#define WAIT_MIN_MS  250
#define WAIT_MAX_MS  2000
#define SLICE_MS     50
#define REFUSALS_MAX 3
#define GOODBYE_MS   2000

static int left_ms(const struct km_redial *r)
{
	double left = r->until_ms - km_now_ms();

	return left <= 0 ? 1 : left < CALL_MS ? (int)left + 1 : CALL_MS;
}

static int patience(int call_ms, bool other_way)
{
	return other_way && call_ms > PATH_MS ? PATH_MS : call_ms;
}

/* A path that is down is another's business, unless the move only begins. */
static int dial_lane(struct km_conn *c, struct km_redial *r, unsigned int stream, int call_ms,
		     struct km_err *err)
{
	bool may_move = r->life && r->paths.n > 1;
	int at, rc;

	do {
		at = km_paths_of(&r->paths, stream);
		rc = km_conn_dial(c, at < 0 ? r->host : r->paths.address[at], r->port, r->creds,
				  patience(call_ms, may_move), err);
		if (rc && at >= 0)
			r->paths.down[at] = may_move;
	} while (rc && at >= 0 && may_move && !r->stop && km_paths_of(&r->paths, stream) >= 0);
	r->path_of[stream] = at;
	return rc;
}

int km_redial_lane(struct km_conn *c, struct km_redial *r, unsigned int stream, int call_ms,
		   struct km_err *err)
{
	struct km_msg msg;
	int rc = dial_lane(c, r, stream, call_ms, err);

	if (rc)
		return rc;
	rc = km_send_json(c, KM_OP_STREAM,
			  json_pack("{s:s,s:i,s:i}", "session", r->session, "stream", (int)stream,
				    "life", (int)r->life),
			  err);
	if (!rc)
		rc = km_recv(c, &msg, err);
	if (!rc && msg.op != KM_OP_WELCOME)
		rc = km_err_set(err, -ECONNABORTED, "the destination refused a stream");
	if (!rc && r->stream_bytes_per_s)
		rc = km_conn_limit(c, r->stream_bytes_per_s, err);
	if (rc) {
		km_conn_close(c);
		return rc;
	}
	km_conn_allow(c, (int)r->peer_ms);
	km_conn_be_patient(c); /* liveness is the control connection's job */
	return 0;
}

const char *km_redial_address(const struct km_redial *r)
{
	return r->control_by ? r->paths.address[r->control_by - 1] : r->host;
}

static int resume(struct km_redial *r, struct km_err *err)
{
	json_t *j = NULL;
	enum km_op op;
	int rc =
		km_conn_dial(&r->control, km_redial_address(r), r->port, r->creds, left_ms(r), err);

	if (rc) { /* the next try's turn */
		r->control_by = (r->control_by + 1) % (r->paths.n + 1);
		return rc;
	}
	rc = km_send_json(&r->control, KM_OP_RESUME,
			  json_pack("{s:s,s:i,s:I}", "session", r->session, "life", (int)r->life,
				    "heard", (json_int_t)r->heard),
			  err);
	if (!rc)
		rc = km_recv_json(&r->control, &op, &j, err);
	if (!rc && op != KM_OP_RESUMED)
		rc = km_err_set(err, -EREMOTEIO, "destination: %.400s",
				km_msg_error(j, "does not know this move"));
	r->heard_there = (uint64_t)json_integer_value(json_object_get(j, "heard"));
	json_decref(j);
	km_conn_allow(&r->control, (int)r->peer_ms);
	return rc;
}

static void hang_up(struct km_redial *r)
{
	for (unsigned int i = 0; i < r->nlanes; i++)
		km_conn_close(&r->lane[i]);
	r->nlanes = 0;
	km_conn_close(&r->control);
}

static int try(struct km_redial *r, struct km_err *err)
{
	int rc;

	r->life++;
	r->control.fd = -1;
	rc = resume(r, err);
	while (!rc && r->nlanes < r->streams) {
		rc = km_redial_lane(&r->lane[r->nlanes], r, r->nlanes, left_ms(r), err);
		r->nlanes += !rc;
	}
	if (rc)
		hang_up(r);
	return rc;
}

/* Whether another try may end better. */
static bool may_pass(int rc, unsigned int *refusals)
{
	*refusals = rc == -ECONNREFUSED ? *refusals + 1 : 0;
	return km_conn_broke(rc) || (rc == -ECONNREFUSED && *refusals < REFUSALS_MAX) ||
	       rc == -EADDRNOTAVAIL;
}

static void pause_before(struct km_redial *r, int ms)
{
	double end = km_now_ms() + ms;

	while (!r->stop && km_now_ms() < end)
		usleep(SLICE_MS * 1000);
}

static void *redial_main(void *arg)
{
	struct km_redial *r = arg;
	unsigned int refusals = 0;
	int wait_ms = WAIT_MIN_MS;

	for (;;) {
		if (!r->tries_fast)
			pause_before(r, wait_ms);
		r->tries_fast -= !!r->tries_fast;
		memset(&r->err, 0, sizeof(r->err));
		r->rc = r->stop ? km_err_set(&r->err, -ECANCELED, "given up") : try(r, &r->err);
		if (!r->rc || r->stop || !may_pass(r->rc, &refusals) || km_now_ms() >= r->until_ms)
			break;
		wait_ms = 2 * wait_ms < WAIT_MAX_MS ? 2 * wait_ms : WAIT_MAX_MS;
	}
	r->over = true;
	return NULL;
}

int km_redial_start(struct km_redial *r, struct km_err *err)
{
	int rc;

	r->stop = r->over = false;
	memset(r->paths.down, 0, sizeof(r->paths.down)); /* it may be back */
	r->nlanes = 0;
	r->control.fd = -1;
	rc = pthread_create(&r->thread, NULL, redial_main, r);
	if (!rc)
		return 0;
	r->thread = 0;
	return km_err_set(err, -rc, "cannot start a thread: %s", strerror(rc));
}

void km_redial_end(struct km_redial *r)
{
	if (!r->thread)
		return;
	r->stop = true;
	pthread_join(r->thread, NULL);
	r->thread = 0;
	hang_up(r);
}

void km_redial_give_up(const char *host, const char *port, const struct km_creds *creds,
		       const char *session, const char *why)
{
	struct km_conn c;

	if (km_conn_dial(&c, host, port, creds, GOODBYE_MS, NULL))
		return;
	if (!km_send_json(&c, KM_OP_ABORT, json_pack("{s:s,s:s}", "session", session, "error", why),
			  NULL)) {
		struct km_msg m;

		km_recv(&c, &m, NULL); /* until it was read: a reset would overtake it */
	}
	km_conn_close(&c);
}
