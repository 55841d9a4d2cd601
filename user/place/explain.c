// SPDX-License-Identifier: GPL-2.0
#include "explain.h"

#include <stdarg.h>
#include <string.h>

struct list {
	struct km_decision *d;
	unsigned int n;
};

static void __attribute__((format(printf, 4, 5)))
decide(struct list *l, const char *what, const char *choice, const char *fmt, ...)
{
	struct km_decision *d = &l->d[l->n];
	va_list ap;

	if (l->n == KM_DECISIONS_MAX)
		return;
	l->n++;
	d->what = what;
	snprintf(d->choice, sizeof(d->choice), "%s", choice);
	va_start(ap, fmt);
	vsnprintf(d->why, sizeof(d->why), fmt, ap);
	va_end(ap);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* "25 Gbit/s", "2.5 Gbit/s", "100 Mbit/s". */
static const char *speed(uint64_t bit_per_s, char buf[32])
{
	double mbit = (double)bit_per_s / 1e6;

	if (mbit >= 1000)
		snprintf(buf, 32, "%.4g Gbit/s", mbit / 1e3);
	else
		snprintf(buf, 32, "%.4g Mbit/s", mbit);
	return buf;
}

/* ---- what was found ---- */

static void say_machine(const struct km_explain *e, struct list *l)
{
	const struct km_topo *t = e->in->topo;
	unsigned int cpus = km_cpus_count(&t->cpus);
	char text[128];

	snprintf(text, sizeof(text), "%u CPU%s", cpus, plural(cpus));
	decide(l, "machine", text, "%u core%s, %u package%s, %u NUMA node%s", t->ncores,
	       plural(t->ncores), t->npackages, plural(t->npackages), t->nnodes, plural(t->nnodes));
}

static void say_memory(const struct km_explain *e, struct list *l)
{
	char choice[128] = "", why[256] = "";
	size_t used = 0, said = 0;

	if (!e->in->nmem) {
		decide(l, "memory", "not known", "%s", e->why_no_mem);
		return;
	}
	for (unsigned int i = 0; i < e->in->nmem && i < 8; i++) {
		used += (size_t)snprintf(choice + used, sizeof(choice) - used, "%s%d",
					 i ? ", " : "node ", e->in->mem[i].node);
		said += (size_t)snprintf(why + said, sizeof(why) - said, "%s%.0f %% on node %d",
					 i ? ", " : "", 100 * e->in->mem[i].share,
					 e->in->mem[i].node);
	}
	decide(l, "memory", choice, "of the guest's pages, by a sample, are %s", why);
}

static void say_nic(const struct km_explain *e, struct list *l)
{
	char choice[192], rate[32];

	if (!e->nic[0]) {
		decide(l, "NIC", "not known", "%s", e->why_no_nic);
		return;
	}
	if (e->in->nic_node >= 0)
		snprintf(choice, sizeof(choice), "%.100s, node %d", e->nic, e->in->nic_node);
	else
		snprintf(choice, sizeof(choice), "%.100s, no node", e->nic);
	decide(l, "NIC", choice, "it is the way to the destination, %s",
	       e->in->link_bit_per_s ? speed(e->in->link_bit_per_s, rate) :
				       "its speed is not known");
}

static void say_threads(const struct km_explain *e, struct list *l)
{
	unsigned int pinned = 0;
	char choice[64];

	for (unsigned int i = 0; i < e->npins; i++)
		pinned += !strncmp(e->pins[i].who, "vCPU ", 5) &&
			  !km_cpus_within(&e->in->topo->cpus, &e->pins[i].cpus);
	snprintf(choice, sizeof(choice), "%u of %u pinned", pinned, e->vcpus);
	if (e->vcpus_seen < e->vcpus)
		decide(l, "vCPUs", choice,
		       "%u of the threads can't be told from others (QMP is in use, or there are "
		       "no such threads)",
		       e->vcpus - e->vcpus_seen);
	else
		decide(l, "vCPUs", choice, "by the affinity of their threads");
}

/* Which CPUs they become is found at the destination, from its topology (pinmap.h). */
static void say_pinning(const struct km_explain *e, struct list *l)
{
	unsigned int pinned = 0;
	char choice[64];

	for (unsigned int i = 0; i < e->npins; i++)
		pinned += !km_cpus_within(&e->in->topo->cpus, &e->pins[i].cpus);
	if (!pinned)
		return;
	snprintf(choice, sizeof(choice), "%u thread%s", pinned, plural(pinned));
	decide(l, "pinning", choice,
	       "kept at the destination, or with --pin relax as far as it can be; onto which "
	       "CPUs, it finds out when the move begins");
}

static void say_set(struct list *l, const char *what, const struct km_cpus *cpus, const char *why)
{
	char text[KM_CPUS_TEXT];

	if (!km_cpus_empty(cpus))
		decide(l, what, km_cpus_format(cpus, text), "%s", why);
}

/* ---- what was chosen ---- */

static void say_streams(const struct km_explain *e, struct list *l)
{
	const struct km_place *p = e->place;
	char choice[16], rate[32], one[32];

	snprintf(choice, sizeof(choice), "%u", p->streams);
	switch (p->streams_why) {
	case KM_STREAMS_ASKED:
		decide(l, "streams", choice, "asked for");
		break;
	case KM_STREAMS_CORES:
		if (p->free_cores)
			decide(l, "streams", choice, "as many as there are free cores");
		else
			decide(l, "streams", choice, "no core is free");
		break;
	case KM_STREAMS_NO_SPEED:
		decide(l, "streams", choice, "the link's speed is not known: the default");
		break;
	case KM_STREAMS_LINK:
		decide(l, "streams", choice, "one for each %s of the link's %s, and at least %d",
		       speed(KM_STREAM_BIT_PER_S, one), speed(e->in->link_bit_per_s, rate),
		       KM_STREAMS_DEFAULT);
	}
	snprintf(choice, sizeof(choice), "%u", p->helpers);
	if (!e->in->link_bit_per_s)
		decide(l, "helpers", choice, "the link's speed is not known");
	else if (!p->helpers && !p->free_cores)
		decide(l, "helpers", choice, "no core is free");
	else if (!p->helpers)
		decide(l, "helpers", choice, "the streams need the %u free core%s", p->free_cores,
		       plural(p->free_cores));
	else
		decide(l, "helpers", choice,
		       "one for each %s, at most %d, on cores that the streams leave (%u free)",
		       speed(KM_HELPER_BIT_PER_S, one), KM_HELPERS_MAX, p->free_cores);
}

static void say_group(struct list *l, const char *what, const struct km_place_group *g)
{
	static const char *const nodes[] = {
		[KM_NODE_UNKNOWN] = "",
		[KM_NODE_NIC] = "the NIC's node",
		[KM_NODE_MEMORY] = "the memory's node",
		[KM_NODE_BOTH] = "the NIC's and the memory's node",
		[KM_NODE_ROOM] = "the node with most room",
	};
	static const char *const classes[] = {
		[KM_CPU_FREE] = "nobody is pinned there",
		[KM_CPU_OTHERS] = "others are pinned there, but no vCPU: there are no better",
		[KM_CPU_SIBLING] = "BESIDE vCPUs, in their cores: no other may be used",
		[KM_CPU_VCPU] = "ON vCPUs' CPUs: no other may be used",
	};
	char text[KM_CPUS_TEXT], node[64] = "", away[64] = "", shared[64] = "";

	if (g->why != KM_NODE_UNKNOWN && g->node >= 0)
		snprintf(node, sizeof(node), "; node %d is %s", g->node, nodes[g->why]);
	if (g->away)
		snprintf(away, sizeof(away), ", %u CPU%s elsewhere for lack of room", g->away,
			 plural(g->away));
	if (g->shared)
		snprintf(shared, sizeof(shared), "; %u shared with kmigrate's", g->shared);
	decide(l, what, km_cpus_format(&g->cpus, text), "for %u threads: %s%s%s%s", g->wanted,
	       classes[g->cls], node, away, shared);
}

unsigned int km_explain(const struct km_explain *e, struct km_decision d[KM_DECISIONS_MAX])
{
	const struct km_place *p = e->place;
	struct list l = { .d = d };

	say_machine(e, &l);
	say_memory(e, &l);
	say_nic(e, &l);
	say_threads(e, &l);
	say_pinning(e, &l);
	say_set(&l, "avoided", &p->vcpu, "vCPUs are pinned there, of this guest or of others");
	say_set(&l, "avoided", &p->sibling, "they are SMT siblings of those");
	say_set(&l, "avoided", &p->others, "other threads are pinned there");
	say_set(&l, "if need be", &p->roomy,
		"vCPUs may run there, with room to get out of the way");
	say_streams(e, &l);
	say_group(&l, "kmigrate", &p->own);
	say_group(&l, "QEMU", &p->qemu);
	return l.n;
}

void km_explain_text(FILE *f, const struct km_explain *e)
{
	struct km_decision d[KM_DECISIONS_MAX];
	unsigned int n = km_explain(e, d);
	size_t width = 0;

	for (unsigned int i = 0; i < n; i++)
		if (strlen(d[i].choice) > width)
			width = strlen(d[i].choice);
	if (width > 32)
		width = 32;
	for (unsigned int i = 0; i < n; i++)
		fprintf(f, "%-10s  %-*s  %s\n", d[i].what, (int)width, d[i].choice, d[i].why);
}
