/* SPDX-License-Identifier: GPL-2.0 */
/* Who ran while a vCPU waited, in words. */
#ifndef KM_WHO_H
#define KM_WHO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* comm is the thread's name, tgid its process, guest the one that was asked about. */
void km_who_name(char *buf, size_t size, const char *comm, pid_t tgid, bool kernel, pid_t guest);

#endif
