// SPDX-License-Identifier: GPL-2.0
/* kmigrate run --explain-placement: which CPUs the threads of the move would get, and why. */
#include "cmd_run_place.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/qmp.h"
#include "ctl/vms.h"
#include "host/memnode.h"
#include "host/nic.h"
#include "host/threads.h"
#include "place/explain.h"
#include "report/report.h"

#define QMP_MS 1000

/* All that a placement is made from. */
struct gathered {
	struct km_topo topo;
	struct km_place_in in;
	struct km_place place;
	struct km_explain e;
	struct km_claim *claims;
	struct km_thread *threads;
	size_t nthreads;
	struct km_pin *pins;
};

/* QEMU knows which threads its vCPUs are. If its monitor is in use, their names tell. */
static void ask_qemu(struct gathered *g, const struct km_vm *vm)
{
	json_t *vcpus = NULL, *iothreads = NULL;
	struct km_qmp *q;

	if (!vm->qmp[0] || km_qmp_open(&q, vm->qmp, QMP_MS, NULL))
		return;
	km_qmp_exec(q, "query-cpus-fast", NULL, &vcpus, QMP_MS, NULL);
	km_qmp_exec(q, "query-iothreads", NULL, &iothreads, QMP_MS, NULL);
	km_qmp_close(q);
	km_threads_name(g->threads, g->nthreads, vcpus, iothreads);
	json_decref(vcpus);
	json_decref(iothreads);
}

static void name_pin(struct km_pin *p, const struct km_thread *t)
{
	p->cpus = t->cpus;
	if (t->kind == KM_THREAD_VCPU)
		snprintf(p->who, sizeof(p->who), "vCPU %d", t->vcpu);
	else if (t->kind == KM_THREAD_MAIN)
		snprintf(p->who, sizeof(p->who), "emulator");
	else
		snprintf(p->who, sizeof(p->who), "iothread %d", (int)t->tid);
}

static int gather_threads(struct gathered *g, const struct km_vm *vm, struct km_err *err)
{
	int rc = km_threads_read(vm->pid, &g->threads, &g->nthreads, err);

	if (rc)
		return rc;
	ask_qemu(g, vm);
	g->pins = calloc(g->nthreads, sizeof(*g->pins));
	if (!g->pins)
		return km_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < g->nthreads; i++) {
		const struct km_thread *t = &g->threads[i];

		g->e.vcpus_seen += t->kind == KM_THREAD_VCPU;
		if (t->kind == KM_THREAD_MAIN)
			g->in.qemu_allowed = t->cpus; /* what the threads that it starts inherit */
		if (t->kind == KM_THREAD_VCPU || t->kind == KM_THREAD_MAIN ||
		    t->kind == KM_THREAD_IOTHREAD)
			name_pin(&g->pins[g->e.npins++], t);
	}
	return 0;
}

/* Other guests have vCPUs, too. One that has just ended claims nothing. */
static int gather_claims(struct gathered *g, const struct km_vm *vm, struct km_err *err)
{
	struct km_vm *vms;
	size_t n;
	int rc = km_threads_claim(g->threads, g->nthreads, &g->claims, &g->in.nclaims);

	if (rc || km_vms_list(&vms, &n, false, err))
		return rc ? km_err_set(err, rc, "out of memory") : err->code;
	for (size_t i = 0; i < n && !rc; i++) {
		struct km_thread *t;
		size_t nt;

		if (vms[i].pid == vm->pid || km_threads_read(vms[i].pid, &t, &nt, NULL))
			continue;
		rc = km_threads_claim(t, nt, &g->claims, &g->in.nclaims);
		free(t);
	}
	free(vms);
	g->in.claims = g->claims;
	return rc ? km_err_set(err, rc, "out of memory") : 0;
}

static void gather_link(struct gathered *g, const char *host)
{
	struct km_err err = { 0 };
	struct km_nic nic = { .node = -1 };
	char name[IF_NAMESIZE];

	snprintf(g->e.why_no_nic, sizeof(g->e.why_no_nic),
		 "without --to there is no way to look at");
	if (host && km_nic_towards(host, name, &err))
		snprintf(g->e.why_no_nic, sizeof(g->e.why_no_nic), "%s", err.text);
	else if (host)
		km_nic_read("/sys", name, &nic);
	snprintf(g->e.nic, sizeof(g->e.nic), "%s", nic.name);
	g->in.nic_node = nic.node;
	g->in.link_bit_per_s = nic.bit_per_s;
}

static int gather(struct gathered *g, const struct km_vm *vm, const char *host, struct km_err *err)
{
	struct km_err mem = { 0 };
	int rc = km_topo_load(&g->topo, err);

	g->in.topo = &g->topo;
	if (!rc)
		rc = gather_threads(g, vm, err);
	if (!rc)
		rc = gather_claims(g, vm, err);
	if (rc)
		return rc;
	if (sched_getaffinity(0, sizeof(g->in.own_allowed), (cpu_set_t *)&g->in.own_allowed))
		g->in.own_allowed = g->topo.cpus;
	km_memnode_read(vm->pid, g->in.mem, &g->in.nmem, &mem);
	snprintf(g->e.why_no_mem, sizeof(g->e.why_no_mem), "%s", mem.text);
	gather_link(g, host);
	return 0;
}

static void release(struct gathered *g)
{
	free(g->claims);
	free(g->threads);
	free(g->pins);
	free(g);
}

int km_run_explain(const struct km_vm *vm, const char *host, unsigned int streams, bool json,
		   struct km_err *err)
{
	struct gathered *g = calloc(1, sizeof(*g));
	int rc = g ? gather(g, vm, host, err) : km_err_set(err, -ENOMEM, "out of memory");

	if (!rc) {
		g->in.streams = streams;
		rc = km_place_choose(&g->in, &g->place, err);
	}
	if (!rc) {
		g->e.in = &g->in;
		g->e.place = &g->place;
		g->e.pins = g->pins;
		g->e.vcpus = vm->vcpus;
		g->e.vm_pid = vm->pid;
		snprintf(g->e.vm_name, sizeof(g->e.vm_name), "%s", vm->name);
		if (json)
			km_json_print(stdout, km_explain_json(&g->e));
		else
			km_explain_text(stdout, &g->e);
	}
	if (g)
		release(g);
	return rc;
}
