// SPDX-License-Identifier: GPL-2.0
/* Which CPUs the threads of a move get: machines small, large and odd, by example, and
 * what holds however vCPUs are pinned. Expected CPUs are derived by hand from the rules in
 * choose.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "place/choose.h"

#define GBIT 1000000000ull

static struct km_topo topo; /* 100 KiB */
static struct km_place_in in;
static struct km_place out;
static struct km_claim claims[64];

/* A machine with nothing on it, and a guest's memory and a NIC at these nodes (-1: none). */
static void populate(int mem_node, int nic_node, uint64_t bit_per_s)
{
	memset(&in, 0, sizeof(in));
	in.topo = &topo;
	in.claims = claims;
	in.own_allowed = topo.cpus;
	in.qemu_allowed = topo.cpus;
	in.nic_node = nic_node;
	in.link_bit_per_s = bit_per_s;
	in.nmem = mem_node >= 0;
	in.mem[0].node = mem_node;
	in.mem[0].share = 1;
}

static void machine(const char *description, int mem_node, int nic_node, uint64_t bit_per_s)
{
	struct km_err err = { 0 };

	if (km_topo_load_synthetic(&topo, description, &err))
		printf("# %s\n", err.text);
	populate(mem_node, nic_node, bit_per_s);
}

static void claim(enum km_claim_kind kind, const char *cpus)
{
	claims[in.nclaims].kind = kind;
	km_cpus_parse(&claims[in.nclaims++].cpus, cpus);
}

static bool is(const char *what, const struct km_cpus *got, const char *want)
{
	char text[KM_CPUS_TEXT];

	if (!strcmp(km_cpus_format(got, text), want))
		return true;
	printf("# %s: %s, not %s\n", what, text, want);
	return false;
}

static bool chosen(const char *own, const char *qemu)
{
	struct km_err err = { 0 };
	bool a, b;

	if (km_place_choose(&in, &out, &err)) {
		printf("# %s\n", err.text);
		return false;
	}
	a = is("ours", &out.own.cpus, own);
	b = is("QEMU's", &out.qemu.cpus, qemu);
	return a && b;
}

static void one_core(bool *ok)
{
	machine("[numa] core:1 pu:1", 0, 0, 10 * GBIT);
	CHECK(chosen("0", "0"));
	CHECK(out.streams == 1 && out.streams_why == KM_STREAMS_CORES && !out.helpers);
	CHECK(out.own.cls == KM_CPU_FREE && out.own.why == KM_NODE_UNKNOWN);
	CHECK(out.own.shared == 0 && out.qemu.shared == 1);
	claim(KM_CLAIM_VCPU, "0"); /* everywhere that there is: pinned to nothing */
	CHECK(chosen("0", "0") && out.own.cls == KM_CPU_FREE);
}

static void two_cores(bool *ok)
{
	machine("[numa] core:2 pu:1", 0, -1, GBIT);
	CHECK(chosen("0-1", "0-1"));
	CHECK(out.streams == 2 && out.streams_why == KM_STREAMS_LINK && !out.helpers);
	claim(KM_CLAIM_VCPU, "1");
	CHECK(chosen("0", "0") && out.streams == 1 && out.free_cores == 1);
	CHECK(is("vCPUs'", &out.vcpu, "1") && is("siblings", &out.sibling, "none"));
	claim(KM_CLAIM_VCPU, "0");
	CHECK(chosen("0-1", "0-1") && out.own.cls == KM_CPU_VCPU && out.streams == 1);
}

/* Cores (0,1) (2,3) (4,5) (6,7) in node 0, (8,9) to (14,15) in node 1. */
#define TWO_SOCKETS "pack:2 [numa] core:4 pu:2"

static void two_sockets(bool *ok)
{
	machine(TWO_SOCKETS, 1, 1, 10 * GBIT);
	claim(KM_CLAIM_VCPU, "8");
	claim(KM_CLAIM_VCPU, "10");
	/* 6 free cores, 2 streams, 10 / 2.5 helpers of which 6 - 4 find a core: 5 threads of
	 * ours and 3 of QEMU's on the 4 CPUs that node 1 has left, two on each. */
	CHECK(chosen("12-15", "13-15"));
	CHECK(is("siblings", &out.sibling, "9,11") && out.streams == 2 && out.helpers == 2);
	CHECK(out.own.why == KM_NODE_BOTH && out.own.node == 1 && !out.own.away);
	CHECK(out.own.wanted == 5 && out.qemu.wanted == 3 && out.qemu.shared == 3);
	/* 14 alone is left there: two threads of ours on it, the other two away, and QEMU's. */
	claim(KM_CLAIM_VCPU, "12");
	claim(KM_CLAIM_OTHER, "15");
	CHECK(chosen("0,2,14", "1,4,6") && out.own.away == 2 && out.qemu.away == 3);
	CHECK(out.streams == 2 && out.helpers == 1 && out.own.cls == KM_CPU_FREE);
}

static void apart(bool *ok)
{
	/* The NIC at node 0, the memory at node 1: 2 streams, 4 helpers, 1; and 3. */
	machine(TWO_SOCKETS, 1, 0, 10 * GBIT);
	CHECK(chosen("0-6", "8,10,12"));
	CHECK(out.own.why == KM_NODE_NIC && out.qemu.why == KM_NODE_MEMORY);
	CHECK(!out.own.away && !out.qemu.away && !out.qemu.shared);
	/* No NIC known: all where the memory is. */
	in.nic_node = -1;
	in.link_bit_per_s = 0;
	CHECK(chosen("8,10,12", "9,11,14") && out.streams_why == KM_STREAMS_NO_SPEED);
	CHECK(out.own.why == KM_NODE_MEMORY && out.streams == 2 && !out.helpers);
	/* Nothing known: where most is free. */
	in.nmem = 0;
	claim(KM_CLAIM_VCPU, "0");
	CHECK(chosen("8,10,12", "9,11,14") && out.own.why == KM_NODE_ROOM);
	/* Memory at both nodes, the NIC at the one with less: all there. */
	machine(TWO_SOCKETS, 0, 1, GBIT);
	in.nmem = 2;
	in.mem[0].share = .6;
	in.mem[1].node = 1;
	in.mem[1].share = .4;
	CHECK(km_place_choose(&in, &out, NULL) == 0);
	CHECK(out.own.node == 1 && out.qemu.node == 1 && out.qemu.why == KM_NODE_BOTH);
	/* Less than half as much as at the other: the memory's node is the other. */
	in.mem[0].share = .7;
	in.mem[1].share = .3;
	CHECK(km_place_choose(&in, &out, NULL) == 0);
	CHECK(out.own.why == KM_NODE_BOTH && out.qemu.node == 0);
	/* A tenth of it there is not the guest's memory. */
	in.mem[0].share = .9;
	in.mem[1].share = .1;
	CHECK(km_place_choose(&in, &out, NULL) == 0);
	CHECK(out.own.why == KM_NODE_NIC && out.qemu.node == 0 && out.qemu.why == KM_NODE_MEMORY);
}

static void epyc(bool *ok)
{
	char cpu[16];

	machine("pack:2 [numa] core:64 pu:2(indexes=2*128:128*1)", 1, 1, 100 * GBIT);
	for (int i = 0; i < 32; i++) {
		snprintf(cpu, sizeof(cpu), "%d", 64 + i);
		claim(KM_CLAIM_VCPU, cpu);
	}
	/* 10 streams, 8 helpers, 1; and 11: each with a core of its own. */
	CHECK(chosen("96-114", "115-125"));
	CHECK(out.streams == 10 && out.helpers == 8 && out.free_cores == 96);
	CHECK(is("siblings", &out.sibling, "192-223") && !out.own.away && !out.qemu.away);
	/* 400 Gbit/s: no more than there are streams. */
	in.link_bit_per_s = 400 * GBIT;
	CHECK(!km_place_choose(&in, &out, NULL) && out.streams == KM_STREAMS_MAX);
	in.streams = 3;
	CHECK(!km_place_choose(&in, &out, NULL) && out.streams == 3);
	CHECK(out.streams_why == KM_STREAMS_ASKED && km_cpus_count(&out.qemu.cpus) == 4);
}

/* Nodes 0 and 1 in the first package, 2 and 3 in the second, 8 CPUs each. */
static void sub_numa(bool *ok)
{
	char cpu[16];

	machine("pack:2 numa:2 core:4 pu:2", 0, 1, 25 * GBIT);
	for (int i = 0; i < 8; i++) {
		snprintf(cpu, sizeof(cpu), "%d", i);
		claim(KM_CLAIM_VCPU, cpu);
	}
	/* 12 free cores: 3 streams, 6 helpers, 1: the node's 8 CPUs and two of them twice,
	 * 8 and 10. QEMU's 4 get whose cores have fewest: 12, 14, then 9 and 11. */
	CHECK(chosen("8-15", "9,11-12,14"));
	CHECK(out.streams == 3 && out.helpers == 6 && !out.own.away && !out.qemu.away);
	CHECK(out.own.why == KM_NODE_NIC && out.qemu.why == KM_NODE_MEMORY);
	/* Both at node 0, where no CPU is left: the same package's other node is next. */
	in.nic_node = 0;
	in.link_bit_per_s = GBIT;
	CHECK(chosen("8,10,12,14", "9,11,13") && out.own.away == 4 && out.qemu.away == 3);
}

static void cpusets(bool *ok)
{
	/* We may be at node 0 only, QEMU at three CPUs of node 1; memory and NIC at node 1. */
	machine(TWO_SOCKETS, 1, 1, 10 * GBIT);
	km_cpus_parse(&in.own_allowed, "0-2,7,40");
	km_cpus_parse(&in.qemu_allowed, "9,12-13");
	CHECK(chosen("0,2,7", "9,12-13") && out.own.away == 3 && !out.qemu.away);
	CHECK(out.free_cores == 3 && out.streams == 2 && !out.helpers);
	/* A CPU that QEMU may be on, and that isn't a vCPU's: only that. */
	claim(KM_CLAIM_VCPU, "12");
	CHECK(chosen("0,2,7", "9"));
	claim(KM_CLAIM_VCPU, "8");
	claim(KM_CLAIM_VCPU, "2");
	/* 13 and 9 are siblings of 12 and 8: better than 12. */
	CHECK(chosen("0-1,7", "9,13") && out.qemu.cls == KM_CPU_SIBLING);
	km_cpus_parse(&in.qemu_allowed, "12");
	CHECK(chosen("0-1,7", "12") && out.qemu.cls == KM_CPU_VCPU);
	km_cpus_parse(&in.qemu_allowed, "16-20");
	struct km_err err = { 0 };

	CHECK(km_place_choose(&in, &out, &err) == -EINVAL && strstr(err.text, "QEMU"));
	memset(&in.own_allowed, 0, sizeof(in.own_allowed));
	CHECK(km_place_choose(&in, &out, &err) == -EINVAL && strstr(err.text, "kmigrate"));
}

static void claimed(bool *ok)
{
	/* Two vCPUs on eight CPUs have room: their node is used, behind the rest of it. */
	machine(TWO_SOCKETS, 0, 0, GBIT);
	claim(KM_CLAIM_VCPU, "0-5");
	claim(KM_CLAIM_VCPU, "0-5");
	CHECK(chosen("0,2,6-7", "1,3-4") && is("roomy", &out.roomy, "0-5"));
	CHECK(is("vCPUs'", &out.vcpu, "none") && out.own.cls == KM_CPU_FREE);
	/* Of its CPUs one is pinned to besides: that one is the other's. */
	claim(KM_CLAIM_VCPU, "5");
	CHECK(!km_place_choose(&in, &out, NULL) && is("vCPUs'", &out.vcpu, "0-5"));
	in.nclaims = 1;
	claim(KM_CLAIM_VCPU, "5");
	km_cpus_parse(&claims[0].cpus, "0-5");
	CHECK(!km_place_choose(&in, &out, NULL) && is("vCPUs'", &out.vcpu, "5"));
	CHECK(is("roomy", &out.roomy, "0-4"));
	in.nclaims = 1;
	claim(KM_CLAIM_VCPU, "0-5");
	CHECK(chosen("0,2,6-7", "1,3-4"));
	/* A third one fills half of them: theirs. */
	claim(KM_CLAIM_VCPU, "0-5");
	CHECK(is("before", &out.vcpu, "none") && !km_place_choose(&in, &out, NULL));
	CHECK(is("vCPUs'", &out.vcpu, "0-5") && is("roomy", &out.roomy, "none"));
	CHECK(!km_cpus_overlap(&out.own.cpus, &out.vcpu));
	/* An iothread's CPU comes before a vCPU's sibling, and after a free one. */
	machine("[numa] core:3 pu:2", 0, 0, GBIT);
	claim(KM_CLAIM_VCPU, "0");
	claim(KM_CLAIM_OTHER, "2");
	claim(KM_CLAIM_OTHER, "3");
	CHECK(chosen("4-5", "4-5") && is("others", &out.others, "2-3"));
	km_cpus_parse(&in.qemu_allowed, "0-2");
	CHECK(chosen("4-5", "2") && out.qemu.cls == KM_CPU_OTHERS);
	/* Five workers of a pool that may be anywhere claim nothing. */
	for (int i = 0; i < 5; i++)
		claim(KM_CLAIM_OTHER, "0-5");
	CHECK(chosen("4-5", "2") && is("others", &out.others, "2-3"));
}

static void all_pinned(bool *ok)
{
	char cpu[16];

	machine(TWO_SOCKETS, 1, 1, GBIT);
	for (int i = 0; i < 16; i += 2) { /* one thread of each core */
		snprintf(cpu, sizeof(cpu), "%d", i);
		claim(KM_CLAIM_VCPU, cpu);
	}
	CHECK(chosen("9,11", "13,15") && out.own.cls == KM_CPU_SIBLING);
	CHECK(!out.free_cores && out.streams == 1 && !out.helpers);
	for (int i = 1; i < 16; i += 2) {
		snprintf(cpu, sizeof(cpu), "%d", i);
		claim(KM_CLAIM_VCPU, cpu);
	}
	CHECK(chosen("8,10", "12,14") && out.own.cls == KM_CPU_VCPU && !out.own.away);
}

/* ---- what holds whatever is pinned ---- */

static unsigned int seed = 1;

static unsigned int dice(unsigned int sides)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % sides;
}

static void random_set(struct km_cpus *s, unsigned int one_in)
{
	memset(s, 0, sizeof(*s));
	for (int c = km_cpus_next(&topo.cpus, 0); c >= 0; c = km_cpus_next(&topo.cpus, c + 1))
		if (!dice(one_in))
			km_cpus_add(s, c);
	if (km_cpus_empty(s))
		km_cpus_add(s, (int)dice(km_cpus_count(&topo.cpus)));
}

/* By the definition, a CPU at a time: on a CPU that a vCPU is pinned to, or in its core? */
static bool hurts(int cpu)
{
	for (size_t i = 0; i < in.nclaims; i++) {
		int at = km_cpus_next(&claims[i].cpus, 0);

		if (claims[i].kind == KM_CLAIM_VCPU && topo.cpu[at].core == topo.cpu[cpu].core)
			return true;
	}
	return false;
}

static bool group_holds(const struct km_place_group *g, const struct km_cpus *allowed)
{
	bool some_free = false;

	for (int c = km_cpus_next(allowed, 0); c >= 0; c = km_cpus_next(allowed, c + 1))
		some_free = some_free || !hurts(c);
	if (km_cpus_empty(&g->cpus) || !km_cpus_within(&g->cpus, allowed))
		return false;
	if (km_cpus_count(&g->cpus) > g->wanted)
		return false;
	for (int c = km_cpus_next(&g->cpus, 0); c >= 0; c = km_cpus_next(&g->cpus, c + 1))
		if (hurts(c) && some_free)
			return false;
	return true;
}

static void properties(bool *ok)
{
	static const char *const machines[] = { "[numa] core:1 pu:1", "[numa] core:2 pu:1",
						TWO_SOCKETS,	      "pack:2 numa:2 core:4 pu:2",
						"[numa] core:5 pu:1", "pack:2 [numa] core:3 pu:4",
						"pack:4 [numa] pu:3" };
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < 4000; i++) {
		unsigned int vcpus, cpus;

		if (i % 100 == 0) /* hwloc takes longer than the rest */
			machine(machines[i / 100 % 7], -1, -1, 0);
		populate((int)dice(5) - 1, (int)dice(5) - 1, dice(110) * GBIT);
		cpus = km_cpus_count(&topo.cpus);
		random_set(&in.own_allowed, 1 + dice(4));
		random_set(&in.qemu_allowed, 1 + dice(4));
		vcpus = dice(cpus + 1);
		/* On one CPU, everybody's set is one CPU: nobody is pinned. */
		for (unsigned int v = 0; cpus > 1 && v < vcpus; v++) {
			char cpu[16];

			snprintf(cpu, sizeof(cpu), "%u", dice(cpus));
			claim(dice(4) ? KM_CLAIM_VCPU : KM_CLAIM_OTHER, cpu);
		}
		if (km_place_choose(&in, &out, NULL) || !group_holds(&out.own, &in.own_allowed) ||
		    !group_holds(&out.qemu, &in.qemu_allowed) || out.streams < 1 ||
		    out.streams > KM_STREAMS_MAX || out.helpers > KM_HELPERS_MAX ||
		    (out.streams > 1 && out.streams > out.free_cores))
			wrong++;
	}
	if (wrong)
		printf("# %u of 4000\n", wrong);
	CHECK(!wrong);
}

static const struct ktap_case cases[] = {
	{ "one core", one_core },
	{ "two cores", two_cores },
	{ "two sockets with SMT", two_sockets },
	{ "the NIC here, the memory there, neither", apart },
	{ "EPYC, 2 x 64 cores with SMT", epyc },
	{ "Xeon with nodes within a package", sub_numa },
	{ "cpusets that differ", cpusets },
	{ "whose CPU is whose", claimed },
	{ "every CPU is a vCPU's", all_pinned },
	{ "never outside, never at a pinned vCPU if any other is free", properties },
};

KTAP_MAIN(cases)
