// SPDX-License-Identifier: GPL-2.0
#include "outcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "door.h"

#define TRY_MS	500
#define CALL_MS 5000

static enum km_verdict ask_once(const char *host, const char *port, const struct km_creds *creds,
				const char *session, struct km_err *err)
{
	enum km_verdict v = KM_VERDICT_NONE;
	struct km_conn c;
	struct km_msg m;

	if (km_conn_dial(&c, host, port, creds, CALL_MS, err))
		return v;
	if (!km_send_json(&c, KM_OP_OUTCOME, json_pack("{s:s}", "session", session), err) &&
	    !km_recv(&c, &m, err)) {
		if (m.op == KM_OP_RUNNING)
			v = KM_VERDICT_RUNNING;
		else if (m.op == KM_OP_DEAD)
			v = KM_VERDICT_DEAD;
		else if (m.op == KM_OP_FAILED)
			km_err_set(err, -EPROTO, "destination: %.400s", (char *)c.buf);
		else
			km_err_set(err, -EPROTO, "the destination does not know this move");
	}
	if (v != KM_VERDICT_NONE)
		km_send(&c, KM_OP_BYE, 0, NULL, 0, NULL);
	km_conn_close(&c);
	return v;
}

enum km_verdict km_outcome_ask(const char *host, const char *port, const struct km_creds *creds,
			       const char *session, int ms, char why[KM_ERR_MAX])
{
	double end = km_now_ms() + ms;
	struct km_err err = { 0 };
	enum km_verdict v;

	do {
		v = ask_once(host, port, creds, session, &err);
		snprintf(why, KM_ERR_MAX, "%s", err.text);
		if (v == KM_VERDICT_NONE)
			usleep(TRY_MS * 1000);
	} while (v == KM_VERDICT_NONE && km_now_ms() < end);
	return v;
}

/* True: the source has understood. */
static bool answer(struct km_conn *c, const char *session, enum km_verdict v, const char *why)
{
	const char *given;
	json_t *j = NULL;
	struct km_msg m;
	enum km_op op;
	bool ours;

	if (km_recv_json(c, &op, &j, NULL))
		return false;
	given = json_string_value(json_object_get(j, "session"));
	ours = op == KM_OP_OUTCOME && given && !strcmp(given, session);
	json_decref(j);
	if (!ours) {
		km_send_json(c, KM_OP_REFUSE,
			     json_pack("{s:s}", "error",
				       "it waits for the source of an earlier move"),
			     NULL);
		return false;
	}
	if (v == KM_VERDICT_RUNNING)
		km_send(c, KM_OP_RUNNING, 0, NULL, 0, NULL);
	else
		km_send_json(c, KM_OP_DEAD, json_pack("{s:s}", "error", why), NULL);
	return !km_recv(c, &m, NULL) && m.op == KM_OP_BYE;
}

bool km_outcome_serve(int listen_fd, const struct km_creds *creds, const char *session,
		      enum km_verdict v, const char *why, int ms)
{
	struct km_door door = { .listen_fd = listen_fd, .creds = creds };
	double end = km_now_ms() + ms, left;
	bool understood = false;
	struct km_conn c;

	while (!understood && (left = end - km_now_ms()) > 0) {
		if (km_door_wait(&door, &c, CALL_MS, NULL, (int)left, NULL))
			continue;
		understood = answer(&c, session, v, why);
		km_conn_close(&c);
	}
	km_door_clear(&door);
	return understood;
}
