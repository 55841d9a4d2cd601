/* SPDX-License-Identifier: GPL-2.0 */
/* All of this host that a placement is made from. */
#ifndef KM_GATHER_H
#define KM_GATHER_H

#include "nic.h"
#include "threads.h"

struct km_gathered {
	struct km_topo topo;
	struct km_place_in in; /* its streams are the caller's to set */
	struct km_thread *threads;
	size_t nthreads;
	struct km_pin *pins; /* of the guest's threads */
	unsigned int npins, vcpus_seen;
	char why_no_mem[KM_ERR_MAX];
	struct km_claim *claims;
};

/*
 * For the move of the guest that pid runs, over this NIC (no node, no speed: not known).
 * q: its monitor; NULL: the threads' names tell which is which.  Malloc'ed; NULL after an
 * error.
 */
struct km_gathered *km_gather(pid_t pid, struct km_qmp *q, const struct km_nic *nic,
			      struct km_err *err);
/* A guest of which no page is there yet should have its memory where its vCPUs are pinned. */
void km_gather_guess_memory(struct km_gathered *g);
void km_gathered_free(struct km_gathered *g);

#endif
