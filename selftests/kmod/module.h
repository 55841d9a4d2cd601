/* SPDX-License-Identifier: GPL-2.0 */
/* The module itself, and what it must not leave behind. 0 or a negative errno. */
#ifndef KMOD_MODULE_H
#define KMOD_MODULE_H

#include <stdbool.h>

/* From the file that the variable KM_MODULE names. */
int module_load(void);
int module_unload(void);
/* Any, from a file, with parameters. */
int module_insert(const char *path, const char *parameters);
int module_remove(const char *name);
/* Closing a socket drops an unread dump, and its hold on the module, after RCU. */
int module_unload_soon(void);
/* Of any module, or -1. */
long module_refcount(const char *name);
/* Is the function on which the module counts hooked? */
bool module_is_hooked(void);
/* Neither held nor hooking, now or within ten seconds? */
bool module_rests(void);

#endif
