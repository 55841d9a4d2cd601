/* SPDX-License-Identifier: GPL-2.0 */
/* The threads of a VMM: what each does, and which CPUs it may run on. */
#ifndef KM_THREADS_H
#define KM_THREADS_H

#include <jansson.h>
#include "../ctl/qmp.h"
#include "../place/choose.h"
#include "../place/pinmap.h"

enum km_thread_kind {
	KM_THREAD_OTHER,
	KM_THREAD_MAIN, /* QEMU's, and what libvirt calls the emulator */
	KM_THREAD_VCPU,
	KM_THREAD_IOTHREAD,
	KM_THREAD_MIGRATION, /* QEMU's migration thread and multifd's */
};

struct km_thread {
	pid_t tid;
	enum km_thread_kind kind;
	int vcpu;	     /* its number, -1 for other threads */
	char name[32];	     /* the thread's own, safe to print */
	char id[64];	     /* of an iothread, as QEMU calls it, safe to print; "" for others */
	struct km_cpus cpus; /* affinity within what its cgroup allows: the kernel has one mask */
};

/* In the order of their ids, malloc'ed.  Kinds by the names that QEMU gives with
 * debug-threads=on, as libvirt asks for. */
int km_threads_read(pid_t pid, struct km_thread **t, size_t *n, struct km_err *err);
/* The same by what QEMU itself says, which is right: the answers to query-cpus-fast and
 * query-iothreads, NULL for none. */
void km_threads_name(struct km_thread *t, size_t n, const json_t *vcpus, const json_t *iothreads);

/* Asks it.  Of one that does not answer the names tell as much as they can. */
void km_threads_ask(struct km_thread *t, size_t n, struct km_qmp *q);

/* Where vCPUs, the main thread and iothreads may run; pins has room for n. Returns how many. */
unsigned int km_threads_pins(const struct km_thread *t, size_t n, struct km_pin *pins);

/* Keeps those that may not run on all of these CPUs, which are pinned; returns how many. */
unsigned int km_threads_confined(struct km_pin *pins, unsigned int n, const struct km_cpus *all);

/* All CPUs on which one of its threads may run. */
int km_threads_cpus(pid_t pid, struct km_cpus *s, struct km_err *err);

enum km_thread_kind km_thread_kind_of(const char *name, int *vcpu);

/*
 * What these threads claim for themselves: vCPUs, the main thread, and others that have
 * been given a place of their own, not just the main thread's.  Appends to *claims, which
 * is malloc'ed.
 */
int km_threads_claim(const struct km_thread *t, size_t n, struct km_claim **claims,
		     size_t *nclaims);

#endif
