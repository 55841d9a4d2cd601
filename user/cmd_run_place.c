// SPDX-License-Identifier: GPL-2.0
/* Where the threads of a move run at the source: chosen, and shown by --explain-placement. */
#include "cmd_run_place.h"

#include <errno.h>
#include <string.h>
#include "ctl/qmp.h"
#include "host/gather.h"
#include "place/explain.h"
#include "report/report.h"

#define QMP_MS 1000

static void look_at_link(const char *host, struct km_nic *nic, char why_not[KM_ERR_MAX])
{
	struct km_err err = { 0 };
	char name[IF_NAMESIZE];

	memset(nic, 0, sizeof(*nic));
	nic->node = -1;
	why_not[0] = '\0';
	if (!host)
		snprintf(why_not, KM_ERR_MAX, "without --to there is no way to look at");
	else if (km_nic_towards(host, name, &err))
		snprintf(why_not, KM_ERR_MAX, "%s", err.text);
	else
		km_nic_read("/sys", name, nic);
}

/* QEMU knows which threads its vCPUs are. If its monitor is in use, their names tell. */
static struct km_gathered *gather(const struct km_vm *vm, const struct km_nic *nic,
				  struct km_err *err)
{
	struct km_qmp *q = NULL;
	struct km_gathered *g;

	if (vm->qmp[0] && km_qmp_open(&q, vm->qmp, QMP_MS, NULL))
		q = NULL;
	g = km_gather(vm->pid, q, nic, err);
	km_qmp_close(q);
	return g;
}

static void print(const struct km_vm *vm, const struct km_gathered *g, const struct km_place *p,
		  const struct km_nic *nic, const char *why_no_nic, bool json)
{
	struct km_explain e = { .in = &g->in,
				.place = p,
				.pins = g->pins,
				.npins = g->npins,
				.vcpus = vm->vcpus,
				.vcpus_seen = g->vcpus_seen,
				.vm_pid = vm->pid };

	snprintf(e.vm_name, sizeof(e.vm_name), "%s", vm->name);
	snprintf(e.nic, sizeof(e.nic), "%s", nic->name);
	snprintf(e.why_no_nic, sizeof(e.why_no_nic), "%s", why_no_nic);
	snprintf(e.why_no_mem, sizeof(e.why_no_mem), "%s", g->why_no_mem);
	if (json)
		km_json_print(stdout, km_explain_json(&e));
	else
		km_explain_text(stdout, &e);
}

int km_run_explain(const struct km_vm *vm, const char *host, unsigned int streams, bool json,
		   struct km_err *err)
{
	char why_no_nic[KM_ERR_MAX];
	struct km_gathered *g;
	struct km_place place;
	struct km_nic nic;
	int rc;

	look_at_link(host, &nic, why_no_nic);
	g = gather(vm, &nic, err);
	if (!g)
		return err->code;
	g->in.streams = streams;
	rc = km_place_choose(&g->in, &place, err);
	if (!rc)
		print(vm, g, &place, &nic, why_no_nic, json);
	km_gathered_free(g);
	return rc;
}

void km_run_place(const struct km_vm *vm, const char *host, unsigned int *streams,
		  struct km_placing_wish *wish)
{
	char why_no_nic[KM_ERR_MAX];
	struct km_err err = { 0 };
	struct km_nic nic;

	if (!wish->off) {
		look_at_link(host, &nic, why_no_nic);
		km_placing_choose(wish, gather(vm, &nic, &err), streams, &err);
	}
	if (!*streams)
		*streams = KM_STREAMS_DEFAULT;
}
