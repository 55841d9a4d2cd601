// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include "drainplan.h"
#include "jsonval.h"

#define put km_j_put

static json_t *nodes_of(const struct km_fleet_plan *p, const struct km_fleet_move *m)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < p->f->host[m->to].nnodes; i++)
		json_array_append_new(list, km_j_number(m->split.bytes[i]));
	return list;
}

/* Who has to have gone from its destination: the first so many in the order of the plan. */
static json_t *after_of(const struct km_fleet_plan *p, const struct km_fleet_move *m)
{
	json_t *list = json_array();
	uint32_t n = m->after;

	for (uint32_t i = 0; n && i < p->nmoves; i++) {
		if (p->move[i].from != m->to)
			continue;
		json_array_append_new(list, km_j_text(p->f->vm[p->move[i].vm].name));
		n--;
	}
	return list;
}

static json_t *move_json(const struct km_fleet_plan *p, const struct km_fleet_move *m)
{
	const struct km_fleet_vm *v = &p->f->vm[m->vm];
	json_t *o = json_object();

	put(o, "vm", km_j_text(v->name));
	put(o, "from", km_j_text(p->f->host[m->from].name));
	put(o, "to", km_j_text(p->f->host[m->to].name));
	put(o, "start_s", km_j_real(m->start_s));
	put(o, "end_s", km_j_real(m->end_s));
	put(o, "pause_ms", km_j_real(m->pause_s * 1000));
	put(o, "max_pause_ms", km_j_real(v->max_pause_s * 1000));
	put(o, "wire_bytes", km_j_real(m->bytes));
	put(o, "rounds", km_j_number(m->rounds));
	put(o, "memory_by_node", nodes_of(p, m));
	put(o, "after", after_of(p, m));
	return o;
}

static json_t *host_json(const struct km_fleet_plan *p, const struct km_drained *d)
{
	json_t *o = json_object();

	put(o, "host", km_j_text(p->f->host[d->host].name));
	put(o, "moved", km_j_number(d->moved));
	put(o, "left", km_j_number(d->left));
	put(o, "empty_s", d->left ? json_null() : km_j_real(d->empty_s));
	return o;
}

static json_t *left_json(const struct km_fleet_plan *p, const struct km_left *left)
{
	static const char *const constraint[KM_FITS] = { "others",	  "cpu",   "numa",  "size",
							 "anti_affinity", "vcpus", "memory" };
	const struct km_fleet_vm *v = &p->f->vm[left->vm];
	json_t *o = json_object(), *hosts = json_object();
	char text[KM_DRAIN_TEXT];

	put(o, "vm", km_j_text(v->name));
	put(o, "host", km_j_text(p->f->host[v->host].name));
	put(o, "movable", json_boolean(left->movable));
	for (int i = 0; i < KM_FITS; i++)
		if (left->hosts[i])
			put(hosts, constraint[i], km_j_number(left->hosts[i]));
	put(o, "hosts_by_constraint", hosts);
	put(o, "because", km_j_text(km_drain_left(text, p, left)));
	return o;
}

static json_t *hosts_json(const struct km_fleet_plan *p)
{
	json_t *list = json_array();
	uint32_t n;
	struct km_drained *d = km_drain_hosts(p, &n);

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(list, host_json(p, &d[i]));
	free(d);
	return list;
}

static json_t *search_json(const struct km_improved *s)
{
	json_t *o = json_object();

	put(o, "moves_at_a_time", km_j_number(s->rules.most));
	put(o, "link_share", km_j_real(s->rules.share));
	put(o, "tries", km_j_number(s->tries));
	put(o, "better", km_j_number(s->better));
	return o;
}

json_t *km_json_drainplan(const struct km_fleet_plan *p)
{
	json_t *o = json_object(), *moves = json_array(), *left = json_array();
	char text[KM_DRAIN_TEXT];

	put(o, "makespan_s", km_j_real(p->makespan_s));
	put(o, "lower_bound_s", km_j_real(p->bound.seconds));
	put(o, "lower_bound_because", km_j_text_or_null(km_drain_bound(text, p)));
	put(o, "ratio",
	    p->bound.seconds > 0 ? km_j_real(p->makespan_s / p->bound.seconds) : json_null());
	put(o, "late", km_j_number(p->late));
	put(o, "to_make_room", km_j_number(p->nchain));
	put(o, "fewest_left", json_boolean(p->fewest));
	put(o, "search", search_json(&p->improved));
	put(o, "hosts", hosts_json(p));
	for (uint32_t i = 0; i < p->nmoves; i++)
		json_array_append_new(moves, move_json(p, &p->move[p->order[i]]));
	put(o, "moves", moves);
	for (uint32_t i = 0; i < p->nleft; i++)
		json_array_append_new(left, left_json(p, &p->left[i]));
	put(o, "left", left);
	return o;
}
