/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The richest CPU that guests can have on every one of some hosts, so that they can be moved
 * between all of them: a CPU model of QEMU's, and the features by which it is to differ.  The
 * features are those with which QEMU lets a guest move that all hosts have; the model is the
 * one that comes nearest to them.  Pure.
 */
#ifndef KM_CHECK_BASELINE_H
#define KM_CHECK_BASELINE_H

#include "../model.h"
#include "record.h"

#define KM_BASELINE_HOSTS 256

/* A feature that some host has and the baseline has not, since these lack it. */
struct km_baseline_cost {
	char feature[40];
	unsigned int nhosts;		      /* that lack it */
	unsigned int host[KM_BASELINE_HOSTS]; /* their places in the order in which they came */
};

struct km_baseline {
	unsigned int nhosts;
	char host[KM_BASELINE_HOSTS][KM_REC_TEXT];
	char model[64], vendor[16];
	unsigned int nfeatures;	  /* in all */
	unsigned int nadd, ndrop; /* beyond the model's, and of the model's that are left out */
	char add[KM_SET_MAX][40], drop[KM_SET_MAX][40];
	unsigned int ncosts;
	struct km_baseline_cost cost[KM_SET_MAX];
	uint32_t phys_bits; /* the fewest of the hosts, 0 = not known */
};

/* -EINVAL with a sentence when there is none: vendors differ, or a record has no QEMU that was
 * asked with KVM. names: what to call the hosts. out: a large structure, zeroed by this. */
int km_baseline_find(const struct km_host_record *const *hosts, const char *const *names,
		     unsigned int n, struct km_baseline *out, struct km_err *err);

/* QEMU's -cpu argument, and libvirt's <cpu> element with newlines. Malloc'ed, NULL without
 * memory. */
char *km_baseline_qemu(const struct km_baseline *b);
char *km_baseline_libvirt(const struct km_baseline *b);

#endif
