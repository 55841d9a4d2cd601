// SPDX-License-Identifier: GPL-2.0
/* The guest's first time here, for a source that asks for it (arrival.h). It measures; nothing
 * depends on it. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include "../trace/impact.h"
#include "arrival.h"
#include "fault.h"
#include "sink_priv.h"

/* A vCPU that is told to run has done so by then, or it has nothing to do. */
#define ENTRY_MS 500

static int watch(struct sink *s, struct km_err *err)
{
	struct km_thread *t = NULL;
	size_t n = 0;
	int rc = km_question_impact.open(&s->impact, s->q.pid, err);

	if (rc)
		return rc;
	rc = km_threads_read(s->q.pid, &t, &n, err);
	if (!rc) {
		km_threads_ask(t, n, s->q.qmp);
		rc = km_impact_await(s->impact, t, n, s->watch_ms * 1000000ull);
		if (rc)
			km_err_set(err, rc, "its vCPUs can't be watched");
	}
	free(t);
	return rc;
}

void km_sink_arrival_open(struct sink *s, const json_t *hello, json_t *welcome)
{
	json_int_t ms = json_integer_value(json_object_get(hello, "watch"));
	struct km_err err = { 0 };

	if (ms <= 0 || ms > KM_ARRIVAL_WATCH_MS || s->paused)
		return;
	s->watch_ms = (unsigned int)ms;
	json_object_set_new(welcome, "watch", json_true());
	if (!watch(s, &err))
		return;
	snprintf(s->why_no_watch, sizeof(s->why_no_watch), "%s", err.text);
	km_sink_arrival_close(s);
}

/* Until then, or until the source has gone. */
static void sleep_until(struct sink *s, uint64_t until_ns)
{
	struct pollfd p = { .fd = s->control.fd, .events = POLLRDHUP };
	uint64_t now = km_now_ns();

	if (until_ns > now)
		poll(&p, 1, (int)((until_ns - now) / 1000000) + 1);
}

static void wait_for_it(struct sink *s)
{
	uint64_t runs_ns = s->marks.ns[KM_MARK_RUNS];

	sleep_until(s, runs_ns + ENTRY_MS * 1000000ull);
	if (km_impact_arrived_ns(s->impact))
		sleep_until(s, km_impact_arrived_ns(s->impact) + s->watch_ms * 1000000ull);
}

void km_sink_arrival_say(struct sink *s)
{
	struct km_arrival *a = s->watch_ms ? calloc(1, sizeof(*a)) : NULL;
	struct km_err err = { 0 };

	if (!a)
		return;
	km_fault("watching");
	snprintf(a->why_not, sizeof(a->why_not), "%s", s->why_no_watch);
	if (s->impact) {
		wait_for_it(s);
		a->watched_ms = s->watch_ms;
		a->on = !km_impact_read_arrival(s->impact, a, &err);
		snprintf(a->why_not, sizeof(a->why_not), "%s", err.text);
	}
	km_sink_arrival_close(s);
	km_send_json(&s->control, KM_OP_ARRIVAL, km_arrival_json(a), NULL);
	free(a);
}

void km_sink_arrival_close(struct sink *s)
{
	km_question_impact.close(s->impact);
	s->impact = NULL;
}
