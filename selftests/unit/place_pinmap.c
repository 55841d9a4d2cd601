// SPDX-License-Identifier: GPL-2.0
/* Pinnings carried between hosts: equal, unlike, too small; and that what is reported as
 * kept is kept, by a check of its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "place/pinmap.h"

static struct km_topo from, to;
static struct km_pin pins[64];
static struct km_pin_in in;
static struct km_pinmap m;
static struct km_err err;

static void no_pins(void)
{
	memset(&in, 0, sizeof(in));
	in.from = &from;
	in.to = &to;
	in.allowed = to.cpus;
	in.pins = pins;
}

static void hosts(const char *source, const char *destination)
{
	if (km_topo_load_synthetic(&from, source, &err) ||
	    km_topo_load_synthetic(&to, destination, &err))
		printf("# %s\n", err.text);
	no_pins();
}

static void pin(const char *who, const char *cpus)
{
	struct km_pin *p = &pins[in.npins++];

	snprintf(p->who, sizeof(p->who), "%s", who);
	km_cpus_parse(&p->cpus, cpus);
}

/* vCPU i on the i-th of these CPUs. */
static void pin_vcpus(const char *cpus)
{
	struct km_cpus s;
	unsigned int i = 0;

	km_cpus_parse(&s, cpus);
	for (int c = km_cpus_next(&s, 0); c >= 0; c = km_cpus_next(&s, c + 1)) {
		char name[32], cpu[16];

		snprintf(name, sizeof(name), "vCPU %u", i++);
		snprintf(cpu, sizeof(cpu), "%d", c);
		pin(name, cpu);
	}
}

static int map(enum km_pin_policy policy)
{
	km_pinmap_free(&m);
	memset(&err, 0, sizeof(err));
	in.policy = policy;
	return km_pinmap(&in, &m, &err);
}

/* "0 1 4-5": where each went. */
static bool went(const char *want)
{
	char all[1024] = "", text[KM_CPUS_TEXT];

	for (unsigned int i = 0; i < m.n; i++) {
		strcat(all, i ? " " : "");
		strcat(all, km_cpus_format(&m.cpus[i], text));
	}
	if (!strcmp(all, want))
		return true;
	printf("# %s, not %s\n", all, want);
	return false;
}

static bool broke(enum km_pin_break_kind kind, const char *text)
{
	for (unsigned int i = 0; i < m.nbreaks && i < KM_PIN_BREAKS_MAX; i++)
		if (m.breaks[i].kind == kind && strstr(m.breaks[i].text, text))
			return true;
	for (unsigned int i = 0; i < m.nbreaks && i < KM_PIN_BREAKS_MAX; i++)
		printf("# %d: %s\n", (int)m.breaks[i].kind, m.breaks[i].text);
	return false;
}

#define TWO_SOCKETS "pack:2 [numa] core:4 pu:2"
#define EPYC	    "pack:2 [numa] core:64 pu:2(indexes=2*128:128*1)"

static void equal(bool *ok)
{
	hosts(TWO_SOCKETS, TWO_SOCKETS);
	pin_vcpus("2,5,10-11");
	pin("emulator", "0-7");
	pin("iothread a", "12,14");
	pin("worker", "0-15");
	CHECK(!map(KM_PIN_KEEP) && m.kept && !m.nbreaks);
	CHECK(went("2 5 10 11 0-7 12,14 0-15"));
	CHECK(!map(KM_PIN_RELAX) && m.kept && went("2 5 10 11 0-7 12,14 0-15"));
	in.npins = 0;
	pin("vCPU 0", "0-15,99");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("0-15"));
	in.npins = 0;
	CHECK(!map(KM_PIN_KEEP) && m.kept && !m.n);
}

/* Siblings are (0,1) at one host and (0,128) at the other. */
static void numbered_otherwise(bool *ok)
{
	hosts(TWO_SOCKETS, EPYC);
	pin_vcpus("8-11");
	pin("emulator", "8-15");
	/* Node 1 to node 1, its first cores: 64 with 192, 65 with 193. */
	CHECK(!map(KM_PIN_KEEP) && went("64 192 65 193 64-127,192-255"));
	/* And back: 70 and 198 are a core, 71 is one. */
	hosts(EPYC, TWO_SOCKETS);
	pin_vcpus("70-71,198");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("8 10 9"));
}

static void other_node(bool *ok)
{
	/* Node 1 may not be used there: the guest moves to node 0 as a whole. */
	hosts(TWO_SOCKETS, TWO_SOCKETS);
	pin_vcpus("8-9,12");
	km_cpus_parse(&in.allowed, "0-7");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("0 1 2"));
	/* Node 0 has 3 CPUs in 2 cores: a pair goes onto the whole one, 4 and 5. */
	km_cpus_parse(&in.allowed, "3-5,40");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("4 5 3"));
	/* Two nodes, of which only one fits node 0: node 1 has to take the other's place. */
	hosts(TWO_SOCKETS, TWO_SOCKETS);
	pin_vcpus("0-3,8");
	km_cpus_parse(&in.allowed, "0,8-15");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("8 9 10 11 0"));
}

/* Cores of which not all may be used. */
static void half_cores(bool *ok)
{
	/* A pair and one more: node 0 has room for that, node 1 for three singles. */
	hosts(TWO_SOCKETS, TWO_SOCKETS);
	pin_vcpus("8-9,12");
	km_cpus_parse(&in.allowed, "3-5,9,11,13");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("4 5 3"));
	/* The pair needs the whole core, though the other comes first and had its number. */
	in.npins = 0;
	pin_vcpus("0,2-3");
	km_cpus_parse(&in.allowed, "0-1,7");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("7 0 1"));
	in.npins = 0; /* one alone leaves a whole core whole */
	pin_vcpus("6");
	km_cpus_parse(&in.allowed, "2-3,5");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("5"));
	/* A node of one core: who is pinned to both its threads wants no whole node there. */
	hosts("pack:2 [numa] core:1 pu:2", TWO_SOCKETS);
	pin("vCPU 0", "0-1");
	pin("vCPU 1", "2-3");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("0-1 8-9"));
}

static void no_smt(bool *ok)
{
	hosts("[numa] core:4 pu:2", "[numa] core:8 pu:1");
	pin_vcpus("0-1,4");
	CHECK(map(KM_PIN_KEEP) == -ENOTSUP && !m.kept && m.nbreaks == 1);
	CHECK(broke(KM_PIN_SIBLINGS, "vCPU 0, vCPU 1 (CPUs 0-1 -> 0-1)"));
	CHECK(strstr(err.text, "SMT siblings") && !strstr(err.text, "and more"));
	CHECK(!map(KM_PIN_RELAX) && !m.kept && went("0 1 4"));
	/* One thread of each core only: that is kept without SMT. */
	in.npins = 0;
	pin_vcpus("0,2,4,6");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("0 2 4 6"));
	/* The other way round: cores of their own become siblings if there are too few. */
	hosts("[numa] core:8 pu:1", "[numa] core:4 pu:2");
	pin_vcpus("0-3");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("0 2 4 6"));
	in.npins = 0;
	pin_vcpus("0-4");
	CHECK(map(KM_PIN_KEEP) == -ENOTSUP && m.nbreaks == 1);
	CHECK(broke(KM_PIN_CORE_SHARED, "cores of their own"));
	CHECK(!map(KM_PIN_RELAX) && went("0 2 4 6 1"));
}

static void nodes_to_one(bool *ok)
{
	hosts(TWO_SOCKETS, "[numa] core:8 pu:2");
	pin_vcpus("0-1,8-9");
	CHECK(map(KM_PIN_KEEP) == -ENOTSUP && m.nbreaks == 1);
	CHECK(broke(KM_PIN_NODES_MERGED, "NUMA nodes 0-1 would be one, node 0"));
	CHECK(!map(KM_PIN_RELAX) && went("0 1 8 9"));
	in.npins = 0; /* guests in one node don't notice */
	pin_vcpus("10-11");
	pin("emulator", "8-15");
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("10 11 0-15"));
	/* Two whole nodes are everything: no pinning. One and the other are one. */
	in.npins = 0;
	pin("vCPU 0", "0-7");
	pin("vCPU 1", "8-15");
	CHECK(map(KM_PIN_KEEP) == -ENOTSUP && broke(KM_PIN_NODES_MERGED, "0-1"));
	CHECK(went("0-15 0-15"));
}

static void node_to_nodes(bool *ok)
{
	/* 8 CPUs of one node, and nodes of 4: siblings stay, the node doesn't. */
	hosts("[numa] core:4 pu:2", "pack:2 [numa] core:2 pu:2");
	pin_vcpus("0-7");
	CHECK(map(KM_PIN_KEEP) == -ENOTSUP && m.nbreaks == 1);
	CHECK(broke(KM_PIN_NODE_SPLIT, "are in NUMA node 0"));
	CHECK(went("0 1 2 3 4 5 6 7"));
	/* No node has room for two pairs, the roomiest for none: who is pinned to the whole
	 * node follows the pairs. */
	hosts("pack:2 [numa] core:2 pu:2", "pack:3 [numa] core:3 pu:2");
	pin_vcpus("0-3");
	pin("emulator", "0-3");
	km_cpus_parse(&in.allowed, "0,2,4,6-7,12-13");
	CHECK(!map(KM_PIN_RELAX) && broke(KM_PIN_NODE_SPLIT, "node 0") && m.nbreaks == 1);
	CHECK(went("6 7 12 13 6-7"));
	/* Clusters of one package stay together where two are one. */
	hosts("pack:2 numa:2 core:2 pu:1", "pack:2 [numa] core:4 pu:1");
	pin_vcpus("0-7");
	CHECK(!map(KM_PIN_RELAX) && m.nbreaks == 2);
	CHECK(broke(KM_PIN_NODES_MERGED, "0-1 would be one, node 0"));
	CHECK(broke(KM_PIN_NODES_MERGED, "2-3 would be one, node 1"));
}

static void too_small(bool *ok)
{
	hosts(TWO_SOCKETS, "[numa] core:2 pu:1");
	pin_vcpus("0,2,4");
	CHECK(map(KM_PIN_KEEP) == -ENOTSUP && broke(KM_PIN_CPU_SHARED, "would share one"));
	CHECK(!map(KM_PIN_RELAX) && went("0 1 0") && m.nbreaks == 1);
	CHECK(broke(KM_PIN_CPU_SHARED, "vCPU 0, vCPU 2 (CPUs 0,4 -> 0)"));
	/* Onto one CPU: all of it. */
	hosts(TWO_SOCKETS, "[numa] core:1 pu:1");
	pin_vcpus("0-15");
	CHECK(map(KM_PIN_KEEP) == -ENOTSUP && strstr(err.text, "and more"));
	CHECK(!map(KM_PIN_RELAX) && !m.kept && broke(KM_PIN_CPU_SHARED, "..."));
	/* 5 vCPUs that may be anywhere in a node of 8, and a node of 4. */
	hosts(TWO_SOCKETS, "pack:2 [numa] core:2 pu:2");
	for (int i = 0; i < 5; i++)
		pin("vCPU", "0-7");
	CHECK(map(KM_PIN_KEEP) == -ENOTSUP && m.nbreaks == 1);
	CHECK(broke(KM_PIN_CROWDED, "5 threads on CPUs 0-7 would be on 4 CPUs, 0-3"));
	in.npins = 4;
	CHECK(!map(KM_PIN_KEEP) && m.kept && went("0-3 0-3 0-3 0-3"));
}

static void nowhere(bool *ok)
{
	hosts(TWO_SOCKETS, TWO_SOCKETS);
	pin("vCPU 0", "99");
	CHECK(map(KM_PIN_RELAX) == -EINVAL && strstr(err.text, "vCPU 0") && strstr(err.text, "99"));
	in.npins = 0;
	pin_vcpus("0");
	km_cpus_parse(&in.allowed, "16-40");
	CHECK(map(KM_PIN_RELAX) == -EINVAL && strstr(err.text, "destination"));
}

static void many_breaks(bool *ok)
{
	hosts("[numa] core:32 pu:2", "[numa] core:64 pu:1");
	pin_vcpus("0-63");
	CHECK(map(KM_PIN_KEEP) == -ENOTSUP && m.nbreaks == 32);
	CHECK(!map(KM_PIN_RELAX) && m.nbreaks == 32);
}

/* ---- what holds whatever is pinned ---- */

static unsigned int seed = 7;

static unsigned int dice(unsigned int sides)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % sides;
}

/* Pairs of threads pinned to one CPU each, compared here and there. */
static bool pair_kept(unsigned int a, unsigned int b)
{
	int sa = km_cpus_next(&pins[a].cpus, 0), sb = km_cpus_next(&pins[b].cpus, 0);
	int ta = km_cpus_next(&m.cpus[a], 0), tb = km_cpus_next(&m.cpus[b], 0);

	return (sa == sb) == (ta == tb) &&
	       (from.cpu[sa].core == from.cpu[sb].core) == (to.cpu[ta].core == to.cpu[tb].core) &&
	       (from.cpu[sa].node == from.cpu[sb].node) == (to.cpu[ta].node == to.cpu[tb].node);
}

static bool all_kept(void)
{
	for (unsigned int a = 0; a < in.npins; a++)
		for (unsigned int b = 0; b < a; b++)
			if (!pair_kept(a, b))
				return false;
	return true;
}

static bool all_inside(void)
{
	for (unsigned int i = 0; i < m.n; i++)
		if (km_cpus_count(&m.cpus[i]) != 1 || !km_cpus_within(&m.cpus[i], &in.allowed))
			return false;
	return true;
}

static void properties(bool *ok)
{
	static const char *const machines[] = {
		"[numa] core:1 pu:1",	     "[numa] core:4 pu:2", TWO_SOCKETS,
		"pack:2 numa:2 core:2 pu:2", "[numa] core:8 pu:1", "pack:2 [numa] core:3 pu:4",
		"pack:4 [numa] core:2 pu:1"
	};
	unsigned int wrong = 0, kept = 0, broken = 0;

	for (unsigned int i = 0; i < 4000; i++) {
		unsigned int cpus;
		int keep, relax;

		/* Not from the machine with one CPU: there nothing is pinned. */
		if (i % 50 == 0) /* hwloc takes longer than the rest */
			hosts(machines[1 + dice(6)], machines[dice(7)]);
		no_pins();
		cpus = km_cpus_count(&from.cpus);
		for (unsigned int v = 1 + dice(cpus); v; v--) {
			char cpu[16];

			snprintf(cpu, sizeof(cpu), "%u", dice(cpus));
			pin("vCPU", cpu);
		}
		while (dice(3) && km_cpus_count(&in.allowed) > 1) {
			struct km_cpus one = { 0 };

			km_cpus_add(&one, (int)dice(km_cpus_count(&to.cpus)));
			if (!km_cpus_equal(&one, &in.allowed))
				km_cpus_sub(&in.allowed, &one);
		}
		keep = map(KM_PIN_KEEP);
		wrong += keep ? keep != -ENOTSUP || m.kept || !m.nbreaks :
				!m.kept || m.nbreaks || !all_kept() || !all_inside();
		relax = map(KM_PIN_RELAX);
		/* And the other way: nothing is reported that isn't so. */
		wrong += relax || m.kept != !keep || m.kept != all_kept() || !all_inside();
		*(keep ? &broken : &kept) += 1;
	}
	printf("# %u kept, %u broken\n", kept, broken);
	CHECK(!wrong && kept > 400 && broken > 400);
}

/* A mapping that exists is found: the destination is the source with its nodes, cores and
 * threads numbered otherwise, and has nothing to spare. */
static void finds(bool *ok)
{
	static const char *const shuffled[] = {
		"pack:2 numa:2 core:2 pu:2(indexes=15,3,8,0,1,14,2,13,4,12,5,11,6,10,7,9)",
		"pack:2 numa:2 core:2 pu:2(indexes=2*8:8*1)",
		"numa:4 core:2 pu:2",
	};
	unsigned int missed = 0;

	for (unsigned int i = 0; i < 1000; i++) {
		if (i % 50 == 0)
			hosts("pack:2 numa:2 core:2 pu:2", shuffled[i / 50 % 3]);
		no_pins();
		for (int c = 0; c < 16; c++) {
			char cpu[16];

			snprintf(cpu, sizeof(cpu), "%d", c);
			if (dice(3))
				pin("vCPU", cpu);
		}
		missed += map(KM_PIN_KEEP) || !m.kept || !all_kept();
	}
	CHECK(!missed);
	km_pinmap_free(&m);
}

static const struct ktap_case cases[] = {
	{ "between equal hosts nothing changes", equal },
	{ "siblings are numbered otherwise", numbered_otherwise },
	{ "another node, and the right one of two", other_node },
	{ "cores of which half may be used", half_cores },
	{ "SMT to none and back", no_smt },
	{ "two nodes to one", nodes_to_one },
	{ "one node to two, four to two", node_to_nodes },
	{ "too few CPUs", too_small },
	{ "nowhere to run", nowhere },
	{ "more breaks than are told", many_breaks },
	{ "what is reported as kept is kept, and no other", properties },
	{ "what can be kept is kept", finds },
};

KTAP_MAIN(cases)
