// SPDX-License-Identifier: GPL-2.0
/* What the destination's QEMU says: its return path and its migration's state. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "fault.h"
#include "sink_disks.h"
#include "sink_priv.h"

void *km_sink_rp_main(void *arg)
{
	struct sink *s = arg;
	struct km_err err = { 0 };
	uint8_t buf[4096];

	for (;;) {
		ssize_t n = read(s->q.main_fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 && !s->watched) {
			km_err_set(&err, -EPIPE, "the destination QEMU closed its main channel");
			km_sink_fail(s, &err);
		}
		if (n <= 0)
			return NULL; /* the watcher says whether that is good or bad */
		if (km_sink_say(s, KM_OP_RP, buf, (size_t)n, &err)) {
			km_sink_fail(s, &err);
			return NULL;
		}
	}
}

/* I5, against other monitors of the same QEMU: `cont` before GO. */
static int check_stands(struct sink *s, struct km_err *err)
{
	char state[32];
	int rc = km_qmp_run_state(s->q.qmp, state, err);

	if (!rc && !strcmp(state, "running"))
		rc = km_err_set(err, -EPERM,
				"the destination QEMU was told to run by somebody else");
	return rc;
}

static int watch_once(struct sink *s, struct km_err *err)
{
	struct km_qmig_status st;
	char words[256];
	json_t *ev, *disks;
	int rc;

	km_placing_look(&s->placing, &s->placed);
	if (!km_qmp_event(s->q.qmp, &ev, 100, NULL))
		json_decref(ev);
	rc = km_qmig_query(s->q.qmp, &st, err);
	if (rc || !strcmp(st.status, "failed")) {
		km_destqemu_last_words(&s->q, words, sizeof(words));
		return km_err_set(err, -EIO, "the destination QEMU failed: %s", words);
	}
	if (strcmp(st.status, "completed"))
		return 0;
	km_mark(&s->marks, KM_MARK_LOADED);
	rc = check_stands(s, err);
	if (!rc)
		rc = km_sink_disks_finish(s, err);
	if (rc)
		return rc;
	s->loaded = true;
	km_guard_say(&s->guard, "loaded");
	km_fault("load-done");
	disks = km_sink_disks_answer(s);
	return disks ? km_send_json(&s->control, KM_OP_LOADED, disks, err) :
		       km_send(&s->control, KM_OP_LOADED, 0, NULL, 0, err);
}

void *km_sink_watch_main(void *arg)
{
	struct sink *s = arg;
	struct km_err err = { 0 };
	int rc = 0;

	while (!rc && !s->failed && !s->done && !s->loaded) {
		rc = watch_once(s, &err);
	}
	if (rc)
		km_sink_fail(s, &err);
	return NULL;
}
