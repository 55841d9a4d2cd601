// SPDX-License-Identifier: GPL-2.0
/* What both renderers of a plan say. */
#include <stdlib.h>
#include <string.h>
#include "drainplan.h"
#include "units.h"

/* Names are foreign bytes. */
static const char *safe(char buf[64], const char *name)
{
	size_t i;

	for (i = 0; i < 63 && name[i]; i++)
		buf[i] = (unsigned char)name[i] < ' ' || name[i] == 0x7f ? '?' : name[i];
	buf[i] = '\0';
	return buf;
}

char *km_drain_bound(char buf[KM_DRAIN_TEXT], const struct km_fleet_plan *p)
{
	const struct km_fleet *f = p->f;
	uint32_t i = p->bound.which;
	char name[64];

	switch (p->bound.kind) {
	case KM_BOUND_MOVE:
		snprintf(buf, KM_DRAIN_TEXT, "moving %s alone takes that",
			 safe(name, f->vm[i].name));
		break;
	case KM_BOUND_OUT:
		snprintf(buf, KM_DRAIN_TEXT, "all of %s's guests pass its NIC",
			 safe(name, f->host[i].name));
		break;
	case KM_BOUND_SLOTS_OUT:
		snprintf(buf, KM_DRAIN_TEXT, "%s sends %u at a time", safe(name, f->host[i].name),
			 f->host[i].max_out);
		break;
	case KM_BOUND_SLOTS_IN:
		snprintf(buf, KM_DRAIN_TEXT, "the hosts that stay take only so many at a time");
		break;
	case KM_BOUND_SLOTS:
		snprintf(buf, KM_DRAIN_TEXT, "no more than %u may move at a time", f->max_moves);
		break;
	case KM_BOUND_IN:
		snprintf(buf, KM_DRAIN_TEXT,
			 "the NICs of the hosts that could take %s and its like",
			 safe(name, f->vm[i].name));
		break;
	case KM_BOUND_MEMORY:
		snprintf(buf, KM_DRAIN_TEXT,
			 "NICs and memory of the hosts that could take %s and its like",
			 safe(name, f->vm[i].name));
		break;
	case KM_BOUND_LINK_OUT:
		snprintf(buf, KM_DRAIN_TEXT, "what has to leave through %s",
			 safe(name, f->link[i].name));
		break;
	case KM_BOUND_LINK_IN:
		snprintf(buf, KM_DRAIN_TEXT, "what has to come in through %s",
			 safe(name, f->link[i].name));
		break;
	default:
		buf[0] = '\0';
	}
	return buf;
}

struct why {
	const struct km_fleet_plan *p;
	const struct km_left *left;
	const struct km_fleet_vm *vm;
	char *buf;
	size_t used;
};

static void add_reason(struct why *w, enum km_fit fit)
{
	const struct km_fleet *f = w->p->f;
	const struct km_fleet_host *h = &f->host[w->left->example[fit]];
	const char *lacks = km_cpufit_lacks(f->cpu, h->cpu, w->vm->cpu);
	char host[64], what[64], text[256] = "";

	safe(host, h->name);
	switch (fit) {
	case KM_FIT_CPU:
		snprintf(text, sizeof(text), "without what it needs (%s: no %s)", host,
			 safe(what, lacks ? lacks : "?"));
		break;
	case KM_FIT_NODE:
		snprintf(text, sizeof(text), "too small for %u NUMA node%s", w->vm->numa_nodes,
			 w->vm->numa_nodes == 1 ? "" : "s");
		break;
	case KM_FIT_SIZE:
		snprintf(text, sizeof(text), "too small");
		break;
	case KM_FIT_GROUP:
		snprintf(text, sizeof(text), "with another of its anti-affinity group%s (%s)",
			 w->vm->ngroups > 1 ? "s" : "", safe(what, f->group[w->vm->group[0]]));
		break;
	case KM_FIT_VCPUS:
		snprintf(text, sizeof(text), "without %u vCPUs left", w->vm->vcpus);
		break;
	case KM_FIT_MEMORY:
		snprintf(text, sizeof(text), "without that memory left%s",
			 w->vm->numa_nodes ? " on enough nodes" : "");
		break;
	case KM_FIT_YES: /* after all: it was left for the sake of others */
		snprintf(text, sizeof(text), "with room only if another stays");
		break;
	default:
		break;
	}
	w->used += (size_t)snprintf(w->buf + w->used, KM_DRAIN_TEXT - w->used, "%s %u %s %s",
				    w->used ? "," : "", w->left->hosts[fit],
				    w->left->hosts[fit] == 1 ? "host" : "hosts", text);
	if (w->used >= KM_DRAIN_TEXT)
		w->used = KM_DRAIN_TEXT - 1;
}

char *km_drain_left(char buf[KM_DRAIN_TEXT], const struct km_fleet_plan *p,
		    const struct km_left *left)
{
	struct why w = { .p = p, .left = left, .vm = &p->f->vm[left->vm], .buf = buf };
	char text[KM_DRAIN_TEXT], size[KM_UNIT_MAX];

	buf[0] = '\0';
	if (!left->movable) {
		snprintf(buf, KM_DRAIN_TEXT, "it may not be moved");
		return buf;
	}
	for (int fit = 0; fit < KM_FITS; fit++)
		if (left->hosts[fit])
			add_reason(&w, (enum km_fit)fit);
	snprintf(text, sizeof(text), "%s", buf);
	snprintf(buf, KM_DRAIN_TEXT, "%s, %u vCPUs:%.400s",
		 km_fmt_bytes(size, (double)w.vm->memory_bytes), w.vm->vcpus,
		 text[0] ? text : " no host stays");
	return buf;
}

static int last_first(const void *a, const void *b)
{
	const struct km_drained *x = a, *y = b;

	if (x->empty_s < y->empty_s || x->empty_s > y->empty_s)
		return x->empty_s < y->empty_s ? 1 : -1;
	return x->host < y->host ? -1 : 1;
}

struct km_drained *km_drain_hosts(const struct km_fleet_plan *p, uint32_t *n)
{
	const struct km_fleet *f = p->f;
	struct km_drained *d = calloc(f->nhosts + 1, sizeof(*d));

	*n = 0;
	if (!d)
		return NULL;
	for (uint32_t h = 0; h < f->nhosts; h++)
		d[h].host = h;
	for (uint32_t i = 0; i < p->nmoves; i++) {
		struct km_drained *from = &d[p->move[i].from];

		from->moved++;
		if (p->move[i].end_s > from->empty_s)
			from->empty_s = p->move[i].end_s;
	}
	for (uint32_t i = 0; i < p->nleft; i++)
		d[f->vm[p->left[i].vm].host].left++;
	for (uint32_t h = 0; h < f->nhosts; h++)
		if (f->host[h].drain)
			d[(*n)++] = d[h];
	qsort(d, *n, sizeof(*d), last_first);
	return d;
}
