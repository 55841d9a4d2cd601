/* SPDX-License-Identifier: GPL-2.0 */
/* A VMM in a process of its own, that obeys. */
#ifndef KMOD_CHILD_H
#define KMOD_CHILD_H

#include "vmm.h"

struct vmm_spawn {
	struct vmm_options options;
	bool log;		/* the VMM switches its log on */
	uid_t uid;		/* if not 0: in a container of this user */
};

struct vmm_child {
	pid_t pid, parent;	/* the same, if it is in no container */
	int control;
	int vm;			/* its VM, through pidfd_getfd() */
};

enum vmm_order {
	VMM_WRITE = 'w',	/* the first 64 pages, once */
	VMM_BUSY = 'b',		/* write and harvest, for ever; no answer */
	VMM_CLOSE_VM = 'v',	/* close the VM's fd, keep its vCPUs */
	VMM_CLOSE_ALL = 'a',	/* close the vCPUs and unmap them, too */
	VMM_LIST = 'l',		/* see vmm_order_list() */
};

/* With one vCPU and 4096 pages, logging. */
int vmm_spawn(struct vmm_child *child);
int vmm_spawn_as(struct vmm_child *child, const struct vmm_spawn *how);
/* What it does: tells @control its VM's descriptor, then obeys. Doesn't return. */
_Noreturn void vmm_child_main(int control, const struct vmm_spawn *how);

int vmm_order(struct vmm_child *child, enum vmm_order order);
/* Doesn't wait: vmm_answer() does. */
int vmm_order_list(struct vmm_child *child, const uint32_t *pages, uint32_t nr,
		   uint32_t value);
int vmm_answer(struct vmm_child *child);
void vmm_kill(struct vmm_child *child);

#endif
