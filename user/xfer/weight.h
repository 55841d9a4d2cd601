/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cpu.weight of the VMM's group (cgroup v2), raised while its guest moves, so that neither
 * the guest nor QEMU's migration threads starve beside other VMs. A weight counts among the
 * groups that have the same parent, so it is the VM's whole group that gets it, not one of
 * those that libvirt makes inside: these only share what the VM has.
 *
 * A move never fails because the weight can't be raised; the facts say why. It is put back
 * unless somebody else has set another meanwhile: the later word counts.
 */
#ifndef KM_WEIGHT_H
#define KM_WEIGHT_H

#include "guard.h"

struct km_weight {
	char dir[PATH_MAX];
	unsigned int before, ours; /* ours 0: there is nothing to put back */
};

/* The guard hears of it first. wanted 0: nothing is done. */
void km_weight_begin(struct km_weight *w, unsigned int wanted, pid_t vmm, const struct km_guard *g,
		     struct km_weight_facts *facts);
/* Any number of times. facts may be NULL. */
void km_weight_end(struct km_weight *w, struct km_weight_facts *facts);
/* What the guard heard; what it then has to end. */
void km_weight_parse(struct km_weight *w, const char *line);

#endif
