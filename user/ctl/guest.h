/* SPDX-License-Identifier: GPL-2.0 */
/* One process looked at as a guest: the part of vms.c that knows /proc. */
#ifndef KM_GUEST_H
#define KM_GUEST_H

#include "cmdline.h"
#include "proc.h"

struct km_guest {
	struct km_vm vm;
	struct km_cmdline cmd;
	struct km_fds fds;
	pid_t listener;	   /* who must listen on vm.qmp, 0 = not known */
	bool monitor_free; /* nobody is connected to vm.qmp */
};

/* false when the process is no guest.  On true the caller owns g->fds. */
bool km_guest_examine(pid_t pid, struct km_guest *g);

/* The first monitor that is free; failing that the first there is, and why it can't be used.
 * Where others use them it waits, for a fifth of a second each. */
void km_guest_choose_monitor(struct km_guest *g);

/* Is the socket at our path `what` one of its QMP monitors? */
bool km_guest_owns_socket(const struct km_guest *g, const char *what);

/* Completes g->vm over QMP, if there is a monitor that nobody uses. */
void km_guest_ask(struct km_guest *g);

#endif
