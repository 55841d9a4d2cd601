/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Questions about a guest that eBPF programs answer (bpf/, one file a question). A question
 * is opened for a process, watches until it is read, and leaves nothing behind when it is
 * closed, or when the process that asked dies: programs and maps hang on its descriptors.
 */
#ifndef KM_TRACE_H
#define KM_TRACE_H

#include "../model.h"

#define KM_HIST_SLOTS 64 /* slot n holds [2^n, 2^(n+1)) ns */

struct km_hist {
	uint64_t n, sum_ns;
	uint64_t slots[KM_HIST_SLOTS];
};

#define KM_TRACE_NO_VCPU 0xffffffffu /* what no vCPU's thread did */

/* One line of an answer: what happened on which vCPU, how often, and for how long. events
 * counts more than hist.n while one of them isn't over. */
struct km_trace_row {
	char what[64];
	unsigned int vcpu;
	uint64_t at_ns; /* when what happened once began, by CLOCK_MONOTONIC; 0 for the rest */
	uint64_t events;
	struct km_hist hist;
};

/* What one question found out. */
struct km_trace {
	const char *question;
	double seconds;
	uint64_t lost;	 /* events that did not fit the maps: rows are short of them */
	char lacks[256]; /* tracepoints that this kernel hasn't, km_question_lacks() */
	bool gone;	 /* the process that was watched is */
	bool no_vcpus;	 /* it is a guest that hasn't any yet */
	size_t n;
	struct km_trace_row *rows; /* malloc'ed; most time first */
};

struct km_question {
	const char *name;
	const char *asks;   /* in words */
	const char *probes; /* what it attaches to, as bpftrace names them */
	/* Of these, tracepoints without which it does with less; NULL-terminated, or NULL. */
	const char *const *optional;
	/* -EPERM, -ENOENT (this kernel lacks what it needs; err says what), -ENOMEM. */
	int (*open)(void **state, pid_t pid, struct km_err *err);
	int (*read)(void *state, struct km_trace *out, struct km_err *err);
	void (*close)(void *state); /* NULL is fine */
};

extern const struct km_question km_question_exits, km_question_stalls, km_question_dirtying;
extern const struct km_question km_question_pause;
extern const struct km_question km_question_power, km_question_net, km_question_faults;
extern const struct km_question km_question_impact;

/* Every question there is, NULL-terminated. */
extern const struct km_question *const km_questions[];

/* The optional tracepoints that this kernel lacks: "kvm/a, kvmmmu/b". */
void km_question_lacks(const struct km_question *q, char *buf, size_t size);

void km_hist_add(struct km_hist *h, uint64_t ns);

void km_trace_free(struct km_trace *t);

#endif
