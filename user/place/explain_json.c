// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include "../report/jsonval.h"
#include "explain.h"

json_t *km_explain_cpus(const struct km_cpus *s)
{
	json_t *a = json_array();

	for (int c = km_cpus_next(s, 0); c >= 0; c = km_cpus_next(s, c + 1))
		json_array_append_new(a, json_integer(c));
	return a;
}

/* -1 is "not known". */
static json_t *node_of(int node)
{
	return node < 0 ? json_null() : json_integer(node);
}

static json_t *machine(const struct km_topo *t)
{
	json_t *o = json_object();

	km_j_put(o, "cpus", km_j_number(km_cpus_count(&t->cpus)));
	km_j_put(o, "cores", km_j_number(t->ncores));
	km_j_put(o, "packages", km_j_number(t->npackages));
	km_j_put(o, "nodes", km_j_number(t->nnodes));
	return o;
}

static json_t *memory(const struct km_place_in *in)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < in->nmem; i++) {
		json_t *o = json_object();

		km_j_put(o, "node", node_of(in->mem[i].node));
		km_j_put(o, "share", km_j_real(in->mem[i].share));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *nic(const struct km_explain *e)
{
	json_t *o = json_object();

	km_j_put(o, "name", km_j_text_or_null(e->nic));
	km_j_put(o, "node", node_of(e->in->nic_node));
	km_j_put(o, "bit_per_s", km_j_number(e->in->link_bit_per_s));
	return o;
}

static json_t *threads(const struct km_explain *e)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < e->npins; i++) {
		json_t *o = json_object();

		km_j_put(o, "who", km_j_text(e->pins[i].who));
		km_j_put(o, "cpus", km_explain_cpus(&e->pins[i].cpus));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *avoided(const struct km_place *p)
{
	json_t *o = json_object();

	km_j_put(o, "vcpus", km_explain_cpus(&p->vcpu));
	km_j_put(o, "siblings", km_explain_cpus(&p->sibling));
	km_j_put(o, "others", km_explain_cpus(&p->others));
	km_j_put(o, "if_need_be", km_explain_cpus(&p->roomy));
	return o;
}

static json_t *group(const struct km_place_group *g)
{
	static const char *const classes[] = {
		[KM_CPU_FREE] = "free",
		[KM_CPU_OTHERS] = "others",
		[KM_CPU_SIBLING] = "sibling",
		[KM_CPU_VCPU] = "vcpu",
	};
	json_t *o = json_object();

	km_j_put(o, "cpus", km_explain_cpus(&g->cpus));
	km_j_put(o, "threads", km_j_number(g->wanted));
	km_j_put(o, "class", km_j_text(classes[g->cls]));
	km_j_put(o, "node", node_of(g->node));
	km_j_put(o, "elsewhere", km_j_number(g->away));
	km_j_put(o, "shared", km_j_number(g->shared));
	return o;
}

static json_t *decisions(const struct km_explain *e)
{
	struct km_decision d[KM_DECISIONS_MAX];
	unsigned int n = km_explain(e, d);
	json_t *a = json_array();

	for (unsigned int i = 0; i < n; i++) {
		json_t *o = json_object();

		km_j_put(o, "what", km_j_text(d[i].what));
		km_j_put(o, "choice", km_j_text(d[i].choice));
		km_j_put(o, "why", km_j_text(d[i].why));
		json_array_append_new(a, o);
	}
	return a;
}

json_t *km_explain_json(const struct km_explain *e)
{
	json_t *o = json_object();

	km_j_put(o, "vm", km_j_text(e->vm_name));
	km_j_put(o, "pid", km_j_number((uint64_t)e->vm_pid));
	km_j_put(o, "machine", machine(e->in->topo));
	km_j_put(o, "memory", memory(e->in));
	km_j_put(o, "nic", nic(e));
	km_j_put(o, "threads", threads(e));
	km_j_put(o, "avoided", avoided(e->place));
	km_j_put(o, "free_cores", km_j_number(e->place->free_cores));
	km_j_put(o, "streams", km_j_number(e->place->streams));
	km_j_put(o, "helpers", km_j_number(e->place->helpers));
	km_j_put(o, "kmigrate", group(&e->place->own));
	km_j_put(o, "qemu", group(&e->place->qemu));
	km_j_put(o, "decisions", decisions(e));
	return o;
}
