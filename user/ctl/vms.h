/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The QEMU guests of this host, found through /proc: no daemon, no registry.
 * A process is a guest when its exe's name starts with qemu-system- or it holds
 * an anon_inode:kvm-vm descriptor; its QMP sockets come from its command line
 * (-qmp, -mon/-chardev socket) and are resolved against its own root and cwd.
 */
#ifndef KM_VMS_H
#define KM_VMS_H

#include <stddef.h>
#include "../model.h"

enum km_vms_look {
	KM_VMS_PROCESSES, /* what /proc says; qmp stays empty */
	KM_VMS_MONITORS,  /* and which monitor is free: up to 0.2 s for each that is not */
	KM_VMS_ASK,	  /* connect to it for name, uuid, state, machine, version */
};

/* All guests, malloc'ed array.  A busy or dead monitor is not an error: the field stays empty
 * and `unmovable` says why. */
int km_vms_list(struct km_vm **vms, size_t *n, enum km_vms_look look, struct km_err *err);

/* One guest by name, pid or QMP socket path.  -ENOENT: none, -EEXIST: the name
 * fits several (err lists their pids). */
int km_vms_find(const char *what, struct km_vm *vm, struct km_err *err);

/* argv of a process as it was started: NULL-terminated, one malloc'ed block
 * for the pointers and one for the text (argv[0]). Free with km_argv_free. */
int km_argv_read(pid_t pid, char ***argv, struct km_err *err);
void km_argv_free(char **argv);

#endif
