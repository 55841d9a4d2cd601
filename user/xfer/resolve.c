// SPDX-License-Identifier: GPL-2.0
#include "resolve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../ctl/vms.h"
#include "goback.h"
#include "keep.h"
#include "mirror.h"
#include "outcome.h"

static int settle(struct km_journal *j, enum km_step step, const char *note, struct km_err *err)
{
	j->step = step;
	snprintf(j->note, sizeof(j->note), "resolved: %s", note);
	return km_journal_write(j, true, err);
}

static bool no_patience(void *ctx)
{
	(void)ctx;
	return false;
}

static int run_here(struct km_journal *j, struct km_err *err)
{
	enum km_outcome o = KM_OUT_DOUBT;
	struct km_qmp *q;
	int rc = km_qmp_open(&q, j->qmp, KM_QMP_MS, NULL);

	if (rc && rc != -EBUSY)
		return settle(j, KM_STEP_LOST, "the source's QEMU is gone", err);
	if (!rc) {
		o = km_go_back(q, j->was_running, no_patience, NULL);
		km_mirror_clean(q);
		km_qmp_close(q);
	}
	if (o == KM_OUT_DOUBT)
		return km_err_set(
			err, -EBUSY,
			"move %s: %.200s does not answer: QEMU is stopped, or another holds "
			"its monitor; ask again when it does",
			j->id, j->qmp);
	if (o == KM_OUT_STAYED)
		return settle(j, KM_STEP_STAYED, "the guest runs at the source", err);
	return settle(j, KM_STEP_LOST, "the source's QEMU does not run the guest", err);
}

static enum km_verdict ask(const struct km_journal *j, int wait_ms, char why[KM_ERR_MAX])
{
	struct km_err err = { 0 };
	struct km_creds *creds;
	enum km_verdict v;

	if (km_keep_open(j, &creds, &err)) {
		snprintf(why, KM_ERR_MAX, "%s", err.text);
		return KM_VERDICT_NONE;
	}
	v = km_outcome_ask(j->host, j->port, creds, j->session, wait_ms, why);
	km_creds_free(creds);
	return v;
}

static int resolve_source(struct km_journal *j, enum km_assume assume, int wait_ms,
			  struct km_err *err)
{
	enum km_verdict v = KM_VERDICT_DEAD; /* without GO it can't run there */
	char why[KM_ERR_MAX];

	if (assume == KM_ASSUME_MOVED)
		v = KM_VERDICT_RUNNING;
	else if (assume == KM_ASSUME_NOTHING && j->step == KM_STEP_GO)
		v = ask(j, wait_ms, why);
	if (v == KM_VERDICT_DEAD)
		return run_here(j, err);
	if (v == KM_VERDICT_RUNNING)
		return settle(j, KM_STEP_MOVED, "the guest runs at the destination", err);
	return km_err_set(err, -ECOMM,
			  "move %s: %.200s; see `kmigrate status` at %.100s, where `kmigrate "
			  "receive` answers too, then say --assume moved or --assume stayed",
			  j->id, why, j->host);
}

/* The path of a QEMU that was attached to may have gone over to its successor. */
static bool still_there(const struct km_journal *j)
{
	struct km_vm vm;

	return j->qmp[0] && !km_vms_find(j->qmp, &vm, NULL) && vm.pid == j->vm_pid;
}

static int resolve_destination(struct km_journal *j, enum km_assume assume, struct km_err *err)
{
	char state[32] = "";
	struct km_qmp *q;
	bool runs;
	int rc;

	if (!still_there(j))
		return settle(j, KM_STEP_STAYED, "its QEMU is gone here", err);
	rc = km_qmp_open(&q, j->qmp, KM_QMP_MS, err);
	if (rc)
		return rc;
	runs = !km_qmp_run_state(q, state, NULL) && !strcmp(state, "running");
	if (!runs && assume == KM_ASSUME_MOVED)
		runs = !km_qmp_exec(q, "cont", NULL, NULL, KM_QMP_MS, err);
	if (!runs || assume == KM_ASSUME_STAYED)
		km_qmp_exec(q, "quit", NULL, NULL, KM_QMP_MS, NULL);
	km_qmp_close(q);
	if (runs && assume != KM_ASSUME_STAYED)
		return settle(j, KM_STEP_MOVED, "the guest runs at the destination", err);
	return settle(j, KM_STEP_STAYED, "a QEMU that GO never reached was removed", err);
}

int km_resolve(struct km_journal *j, enum km_assume assume, int wait_ms, struct km_err *err)
{
	if (km_journal_busy(j))
		return km_err_set(err, -EBUSY, "move %s is under way (pid %d)", j->id,
				  j->owner_pid);
	if (!km_journal_open(j))
		return 0;
	return j->destination ? resolve_destination(j, assume, err) :
				resolve_source(j, assume, wait_ms, err);
}
