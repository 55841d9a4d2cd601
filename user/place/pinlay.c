// SPDX-License-Identifier: GPL-2.0
/*
 * Which CPU of the destination stands for which of the source. Five tries, each
 * giving up more: all of it; siblings; nodes; both; a CPU for each. A core that
 * finds one of the same CPU numbers takes it, so that between equal hosts
 * nothing changes.
 */
#include <stdlib.h>
#include <string.h>
#include "pinmap_priv.h"

struct how {
	bool nodes;    /* each node goes into one of its own */
	bool siblings; /* each core goes onto one of its own */
	bool crowd;    /* CPUs may be shared */
};

static bool is_free(const struct km_pin_lay *l, int cpu)
{
	return km_cpus_has(&l->room, cpu) && !l->load[cpu];
}

static void put(struct km_pin_lay *l, int from, int to)
{
	const struct km_topo_cpu *t = &l->to->cpu[to];

	l->cpu_at[from] = to;
	l->core_load[t->core]++;
	if (l->load[to]++)
		return;
	l->core_free[t->core]--;
	l->node_free[t->node]--;
}

/* ---- a core ---- */

/* An untouched core, in the node if one is named: the same, else the narrowest that is wide
 * enough, else the first. Returns a CPU of it, -1 for none. */
static int find_core(const struct km_pin_lay *l, const struct km_pin_core *core, int node,
		     bool only_node)
{
	unsigned int least = UINT_MAX;
	int best = -1;

	for (int c = km_cpus_next(&l->room, 0); c >= 0; c = km_cpus_next(&l->room, c + 1)) {
		const struct km_topo_cpu *t = &l->to->cpu[c];
		unsigned int width, rank;

		if (l->core_load[t->core] || (only_node && t->node != node))
			continue;
		width = l->core_free[t->core];
		if (width < core->n)
			continue;
		rank = t->node != node ? 2u * KM_CPUS_MAX : 0;
		if (l->cpu[core->first] != c)
			rank += width;
		if (rank >= least)
			continue;
		least = rank;
		best = c;
	}
	return best;
}

static void put_core(struct km_pin_lay *l, const struct km_pin_core *core, int core_to)
{
	const int *cpu = &l->cpu[core->first];
	int at = -1;

	for (unsigned int i = 0; i < core->n; i++)
		if (is_free(l, cpu[i]) && l->to->cpu[cpu[i]].core == core_to)
			put(l, cpu[i], cpu[i]);
	for (unsigned int i = 0; i < core->n; i++) {
		if (l->cpu_at[cpu[i]] >= 0)
			continue;
		do
			at = km_cpus_next(&l->room, at + 1);
		while (l->to->cpu[at].core != core_to || l->load[at]);
		put(l, cpu[i], at);
	}
}

/* The least loaded, in the node if there is one as good, in the emptiest core. */
static int find_cpu(const struct km_pin_lay *l, int cpu, int node, bool only_node)
{
	uint64_t least = UINT64_MAX;
	int best = -1;

	for (int c = km_cpus_next(&l->room, 0); c >= 0; c = km_cpus_next(&l->room, c + 1)) {
		const struct km_topo_cpu *t = &l->to->cpu[c];
		uint64_t rank = l->load[c];

		if (only_node && t->node != node)
			continue;
		rank = rank * 2 + (t->node != node);
		rank = rank * 2 * KM_CPUS_MAX + l->core_load[t->core];
		rank = rank * 2 + (c != cpu);
		if (rank >= least)
			continue;
		least = rank;
		best = c;
	}
	return best;
}

static bool lay_core(struct km_pin_lay *l, const struct km_pin_core *core, const struct how *how)
{
	int node = l->node_at[core->node];
	int c = find_core(l, core, node, how->nodes);

	if (c >= 0) {
		put_core(l, core, l->to->cpu[c].core);
		return true;
	}
	if (how->siblings)
		return false;
	for (unsigned int i = 0; i < core->n; i++) {
		int from = l->cpu[core->first + i];

		c = find_cpu(l, from, node, how->nodes);
		if (c < 0 || (l->load[c] && !how->crowd))
			return false;
		put(l, from, c);
	}
	return true;
}

/* ---- nodes ---- */

static unsigned int width_of(const struct km_pin_lay *l, unsigned int *widths, int node)
{
	bool seen[KM_CPUS_MAX] = { false };
	unsigned int n = 0;

	for (int c = km_cpus_next(&l->room, 0); c >= 0; c = km_cpus_next(&l->room, c + 1)) {
		int core = l->to->cpu[c].core;

		if (l->to->cpu[c].node != node || seen[core])
			continue;
		seen[core] = true;
		widths[n++] = l->core_free[core];
	}
	return n;
}

static int wide_first(const void *a, const void *b)
{
	const unsigned int *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

/* The widest onto the widest, and so on: if that does not fit, nothing does. */
static bool cores_fit(const struct km_pin_lay *l, int from, int to)
{
	unsigned int widths[KM_CPUS_MAX];
	unsigned int n = width_of(l, widths, to), used = 0;

	qsort(widths, n, sizeof(widths[0]), wide_first);
	for (unsigned int i = 0; i < l->ncores; i++) {
		if (l->core[i].node != from)
			continue;
		if (used == n || widths[used] < l->core[i].n)
			return false;
		used++;
	}
	return true;
}

static bool node_fits(const struct km_pin_lay *l, int from, int to, const struct how *how)
{
	unsigned int room = l->node_free[to];

	if (!room || room < l->node_cpus[from])
		return false;
	return !how->siblings || cores_fit(l, from, to);
}

struct match {
	const struct km_pin_lay *l;
	const struct how *how;
	int by[KM_NODES_MAX]; /* index of a node at the destination: who has it, -1 = nobody */
	bool tried[KM_NODES_MAX];
};

/* One step of a bipartite matching (Kuhn): whoever has a node may have to take another. */
static bool find_node(struct match *m, int from)
{
	const struct km_topo *to = m->l->to;

	for (unsigned int i = 0; i < to->nnodes; i++) {
		if (m->tried[i] || !node_fits(m->l, from, to->node[i], m->how))
			continue;
		m->tried[i] = true;
		if (m->by[i] >= 0 && !find_node(m, m->by[i]))
			continue;
		m->by[i] = from;
		return true;
	}
	return false;
}

/* Each node gets one of its own: that of the same number, if all find one so. */
static bool match_nodes(struct km_pin_lay *l, const struct how *how)
{
	struct match *m = calloc(1, sizeof(*m));
	bool ok = m;

	if (!m)
		return false;
	m->l = l;
	m->how = how;
	for (unsigned int i = 0; i < l->to->nnodes; i++) {
		m->by[i] = -1;
		for (unsigned int k = 0; k < l->nnodes; k++)
			if (l->node[k] == l->to->node[i] &&
			    node_fits(l, l->node[k], l->node[k], how))
				m->by[i] = l->node[k];
	}
	for (unsigned int k = 0; k < l->nnodes && ok; k++) {
		bool has = false;

		for (unsigned int i = 0; i < l->to->nnodes; i++)
			has = has || m->by[i] == l->node[k];
		memset(m->tried, 0, sizeof(m->tried));
		ok = has || find_node(m, l->node[k]);
	}
	for (unsigned int i = 0; i < l->to->nnodes && ok; i++)
		if (m->by[i] >= 0)
			l->node_at[m->by[i]] = l->to->node[i];
	free(m);
	return ok;
}

/* Somebody of the same package there already? */
static bool has_mate(const struct km_pin_lay *l, int from, int to)
{
	int package = km_topo_node_package(l->from, from);

	for (unsigned int k = 0; k < l->nnodes; k++)
		if (l->node[k] != from && l->node_at[l->node[k]] == to &&
		    km_topo_node_package(l->from, l->node[k]) == package)
			return true;
	return false;
}

/* The node that is to be preferred where nodes can't be kept apart: with room for all, then
 * where others of its package are, then with most room, then of the same number. */
static void prefer_node(struct km_pin_lay *l, int from)
{
	uint64_t most = 0;

	for (unsigned int i = 0; i < l->to->nnodes; i++) {
		int to = l->to->node[i];
		unsigned int room = l->node_free[to];
		uint64_t rank = room >= l->node_cpus[from];

		rank = rank * 2 + has_mate(l, from, to);
		rank = rank * 2 * KM_CPUS_MAX + room;
		rank = rank * 2 + (from == to);
		if (l->node_at[from] >= 0 && rank <= most)
			continue;
		most = rank;
		l->node_at[from] = to;
	}
}

/* Where most of each node's CPUs went, which need not be where they were to go. */
static void settle_nodes(struct km_pin_lay *l)
{
	for (unsigned int k = 0; k < l->nnodes; k++) {
		unsigned int at[KM_NODES_MAX] = { 0 }, most = 0;

		for (unsigned int i = 0; i < l->ncpus; i++) {
			int node = l->to->cpu[l->cpu_at[l->cpu[i]]].node;

			if (l->from->cpu[l->cpu[i]].node != l->node[k] || ++at[node] <= most)
				continue;
			most = at[node];
			l->node_at[l->node[k]] = node;
		}
		if (l->node_at[l->node[k]] < 0) /* pinned to as a whole only */
			prefer_node(l, l->node[k]);
	}
}

/* ---- the tries ---- */

static void clear(struct km_pin_lay *l)
{
	memset(l->cpu_at, 0xff, sizeof(l->cpu_at));
	memset(l->node_at, 0xff, sizeof(l->node_at));
	memset(l->load, 0, sizeof(l->load));
	memset(l->core_load, 0, sizeof(l->core_load));
	memset(l->core_free, 0, sizeof(l->core_free));
	memset(l->node_free, 0, sizeof(l->node_free));
	for (int c = km_cpus_next(&l->room, 0); c >= 0; c = km_cpus_next(&l->room, c + 1)) {
		l->core_free[l->to->cpu[c].core]++;
		l->node_free[l->to->cpu[c].node]++;
	}
}

static bool try(struct km_pin_lay *l, const struct how *how)
{
	clear(l);
	if (how->nodes && !match_nodes(l, how))
		return false;
	for (unsigned int i = 0; i < l->ncores; i++) {
		if (l->node_at[l->core[i].node] < 0)
			prefer_node(l, l->core[i].node);
		if (!lay_core(l, &l->core[i], how))
			return false;
	}
	settle_nodes(l);
	return true;
}

void km_pin_lay(struct km_pin_lay *l)
{
	static const struct how ways[] = {
		{ .nodes = true, .siblings = true },
		{ .nodes = true },
		{ .siblings = true },
		{ 0 },
		{ .crowd = true },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (try(l, &ways[i]))
			return;
}
