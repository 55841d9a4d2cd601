// SPDX-License-Identifier: GPL-2.0
#include "cmd_plan_vm.h"

#include <errno.h>
#include <stdlib.h>
#include "ctl/vms.h"
#include "destination.h"
#include "model.h"
#include "place/choose.h"
#include "report/plan.h"
#include "report/report.h"
#include "wait.h"

static int complain(const struct km_err *err, int code)
{
	fprintf(stderr, "kmigrate plan: %s\n", err->text);
	return err->code == -ECANCELED ? KM_EXIT_CANCELLED : code;
}

static int look_at_link(const struct km_plan_wish *w, struct km_plan *p, struct km_err *err)
{
	struct km_plan_link link = { .bytes_per_s = w->link_bytes_per_s,
				     .same_host = w->same_host };
	struct km_destination d;

	if (w->to && km_destination_parse(w->to, &d))
		return km_err_set(err, -EINVAL, "--to takes " KM_DESTINATION_FORMS);
	link.host = w->to ? d.host : NULL;
	return km_plan_link(p, &link, err);
}

static int look_at_guest(const struct km_plan_wish *w, struct km_plan *p, struct km_err *err)
{
	struct km_vm vm = { 0 };
	int signals;

	if (km_vms_find(w->vm, &vm, err))
		return err->code;
	signals = km_wait_signals(err);
	return signals < 0 ? signals : km_plan_look(p, &vm, w->seconds, signals, err);
}

static int rehearse(const struct km_plan_wish *w, struct km_plan *p, struct km_err *err)
{
	const struct km_reh_goal goal = { .max_pause_ms = w->max_pause_ms,
					  .deadline_ms = w->deadline_ms };

	return km_plan_rehearse(p, &goal, p->streams,
				km_opt_share_of(&w->delta_memory, p->ram_bytes), err);
}

int km_cmd_plan_vm(const struct km_plan_wish *w)
{
	struct km_plan *p = calloc(1, sizeof(*p));
	struct km_err err = { 0 };
	int code = KM_EXIT_OK;

	if (!p) {
		km_err_set(&err, -ENOMEM, "out of memory");
		return complain(&err, KM_EXIT_FAILED);
	}
	p->streams = w->streams ? w->streams : KM_STREAMS_DEFAULT;
	p->tls = !w->insecure;
	if (look_at_link(w, p, &err))
		code = complain(&err, err.code == -EINVAL ? KM_EXIT_USAGE : KM_EXIT_FAILED);
	else if (look_at_guest(w, p, &err) || rehearse(w, p, &err))
		code = complain(&err, KM_EXIT_REFUSED);
	else if (w->json)
		km_json_print(stdout, km_json_plan(p));
	else
		km_text_plan(stdout, p);
	free(p);
	return code ? code : ferror(stdout) ? KM_EXIT_FAILED : KM_EXIT_OK;
}
