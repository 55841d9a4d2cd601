/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which hosts offer what a guest needs of the CPU, and of anything else that is
 * there or isn't: features, a vendor, labels.  All are names; equal sets of names
 * share a class, so that asking is one look into a table.
 */
#ifndef KM_CPUFIT_H
#define KM_CPUFIT_H

#include <stdbool.h>
#include <stddef.h>

#define KM_CPUFIT_NAMES	  4096
#define KM_CPUFIT_CLASSES 2048

struct km_cpufit;
struct km_cpuset; /* one that is being put together */

struct km_cpufit *km_cpufit_new(void); /* NULL: no memory */
void km_cpufit_free(struct km_cpufit *c);

struct km_cpuset *km_cpuset_new(void); /* empty; free() it */
/* A name, with what kind it is, as "label ssd"; -ENOSPC when there are too many. */
int km_cpuset_add(struct km_cpufit *c, struct km_cpuset *s, const char *kind, const char *name);
/* All that a level of the x86-64 psABI (x86-64-v1 to v4) has; -ENOENT: there is no such. */
int km_cpuset_add_level(struct km_cpufit *c, struct km_cpuset *s, const char *level);
/* The class of a set; -ENOSPC when there are too many. */
int km_cpufit_class(struct km_cpufit *c, const struct km_cpuset *s);

/* After the last class. -ENOMEM. */
int km_cpufit_seal(struct km_cpufit *c);
bool km_cpufit_has(const struct km_cpufit *c, unsigned int host, unsigned int vm);
/* A name that the host lacks; NULL if none. */
const char *km_cpufit_lacks(const struct km_cpufit *c, unsigned int host, unsigned int vm);

#endif
