/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's pinning, carried from one host to another.  The CPUs that its
 * threads are confined to get partners at the destination, so that what shared
 * a core still does and nothing else does, and what was in one NUMA node still
 * is, and nothing else.  Pure.
 *
 * A set of CPUs is one of three things: every CPU that is online (no pinning:
 * stays that), whole nodes (becomes the whole nodes that they are laid on,
 * larger or smaller), or anything else (each CPU becomes its partner).
 *
 * Where it can't be done, what breaks is found by comparing the result with the
 * source and not by how it came about: what is called kept is kept.
 */
#ifndef KM_PINMAP_H
#define KM_PINMAP_H

#include "topo.h"

#define KM_PIN_WHO 80

enum km_pin_policy {
	KM_PIN_KEEP,  /* all of it, or fail and say what breaks */
	KM_PIN_RELAX, /* as much of it as there is room for */
};

/* A thread of a guest and where it may run. */
struct km_pin {
	char who[KM_PIN_WHO]; /* "vCPU 0", "emulator", "iothread ID": the same at both ends */
	pid_t tid;	      /* 0 = of another host */
	struct km_cpus cpus;
};

struct km_pin_in {
	const struct km_topo *from, *to;
	struct km_cpus allowed; /* at the destination */
	const struct km_pin *pins;
	unsigned int npins;
	enum km_pin_policy policy;
};

enum km_pin_break_kind {
	KM_PIN_SIBLINGS,     /* shared a core, and no longer do */
	KM_PIN_CORE_SHARED,  /* had cores of their own, and share one */
	KM_PIN_NODE_SPLIT,   /* were in one node, and are in several */
	KM_PIN_NODES_MERGED, /* were in different nodes, and are in one */
	KM_PIN_CPU_SHARED,   /* had CPUs of their own, and share one */
	KM_PIN_CROWDED,	     /* more threads than CPUs, where there were enough */
	KM_PIN_NOT_THERE,    /* no such thread, or the kernel puts it elsewhere */
};

struct km_pin_break {
	enum km_pin_break_kind kind;
	char text[320]; /* who and which CPUs, here and there */
};

#define KM_PIN_BREAKS_MAX 16
struct km_pinmap {
	bool kept; /* everything */
	unsigned int n;
	struct km_cpus *cpus; /* at the destination, in the order of pins; malloc'ed */
	unsigned int nbreaks; /* all of them; the first KM_PIN_BREAKS_MAX are told */
	struct km_pin_break breaks[KM_PIN_BREAKS_MAX];
};

/* -ENOTSUP when policy is keep and something breaks: m->breaks has it, m->cpus what relax
 * would do.  -EINVAL for a thread that could run nowhere.  Free m in any case. */
int km_pinmap(const struct km_pin_in *in, struct km_pinmap *m, struct km_err *err);
void km_pinmap_free(struct km_pinmap *m);

/* One more that breaks. */
void __attribute__((format(printf, 3, 4)))
km_pin_broken(struct km_pinmap *m, enum km_pin_break_kind kind, const char *fmt, ...);

#endif
