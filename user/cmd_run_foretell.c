// SPDX-License-Identifier: GPL-2.0
#include "cmd_run_foretell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "report/foretold.h"
#include "wait.h"

static bool wanted(const struct km_run_foretell *t)
{
	return t->plan_file || t->seconds;
}

int km_run_foretell_check(struct km_run_foretell *t, struct km_err *err)
{
	if (t->plan_file && t->seconds)
		return km_err_set(err, -EINVAL,
				  "--plan and --predict are one too many: both say where the look "
				  "at the guest comes from");
	if (t->link_bytes_per_s && !wanted(t))
		return km_err_set(
			err, -EINVAL,
			"--link says what --predict and --plan are to count on; to send no "
			"more than that is --bandwidth");
	return t->plan_file ? km_planfile_read(t->plan_file, &t->plan, err) : 0;
}

int km_run_foretell_prepare(struct km_run_foretell *t, const struct km_source_opts *so,
			    const struct km_vm *vm, const char *engine, struct km_err *err)
{
	const struct km_plan_link link = { .host = so->host,
					   .bytes_per_s = t->link_bytes_per_s,
					   .bandwidth_bytes_per_s = so->bandwidth_bytes_per_s };

	if (!wanted(t))
		return 0;
	if (strcmp(engine, "relay"))
		return km_err_set(
			err, -ENOTSUP,
			"--predict and --plan foretell what the relay does, and QEMU's own "
			"engine is to move this guest: leave them out");
	if (t->plan_file && km_plan_is_of(&t->plan, vm, err))
		return err->code;
	return km_plan_link(&t->plan, &link, err);
}

static int look(struct km_run_foretell *t, const struct km_vm *vm, struct km_err *err)
{
	int signals, rc;

	if (t->plan_file)
		return 0;
	if (!t->quiet)
		fprintf(stderr, "looking at the guest's memory for %u s\n", t->seconds);
	signals = km_wait_signals(err);
	if (signals < 0)
		return signals;
	rc = km_plan_look(&t->plan, vm, t->seconds, signals, err);
	km_wait_signals_end(signals);
	return rc;
}

int km_run_foretell(struct km_run_foretell *t, const struct km_source_opts *so,
		    const struct km_vm *vm, struct km_run *r, struct km_err *err)
{
	const struct km_reh_goal goal = { .max_pause_ms = so->max_pause_ms,
					  .deadline_ms = so->deadline_ms };
	int rc;

	if (!wanted(t))
		return 0;
	t->plan.tls = so->creds;
	t->plan.streams = so->streams;
	rc = look(t, vm, err);
	if (!rc)
		rc = km_plan_rehearse(&t->plan, &goal, so->streams, so->delta_bytes, err);
	if (rc)
		return rc;
	km_plan_foretell(&t->plan, time(NULL), &r->foretold);
	if (!t->quiet) {
		km_text_foretold(stderr, &r->foretold);
		km_text_goal(stderr, &r->foretold);
	}
	return 0;
}
