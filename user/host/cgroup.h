/* SPDX-License-Identifier: GPL-2.0 */
/* Control groups, version 2 (Documentation/admin-guide/cgroup-v2.rst in the kernel's tree). */
#ifndef KM_CGROUP_H
#define KM_CGROUP_H

#include "../model.h"

#define KM_CGROUP_VALUE 64 /* room for what one of the files read here says */

/* ---- pure ---- */

/* The v2 group in the text of /proc/PID/cgroup: its line "0::GROUP". -ENOENT: it has none. */
int km_cgroup_parse(const char *text, char group[PATH_MAX]);
/* The folder of a group, by the text of /proc/self/mountinfo. -ENOENT: no cgroup v2 is
 * mounted; -EXDEV: it is, but not that part of it. */
int km_cgroup_locate(const char *mountinfo, const char *group, char dir[PATH_MAX]);
/* Cuts libvirt's groups inside of a VM's off. */
void km_cgroup_to_vm(char *group);

/* ---- not so ---- */

/* The group of a process, or of a thread if tid isn't 0, and its folder. */
int km_cgroup_of(pid_t pid, pid_t tid, char group[PATH_MAX], struct km_err *err);
int km_cgroup_dir(const char *group, char dir[PATH_MAX], struct km_err *err);
/* A file of a group, without its newline. A negative errno, or 0. */
int km_cgroup_read(const char *dir, const char *file, char value[KM_CGROUP_VALUE]);
int km_cgroup_write(const char *dir, const char *file, const char *value);

#endif
