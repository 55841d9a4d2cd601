// SPDX-License-Identifier: GPL-2.0
#include "choose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum km_cpu_class km_place_class(const struct km_place *p, int cpu)
{
	if (km_cpus_has(&p->vcpu, cpu))
		return KM_CPU_VCPU;
	if (km_cpus_has(&p->sibling, cpu))
		return KM_CPU_SIBLING;
	return km_cpus_has(&p->others, cpu) ? KM_CPU_OTHERS : KM_CPU_FREE;
}

/* ---- whose CPU is whose ---- */

/* Threads of the claim's kind that can run nowhere else. */
static unsigned int confined(const struct km_place_in *in, const struct km_claim *to)
{
	unsigned int n = 0;

	for (size_t i = 0; i < in->nclaims; i++)
		n += in->claims[i].kind == to->kind &&
		     km_cpus_within(&in->claims[i].cpus, &to->cpus);
	return n;
}

static void sort_claims(const struct km_place_in *in, struct km_place *p)
{
	for (size_t i = 0; i < in->nclaims; i++) {
		const struct km_claim *c = &in->claims[i];
		struct km_cpus cpus = c->cpus;
		bool own;

		km_cpus_and(&cpus, &in->topo->cpus);
		/* Whoever may run everywhere claims nothing. */
		if (km_cpus_empty(&cpus) || km_cpus_equal(&cpus, &in->topo->cpus))
			continue;
		own = 2 * confined(in, c) >= km_cpus_count(&cpus);
		if (c->kind == KM_CLAIM_VCPU)
			km_cpus_or(own ? &p->vcpu : &p->roomy, &cpus);
		else if (own)
			km_cpus_or(&p->others, &cpus);
	}
	km_topo_siblings(in->topo, &p->vcpu, &p->sibling);
	km_cpus_sub(&p->roomy, &p->vcpu);
	km_cpus_sub(&p->others, &p->vcpu);
	km_cpus_sub(&p->others, &p->sibling);
}

/* ---- which node ---- */

static bool holds_memory(const struct km_place_in *in, int node)
{
	for (unsigned int i = 0; i < in->nmem; i++)
		if (in->mem[i].node == node)
			return in->mem[i].share >= 1 / 8.;
	return false;
}

/* The node that has most of the guest, or the NIC's if that has half as much. */
static int memory_node(const struct km_place_in *in)
{
	for (unsigned int i = 1; i < in->nmem; i++)
		if (in->mem[i].node == in->nic_node && 2 * in->mem[i].share >= in->mem[0].share)
			return in->nic_node;
	return in->nmem ? in->mem[0].node : -1;
}

static int roomiest_node(const struct km_place_in *in, const struct km_place *p,
			 const struct km_cpus *allowed)
{
	unsigned int most = 0;
	int best = -1;

	for (unsigned int i = 0; i < in->topo->nnodes; i++) {
		struct km_cpus cpus;

		km_topo_node(in->topo, in->topo->node[i], &cpus);
		km_cpus_and(&cpus, allowed);
		km_cpus_sub(&cpus, &p->vcpu);
		km_cpus_sub(&cpus, &p->sibling);
		km_cpus_sub(&cpus, &p->others);
		if (km_cpus_count(&cpus) <= most)
			continue;
		most = km_cpus_count(&cpus);
		best = in->topo->node[i];
	}
	return best;
}

static void choose_node(const struct km_place_in *in, const struct km_place *p,
			const struct km_cpus *allowed, int first, struct km_place_group *g)
{
	int mem = memory_node(in);

	g->node = first;
	if (first < 0)
		g->node = in->nic_node >= 0 ? in->nic_node : mem;
	if (in->topo->nnodes < 2)
		g->why = KM_NODE_UNKNOWN;
	else if (g->node < 0)
		g->why = KM_NODE_ROOM;
	else if (g->node == in->nic_node)
		g->why = holds_memory(in, g->node) ? KM_NODE_BOTH : KM_NODE_NIC;
	else
		g->why = KM_NODE_MEMORY;
	if (g->why == KM_NODE_ROOM)
		g->node = roomiest_node(in, p, allowed);
}

static bool is_wanted_node(const struct km_place_in *in, int node)
{
	return node == in->nic_node || holds_memory(in, node);
}

static unsigned int node_rank(const struct km_place_in *in, const struct km_place_group *g, int cpu)
{
	int node = in->topo->cpu[cpu].node;

	if (node == g->node || in->topo->nnodes < 2)
		return 0;
	if (is_wanted_node(in, node))
		return 1;
	return in->topo->cpu[cpu].package == km_topo_node_package(in->topo, g->node) ? 2 : 3;
}

/* ---- which CPUs ---- */

struct picker {
	const struct km_place_in *in;
	const struct km_place *p;
	unsigned int load[KM_CPUS_MAX]; /* by CPU: threads of ours */
	unsigned int used[KM_CPUS_MAX]; /* by core: likewise */
	struct km_cpus picked;		/* by the group that came first */
};

/* Smaller is better: rules 3 to 6; the number itself comes last by the order of search. */
static uint64_t rank(const struct picker *k, const struct km_place_group *g, int cpu)
{
	unsigned int node = node_rank(k->in, g, cpu), load = k->load[cpu];
	unsigned int crowd = node < 2 && load < 2 ? load : load + 2;

	/* Neither load nor used gets as far as a hundred: there are 16 streams at most. */
	return (((uint64_t)crowd * 10 + node) * 2 + km_cpus_has(&k->p->roomy, cpu)) * 1000 +
	       k->used[k->in->topo->cpu[cpu].core];
}

static int best_of(const struct picker *k, const struct km_place_group *g,
		   const struct km_cpus *from)
{
	uint64_t least = UINT64_MAX;
	int best = -1;

	for (int c = km_cpus_next(from, 0); c >= 0; c = km_cpus_next(from, c + 1)) {
		uint64_t r = rank(k, g, c);

		if (r >= least)
			continue;
		least = r;
		best = c;
	}
	return best;
}

/* Rules 1 and 2: of the allowed only those that are least in anybody's way. */
static enum km_cpu_class keep_best_class(const struct km_place *p, struct km_cpus *allowed)
{
	enum km_cpu_class best = KM_CPU_VCPU;
	struct km_cpus keep = { 0 };

	for (int c = km_cpus_next(allowed, 0); c >= 0; c = km_cpus_next(allowed, c + 1))
		if (km_place_class(p, c) < best)
			best = km_place_class(p, c);
	for (int c = km_cpus_next(allowed, 0); c >= 0; c = km_cpus_next(allowed, c + 1))
		if (km_place_class(p, c) == best)
			km_cpus_add(&keep, c);
	*allowed = keep;
	return best;
}

static void pick(struct picker *k, const struct km_cpus *allowed, struct km_place_group *g)
{
	struct km_cpus from = *allowed;

	g->cls = keep_best_class(k->p, &from);
	for (unsigned int i = 0; i < g->wanted; i++) {
		int cpu = best_of(k, g, &from);

		k->used[k->in->topo->cpu[cpu].core]++;
		k->load[cpu]++;
		if (!km_cpus_has(&g->cpus, cpu)) {
			g->shared += km_cpus_has(&k->picked, cpu);
			g->away += node_rank(k->in, g, cpu) > 1;
		}
		km_cpus_add(&g->cpus, cpu);
	}
	km_cpus_or(&k->picked, &g->cpus);
}

/* ---- how many ---- */

static unsigned int count_free_cores(const struct km_place_in *in, const struct km_place *p,
				     const struct km_cpus *allowed)
{
	bool seen[KM_CPUS_MAX] = { false };
	unsigned int n = 0;

	for (int c = km_cpus_next(allowed, 0); c >= 0; c = km_cpus_next(allowed, c + 1)) {
		int core = in->topo->cpu[c].core;

		if (seen[core] || km_place_class(p, c) != KM_CPU_FREE)
			continue;
		seen[core] = true;
		n++;
	}
	return n;
}

static unsigned int per(uint64_t link, uint64_t one, unsigned int most)
{
	uint64_t n = link / one + (link % one != 0);

	return n < most ? (unsigned int)n : most;
}

static void choose_counts(const struct km_place_in *in, struct km_place *p)
{
	unsigned int cores = p->free_cores;

	p->streams_why = in->link_bit_per_s ? KM_STREAMS_LINK : KM_STREAMS_NO_SPEED;
	p->streams = per(in->link_bit_per_s, KM_STREAM_BIT_PER_S, KM_STREAMS_MAX);
	if (p->streams < KM_STREAMS_DEFAULT)
		p->streams = KM_STREAMS_DEFAULT;
	if (p->streams > cores) {
		p->streams = cores ? cores : 1;
		p->streams_why = KM_STREAMS_CORES;
	}
	if (in->streams) {
		p->streams = in->streams;
		p->streams_why = KM_STREAMS_ASKED;
	}
	/* Each stream has a thread of ours and one of QEMU's; helpers get what is left. */
	p->helpers = per(in->link_bit_per_s, KM_HELPER_BIT_PER_S, KM_HELPERS_MAX);
	if (2 * p->streams >= cores)
		p->helpers = 0;
	else if (p->helpers > cores - 2 * p->streams)
		p->helpers = cores - 2 * p->streams;
}

int km_place_choose(const struct km_place_in *in, struct km_place *p, struct km_err *err)
{
	struct km_cpus own = in->own_allowed, qemu = in->qemu_allowed;
	struct picker *k;

	memset(p, 0, sizeof(*p));
	km_cpus_and(&own, &in->topo->cpus);
	km_cpus_and(&qemu, &in->topo->cpus);
	if (km_cpus_empty(&own) || km_cpus_empty(&qemu))
		return km_err_set(err, -EINVAL, "placement: %s may run on no CPU that is online",
				  km_cpus_empty(&own) ? "kmigrate" : "QEMU");
	k = calloc(1, sizeof(*k));
	if (!k)
		return km_err_set(err, -ENOMEM, "placement: out of memory");
	k->in = in;
	k->p = p;
	sort_claims(in, p);
	p->free_cores = count_free_cores(in, p, &own);
	choose_counts(in, p);
	choose_node(in, p, &own, -1, &p->own);
	choose_node(in, p, &qemu, memory_node(in), &p->qemu);
	/* Ours: the streams, the helpers, and one for whatever reads from QEMU and waits.
	 * QEMU's: its multifd threads, as many as streams, and the migration thread. */
	p->own.wanted = p->streams + p->helpers + 1;
	p->qemu.wanted = p->streams + 1;
	pick(k, &own, &p->own);
	pick(k, &qemu, &p->qemu);
	free(k);
	return 0;
}
