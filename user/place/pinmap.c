// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "pinmap_priv.h"

bool km_pin_is_nodes(const struct km_topo *t, const struct km_cpus *s)
{
	for (int c = km_cpus_next(s, 0); c >= 0; c = km_cpus_next(s, c + 1)) {
		struct km_cpus node, core;

		km_topo_node(t, t->cpu[c].node, &node);
		km_topo_core(t, t->cpu[c].core, &core);
		if (!km_cpus_within(&node, s) || km_cpus_equal(&node, &core))
			return false;
	}
	return true;
}

/* ---- what is pinned ---- */

static void note_node(struct km_pin_lay *l, int node)
{
	for (unsigned int i = 0; i < l->nnodes; i++)
		if (l->node[i] == node)
			return;
	l->node[l->nnodes++] = node;
}

/* The CPUs that threads are pinned to one by one; the nodes of those and of the rest. */
static int collect_cpus(struct km_pin_lay *l, const struct km_pin_in *in, struct km_cpus *cpus,
			struct km_err *err)
{
	memset(cpus, 0, sizeof(*cpus));
	for (unsigned int i = 0; i < in->npins; i++) {
		char text[KM_CPUS_TEXT];
		struct km_cpus s = in->pins[i].cpus;

		km_cpus_and(&s, &in->from->cpus);
		if (km_cpus_empty(&s))
			return km_err_set(err, -EINVAL,
					  "pinning: %s may run on CPUs %s, none of which is online",
					  in->pins[i].who, km_cpus_format(&in->pins[i].cpus, text));
		if (km_cpus_equal(&s, &in->from->cpus))
			continue;
		if (!km_pin_is_nodes(in->from, &s))
			km_cpus_or(cpus, &s);
		for (int c = km_cpus_next(&s, 0); c >= 0; c = km_cpus_next(&s, c + 1))
			note_node(l, in->from->cpu[c].node);
	}
	return 0;
}

static int wide_first(const void *a, const void *b)
{
	const struct km_pin_core *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	if (x->node != y->node)
		return x->node > y->node ? 1 : -1;
	return (x->first > y->first) - (x->first < y->first);
}

static void collect_cores(struct km_pin_lay *l, const struct km_cpus *cpus)
{
	struct km_cpus left = *cpus;

	for (int c = km_cpus_next(&left, 0); c >= 0; c = km_cpus_next(&left, c + 1)) {
		struct km_pin_core *core = &l->core[l->ncores++];
		struct km_cpus all;

		core->first = l->ncpus;
		core->node = l->from->cpu[c].node;
		km_topo_core(l->from, l->from->cpu[c].core, &all);
		km_cpus_and(&all, cpus);
		for (int s = km_cpus_next(&all, 0); s >= 0; s = km_cpus_next(&all, s + 1))
			l->cpu[l->ncpus++] = s;
		core->n = l->ncpus - core->first;
		l->node_cpus[core->node] += core->n;
		km_cpus_sub(&left, &all);
	}
	qsort(l->core, l->ncores, sizeof(l->core[0]), wide_first);
}

/* ---- what becomes of it ---- */

static void lay_pin(const struct km_pin_lay *l, const struct km_pin *pin, struct km_cpus *to)
{
	struct km_cpus s = pin->cpus;
	bool nodes;

	km_cpus_and(&s, &l->from->cpus);
	if (km_cpus_equal(&s, &l->from->cpus)) {
		*to = l->room;
		return;
	}
	nodes = km_pin_is_nodes(l->from, &s);
	memset(to, 0, sizeof(*to));
	for (int c = km_cpus_next(&s, 0); c >= 0; c = km_cpus_next(&s, c + 1)) {
		struct km_cpus node;

		if (!nodes) {
			km_cpus_add(to, l->cpu_at[c]);
			continue;
		}
		km_topo_node(l->to, l->node_at[l->from->cpu[c].node], &node);
		km_cpus_and(&node, &l->room);
		km_cpus_or(to, &node);
	}
}

static int map(const struct km_pin_in *in, struct km_pin_lay *l, struct km_pinmap *m,
	       struct km_err *err)
{
	struct km_cpus cpus;
	int rc;

	l->from = in->from;
	l->to = in->to;
	l->room = in->allowed;
	km_cpus_and(&l->room, &in->to->cpus);
	if (km_cpus_empty(&l->room))
		return km_err_set(err, -EINVAL,
				  "pinning: the guest may run on no CPU that is online at the "
				  "destination");
	rc = collect_cpus(l, in, &cpus, err);
	if (rc)
		return rc;
	collect_cores(l, &cpus);
	km_pin_lay(l);
	for (unsigned int i = 0; i < in->npins; i++)
		lay_pin(l, &in->pins[i], &m->cpus[i]);
	km_pin_check(in, l, m);
	if (in->policy != KM_PIN_KEEP || !m->nbreaks)
		return 0;
	return km_err_set(err, -ENOTSUP, "the pinning can't be kept: %.300s%s", m->breaks[0].text,
			  m->nbreaks > 1 ? ", and more" : "");
}

int km_pinmap(const struct km_pin_in *in, struct km_pinmap *m, struct km_err *err)
{
	struct km_pin_lay *l = calloc(1, sizeof(*l));
	int rc;

	memset(m, 0, sizeof(*m));
	m->n = in->npins;
	m->cpus = calloc(in->npins + 1, sizeof(m->cpus[0]));
	if (l && m->cpus)
		rc = map(in, l, m, err);
	else
		rc = km_err_set(err, -ENOMEM, "pinning: out of memory");
	m->kept = !rc && !m->nbreaks;
	free(l);
	return rc;
}

void km_pinmap_free(struct km_pinmap *m)
{
	free(m->cpus);
	m->cpus = NULL;
	m->n = 0;
}
