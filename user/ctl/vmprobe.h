/* SPDX-License-Identifier: GPL-2.0 */
/* What a guest's QEMU says about itself over QMP. */
#ifndef KM_VMPROBE_H
#define KM_VMPROBE_H

#include "../model.h"

/* Connects to vm->qmp for a moment and fills name (if it is "pid-N"), uuid,
 * machine, version, state, vCPUs, RAM; and `unmovable`, if that is empty and
 * QEMU gives a reason.  listener: the process that must be listening there, 0
 * for any (libvirt opens the socket for QEMU). */
void km_vmprobe_ask(struct km_vm *vm, pid_t listener);

/* The process that listens on a unix socket (SO_PEERCRED), or a negative errno. */
int km_vmprobe_listener(const char *path, struct km_err *err);

#endif
