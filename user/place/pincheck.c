// SPDX-License-Identifier: GPL-2.0
/* What a laid-out pinning breaks: the destination compared with the source. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pinmap_priv.h"

void km_pin_broken(struct km_pinmap *m, enum km_pin_break_kind kind, const char *fmt, ...)
{
	struct km_pin_break *b = &m->breaks[m->nbreaks];
	va_list ap;

	if (m->nbreaks++ >= KM_PIN_BREAKS_MAX)
		return;
	b->kind = kind;
	va_start(ap, fmt);
	vsnprintf(b->text, sizeof(b->text), fmt, ap);
	va_end(ap);
}

#define WHO_MAX 96

/* Whoever is pinned to one of these CPUs, by itself and not by a whole node. */
static const char *who(const struct km_pin_in *in, const struct km_cpus *at, char buf[WHO_MAX])
{
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < in->npins; i++) {
		struct km_cpus s = in->pins[i].cpus;
		int n;

		km_cpus_and(&s, &in->from->cpus);
		if (!km_cpus_overlap(&s, at) || km_cpus_equal(&s, &in->from->cpus) ||
		    km_pin_is_nodes(in->from, &s))
			continue;
		n = snprintf(buf + used, WHO_MAX - used, "%s%s", used ? ", " : "", in->pins[i].who);
		if (n < 0 || (size_t)n + sizeof(", ...") > WHO_MAX - used) {
			snprintf(buf + used, WHO_MAX - used, "%s...", used ? ", " : "");
			break;
		}
		used += (size_t)n;
	}
	return buf;
}

/* "vCPU 0, vCPU 1 (CPUs 0-1 -> 4,6)": the text that most breaks begin with. */
static const char *moved(const struct km_pin_in *in, const struct km_pin_lay *l,
			 const struct km_cpus *from, char buf[256])
{
	char a[KM_CPUS_TEXT], b[KM_CPUS_TEXT], names[WHO_MAX];
	struct km_cpus to = { 0 };

	for (int c = km_cpus_next(from, 0); c >= 0; c = km_cpus_next(from, c + 1))
		km_cpus_add(&to, l->cpu_at[c]);
	snprintf(buf, 256, "%s (CPUs %.60s -> %.60s)", who(in, from, names),
		 km_cpus_format(from, a), km_cpus_format(&to, b));
	return buf;
}

static void check_cores(const struct km_pin_in *in, const struct km_pin_lay *l, struct km_pinmap *m)
{
	char text[256];

	for (unsigned int i = 0; i < l->ncores; i++) {
		const int *cpu = &l->cpu[l->core[i].first];
		struct km_cpus from = { 0 };
		bool apart = false;

		for (unsigned int k = 0; k < l->core[i].n; k++) {
			km_cpus_add(&from, cpu[k]);
			apart = apart || l->to->cpu[l->cpu_at[cpu[k]]].core !=
						 l->to->cpu[l->cpu_at[cpu[0]]].core;
		}
		if (apart)
			km_pin_broken(m, KM_PIN_SIBLINGS, "%s are SMT siblings and would not be",
				      moved(in, l, &from, text));
	}
}

/* The pinned CPUs that came to a CPU or a core of the destination, and of how many cores. */
static unsigned int came_to(const struct km_pin_lay *l, int cpu, bool whole_core,
			    struct km_cpus *from, unsigned int *targets)
{
	unsigned int cores = 0;
	struct km_cpus to = { 0 };

	memset(from, 0, sizeof(*from));
	for (unsigned int i = 0; i < l->ncores; i++) {
		bool here = false;

		for (unsigned int k = 0; k < l->core[i].n; k++) {
			int c = l->cpu[l->core[i].first + k], at = l->cpu_at[c];

			if (at != cpu &&
			    !(whole_core && l->to->cpu[at].core == l->to->cpu[cpu].core))
				continue;
			km_cpus_add(from, c);
			km_cpus_add(&to, at);
			here = true;
		}
		cores += here;
	}
	*targets = km_cpus_count(&to);
	return cores;
}

static void check_sharing(const struct km_pin_in *in, const struct km_pin_lay *l,
			  struct km_pinmap *m)
{
	bool seen[KM_CPUS_MAX] = { false };
	struct km_cpus from;
	unsigned int targets;
	char text[256];

	for (int c = km_cpus_next(&l->room, 0); c >= 0; c = km_cpus_next(&l->room, c + 1)) {
		int core = l->to->cpu[c].core;

		if (l->load[c] > 1) {
			came_to(l, c, false, &from, &targets);
			km_pin_broken(m, KM_PIN_CPU_SHARED,
				      "%s have CPUs of their own and would share one",
				      moved(in, l, &from, text));
		}
		if (seen[core] || l->core_load[core] < 2)
			continue;
		seen[core] = true;
		if (came_to(l, c, true, &from, &targets) > 1 && targets > 1)
			km_pin_broken(m, KM_PIN_CORE_SHARED,
				      "%s have cores of their own and would share one",
				      moved(in, l, &from, text));
	}
}

/* The nodes at the destination that a node's pinned CPUs went to; its own, if it has none. */
static void nodes_at(const struct km_pin_lay *l, int node, struct km_cpus *from, struct km_cpus *at)
{
	memset(from, 0, sizeof(*from));
	memset(at, 0, sizeof(*at));
	for (unsigned int i = 0; i < l->ncpus; i++) {
		int c = l->cpu[i];

		if (l->from->cpu[c].node != node)
			continue;
		km_cpus_add(from, c);
		km_cpus_add(at, l->to->cpu[l->cpu_at[c]].node);
	}
	if (km_cpus_empty(from))
		km_cpus_add(at, l->node_at[node]);
}

static void check_nodes(const struct km_pin_in *in, const struct km_pin_lay *l, struct km_pinmap *m)
{
	struct km_cpus from, at;
	char text[256];

	for (unsigned int k = 0; k < l->nnodes; k++) {
		nodes_at(l, l->node[k], &from, &at);
		if (km_cpus_count(&at) > 1)
			km_pin_broken(m, KM_PIN_NODE_SPLIT,
				      "%s are in NUMA node %d and would be in several",
				      moved(in, l, &from, text), l->node[k]);
	}
	for (unsigned int i = 0; i < l->to->nnodes; i++) {
		struct km_cpus here = { 0 }; /* numbers of nodes */

		for (unsigned int k = 0; k < l->nnodes; k++) {
			nodes_at(l, l->node[k], &from, &at);
			if (km_cpus_has(&at, l->to->node[i]))
				km_cpus_add(&here, l->node[k]);
		}
		if (km_cpus_count(&here) > 1)
			km_pin_broken(m, KM_PIN_NODES_MERGED,
				      "NUMA nodes %.60s would be one, node %d",
				      km_cpus_format(&here, text), l->to->node[i]);
	}
}

/* Whole nodes that have become smaller than what is confined to them. */
static void check_crowds(const struct km_pin_in *in, struct km_pinmap *m)
{
	for (unsigned int i = 0; i < in->npins; i++) {
		const struct km_cpus *s = &in->pins[i].cpus;
		unsigned int after = km_cpus_count(&m->cpus[i]), threads = 0;
		char a[KM_CPUS_TEXT], b[KM_CPUS_TEXT];
		bool told = false;

		for (unsigned int k = 0; k < in->npins; k++) {
			bool same = km_cpus_equal(&in->pins[k].cpus, s);

			threads += same;
			told = told || (same && k < i);
		}
		if (told || km_cpus_within(&in->from->cpus, s) || !km_pin_is_nodes(in->from, s) ||
		    threads > km_cpus_count(s) || threads <= after)
			continue;
		km_pin_broken(m, KM_PIN_CROWDED,
			      "%u threads on CPUs %.60s would be on %u CPUs, %.60s", threads,
			      km_cpus_format(s, a), after, km_cpus_format(&m->cpus[i], b));
	}
}

void km_pin_check(const struct km_pin_in *in, const struct km_pin_lay *l, struct km_pinmap *m)
{
	check_cores(in, l, m);
	check_sharing(in, l, m);
	check_nodes(in, l, m);
	check_crowds(in, m);
}
