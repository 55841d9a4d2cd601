// SPDX-License-Identifier: GPL-2.0
#include "cmd_plan_vm.h"

#include <errno.h>
#include <stdlib.h>
#include "ctl/vms.h"
#include "destination.h"
#include "host/nic.h"
#include "model.h"
#include "place/choose.h"
#include "report/plan.h"
#include "report/report.h"
#include "wait.h"

/* Of a link's bits those that carry content: Ethernet, IP, TCP and TLS take the rest. */
#define CONTENT 0.94

static int complain(const struct km_err *err, int code)
{
	fprintf(stderr, "kmigrate plan: %s\n", err->text);
	return code;
}

static int look_at_link(const struct km_plan_wish *w, struct km_plan *p, struct km_err *err)
{
	struct km_destination d;
	char name[IF_NAMESIZE];
	struct km_nic nic;

	if (w->to && km_destination_parse(w->to, &d))
		return km_err_set(err, -EINVAL, "--to takes " KM_DESTINATION_FORMS);
	p->link_bytes_per_s = (double)w->link_bytes_per_s;
	snprintf(p->link_by, sizeof(p->link_by), "by --link");
	if (w->link_bytes_per_s)
		return 0;
	if (!w->to)
		return km_err_set(err, -EINVAL, "needs --to HOST or --link RATE");
	if (km_nic_towards(d.host, name, err))
		return err->code;
	km_nic_read("/sys", name, &nic);
	if (!nic.bit_per_s)
		return km_err_set(
			err, -EINVAL,
			"interface %s towards %.100s does not say how fast it is: tell it "
			"with --link",
			name, d.host);
	p->link_bytes_per_s = (double)nic.bit_per_s / 8 * CONTENT;
	snprintf(p->link_by, sizeof(p->link_by), "as interface %s says", name);
	return 0;
}

static int look_at_guest(const struct km_plan_wish *w, struct km_plan *p, struct km_vm *vm,
			 struct km_err *err)
{
	int signals, rc = km_vms_find(w->vm, vm, err);

	if (rc)
		return rc;
	if (!vm->qmp[0])
		return km_err_set(err, -ENOTSUP, "guest %.100s (pid %d) has no QMP socket",
				  vm->name, vm->pid);
	signals = km_wait_signals(err);
	if (signals < 0)
		return signals;
	snprintf(p->vm, sizeof(p->vm), "%s", vm->name);
	p->ram_bytes = vm->ram_bytes;
	return km_survey(vm, w->seconds, signals, &p->survey, err);
}

static int predict(const struct km_plan_wish *w, struct km_plan *p, struct km_err *err)
{
	struct km_reh_hosts hosts;
	int rc;

	p->streams = w->streams ? w->streams : KM_STREAMS_DEFAULT;
	p->goal.max_pause_ms = w->max_pause_ms;
	p->goal.deadline_ms = w->deadline_ms;
	hosts = km_predict_hosts(p->link_bytes_per_s, p->streams,
				 km_opt_share_of(&w->delta_memory, p->ram_bytes));
	rc = km_predict(&p->survey.guest, &hosts, &p->goal, &p->is);
	return rc ? km_err_set(err, rc, "out of memory for a rehearsal") : 0;
}

int km_cmd_plan_vm(const struct km_plan_wish *w)
{
	struct km_plan *p = calloc(1, sizeof(*p));
	struct km_err err = { 0 };
	struct km_vm vm = { 0 };
	int code = KM_EXIT_OK;

	if (!p)
		km_err_set(&err, -ENOMEM, "out of memory");
	if (!p || look_at_link(w, p, &err))
		code = complain(&err, err.code == -EINVAL ? KM_EXIT_USAGE : KM_EXIT_FAILED);
	else if (look_at_guest(w, p, &vm, &err) || predict(w, p, &err))
		code = complain(&err, KM_EXIT_REFUSED);
	else if (w->json)
		km_json_print(stdout, km_json_plan(p));
	else
		km_text_plan(stdout, p);
	free(p);
	return code;
}
