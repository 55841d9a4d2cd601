/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The facts of this host, section by section of its record (check/record.h).  What can't be
 * read stays unknown; nothing here fails.  root: "" for this machine, or a test's folder with
 * proc and sys in it.
 */
#ifndef KM_HOST_FACTS_H
#define KM_HOST_FACTS_H

#include "../check/record.h"
#include "../opts.h"

struct km_host_wish {
	const char *peer;		 /* the other host, for the route to it; NULL = none */
	const struct km_opt_list *qemus; /* paths of QEMUs, in front of those that are found */
	const struct km_opt_list *files; /* paths to look for */
	bool no_qemu;			 /* ask none: saves a second */
};

/* All of it, malloc'ed; NULL without memory. */
struct km_host_record *km_host_record_take(const struct km_host_wish *wish);

void km_facts_cpu(const char *root, struct km_rec_cpu *c, struct km_rec_encryption *e);
/* Makes a VM with one vCPU for a moment, for the frequency of its TSC. */
void km_facts_kvm(const char *root, struct km_rec_kvm *k, struct km_rec_encryption *e);
void km_facts_topology(const char *root, struct km_rec_topology *t);
void km_facts_memory(const char *root, struct km_rec_memory *m);
void km_facts_network(const char *peer, struct km_rec_network *n);
void km_facts_power(const char *root, struct km_rec_power *p);
void km_facts_software(const char *root, struct km_rec_software *s);
void km_facts_file(const char *path, struct km_rec_file *f);
/* Starts the QEMU at path without a guest, and asks it. false: it is none. */
bool km_facts_qemu(const char *path, struct km_rec_qemu *q);

#endif
