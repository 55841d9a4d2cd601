/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which CPUs the threads that move a guest run on: our own, and those of QEMU's
 * that read what we send.  Pure: the machine, who is where and who may be where
 * go in, two sets of CPUs and what was decided come out.
 *
 * The rules, the first that tells two CPUs apart decides:
 *
 *  1. No vCPU's own CPU and no SMT sibling of one, if there is any other.  A CPU
 *     is a vCPU's own when as many vCPUs are confined to a set of CPUs as keep
 *     at least half of it busy: pinned one to one, or to a core.  Where they
 *     have room (8 vCPUs on the 64 CPUs of a node) they and we can get out of
 *     each other's way, and the set is only the second choice within its node.
 *  2. Then no CPU that another thread (an iothread) is pinned to.
 *  3. The nodes of the NIC and of the guest's memory, with up to two of our threads
 *     on a CPU; beyond that any node.
 *  4. The CPU that fewer of our threads are on.
 *  5. For us, who write to the NIC, the NIC's node; for QEMU's threads, which read the
 *     guest's memory, the memory's; then the other of the two, then the same package.
 *  6. CPUs outside of sets that vCPUs have room in; then cores that none of us is on;
 *     then the lowest number.
 */
#ifndef KM_CHOOSE_H
#define KM_CHOOSE_H

#include "topo.h"

enum km_claim_kind {
	KM_CLAIM_VCPU,	/* of any guest */
	KM_CLAIM_OTHER, /* any other thread whose place somebody has chosen */
};

/* A thread and where it may run. */
struct km_claim {
	enum km_claim_kind kind;
	struct km_cpus cpus;
};

/* A node and its share of a guest's memory. */
struct km_place_mem {
	int node;
	double share;
};

struct km_place_in {
	const struct km_topo *topo;
	/* What affinity and cgroup leave; the kernel makes one mask of both. */
	struct km_cpus own_allowed, qemu_allowed;
	const struct km_claim *claims;
	size_t nclaims;
	/* Where the guest's memory is, most first; shares add up to 1. None: not known. */
	unsigned int nmem;
	struct km_place_mem mem[KM_NODES_MAX];
	int nic_node;		 /* -1 = not known, or of none */
	uint64_t link_bit_per_s; /* 0 = not known */
	unsigned int streams;	 /* that were asked for, 0 = choose */
};

/* From best to worst. */
enum km_cpu_class {
	KM_CPU_FREE,
	KM_CPU_OTHERS,	/* another thread's own */
	KM_CPU_SIBLING, /* shares a core with a vCPU's own */
	KM_CPU_VCPU,	/* a vCPU's own */
};

enum km_node_why {
	KM_NODE_UNKNOWN, /* of no matter: nothing is known, or there is one only */
	KM_NODE_NIC,
	KM_NODE_MEMORY,
	KM_NODE_BOTH,
	KM_NODE_ROOM, /* neither is known: where most is free */
};

struct km_place_group {
	struct km_cpus cpus;
	enum km_cpu_class cls; /* of all of them */
	int node;	       /* that was wanted, -1 = any */
	enum km_node_why why;
	unsigned int wanted; /* CPUs, one a thread */
	unsigned int away;   /* of cpus: neither at the NIC's node nor at the memory's */
	unsigned int shared; /* of cpus: in the other group as well */
};

enum km_streams_why { KM_STREAMS_LINK, KM_STREAMS_NO_SPEED, KM_STREAMS_CORES, KM_STREAMS_ASKED };

struct km_place {
	struct km_place_group own, qemu;
	unsigned int free_cores; /* with a CPU that is free and that we may use */
	unsigned int streams, helpers;
	enum km_streams_why streams_why;
	/* By rule 1 and 2, as far as it is online. */
	struct km_cpus vcpu, sibling, others, roomy;
};

/*
 * What one thread is good for.  Neither was measured with a fast NIC yet: one TCP
 * stream with a sender that reads pages does 10 Gbit/s on any server of today, and
 * zstd at its fastest turns about 500 MB/s of pages into half of that.
 */
#define KM_STREAM_BIT_PER_S 10000000000ull
#define KM_HELPER_BIT_PER_S 2500000000ull
#define KM_HELPERS_MAX	    8
#define KM_STREAMS_DEFAULT  2 /* one goes on while another waits for its acknowledgement */

/* -EINVAL when we or QEMU may run on no CPU that is online. */
int km_place_choose(const struct km_place_in *in, struct km_place *out, struct km_err *err);

enum km_cpu_class km_place_class(const struct km_place *p, int cpu);

#endif
