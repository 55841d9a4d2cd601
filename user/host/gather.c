// SPDX-License-Identifier: GPL-2.0
#include "gather.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include "../ctl/vms.h"
#include "memnode.h"

static int gather_threads(struct km_gathered *g, pid_t pid, struct km_qmp *q, struct km_err *err)
{
	int rc = km_threads_read(pid, &g->threads, &g->nthreads, err);

	if (rc)
		return rc;
	if (q)
		km_threads_ask(g->threads, g->nthreads, q);
	g->pins = calloc(g->nthreads, sizeof(*g->pins));
	if (!g->pins)
		return km_err_set(err, -ENOMEM, "out of memory");
	g->npins = km_threads_pins(g->threads, g->nthreads, g->pins);
	for (size_t i = 0; i < g->nthreads; i++) {
		const struct km_thread *t = &g->threads[i];

		g->vcpus_seen += t->kind == KM_THREAD_VCPU;
		if (t->kind == KM_THREAD_MAIN)
			g->in.qemu_allowed = t->cpus; /* what the threads that it starts inherit */
	}
	return 0;
}

/* Other guests have vCPUs, too. One that has just ended claims nothing. */
static int gather_claims(struct km_gathered *g, pid_t pid, struct km_err *err)
{
	struct km_vm *vms;
	size_t n;
	int rc = km_threads_claim(g->threads, g->nthreads, &g->claims, &g->in.nclaims);

	if (rc || km_vms_list(&vms, &n, KM_VMS_PROCESSES, err))
		return rc ? km_err_set(err, rc, "out of memory") : err->code;
	for (size_t i = 0; i < n && !rc; i++) {
		struct km_thread *t;
		size_t nt;

		if (vms[i].pid == pid || km_threads_read(vms[i].pid, &t, &nt, NULL))
			continue;
		rc = km_threads_claim(t, nt, &g->claims, &g->in.nclaims);
		free(t);
	}
	free(vms);
	g->in.claims = g->claims;
	return rc ? km_err_set(err, rc, "out of memory") : 0;
}

static void gather_memory(struct km_gathered *g, pid_t pid)
{
	struct km_err err = { 0 };

	km_memnode_read(pid, g->in.mem, &g->in.nmem, &err);
	snprintf(g->why_no_mem, sizeof(g->why_no_mem), "%s", err.text);
}

void km_gather_guess_memory(struct km_gathered *g)
{
	if (!g->in.nmem)
		g->in.nmem = km_memnode_by_vcpus(&g->topo, g->pins, g->npins, g->in.mem);
}

struct km_gathered *km_gather(pid_t pid, struct km_qmp *q, const struct km_nic *nic,
			      struct km_err *err)
{
	struct km_gathered *g = calloc(1, sizeof(*g));
	int rc = g ? km_topo_load(&g->topo, err) : km_err_set(err, -ENOMEM, "out of memory");

	if (!rc)
		rc = gather_threads(g, pid, q, err);
	if (!rc)
		rc = gather_claims(g, pid, err);
	if (rc) {
		km_gathered_free(g);
		return NULL;
	}
	g->in.topo = &g->topo;
	if (sched_getaffinity(0, sizeof(g->in.own_allowed), (cpu_set_t *)&g->in.own_allowed))
		g->in.own_allowed = g->topo.cpus;
	gather_memory(g, pid);
	g->in.nic_node = nic->node;
	g->in.link_bit_per_s = nic->bit_per_s;
	return g;
}

void km_gathered_free(struct km_gathered *g)
{
	if (!g)
		return;
	free(g->claims);
	free(g->threads);
	free(g->pins);
	free(g);
}
