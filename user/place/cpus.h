/* SPDX-License-Identifier: GPL-2.0 */
/* Sets of CPUs, by the numbers that the kernel gives them. Pure. */
#ifndef KM_CPUS_H
#define KM_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KM_CPUS_MAX   8192 /* CONFIG_NR_CPUS with MAXSMP on x86: no kernel has more */
#define KM_CPUS_WORDS (KM_CPUS_MAX / 64)

/* Laid out as a cpu_set_t of that size on a little-endian machine. */
struct km_cpus {
	uint64_t w[KM_CPUS_WORDS];
};

/* The numbers are below KM_CPUS_MAX; any other is in no set, and adding it does nothing. */
bool km_cpus_has(const struct km_cpus *s, int cpu);
void km_cpus_add(struct km_cpus *s, int cpu);
unsigned int km_cpus_count(const struct km_cpus *s);
bool km_cpus_empty(const struct km_cpus *s);
/* The first that is not below `from`, -1 for none. */
int km_cpus_next(const struct km_cpus *s, int from);

void km_cpus_or(struct km_cpus *s, const struct km_cpus *with);
void km_cpus_and(struct km_cpus *s, const struct km_cpus *with);
void km_cpus_sub(struct km_cpus *s, const struct km_cpus *what);
bool km_cpus_equal(const struct km_cpus *a, const struct km_cpus *b);
bool km_cpus_overlap(const struct km_cpus *a, const struct km_cpus *b);
/* Is all of a in b? */
bool km_cpus_within(const struct km_cpus *a, const struct km_cpus *b);

/* The kernel's list format, cpuset(7): "0-3,8". "" is the empty set. -EINVAL for
 * anything else, -ERANGE for a number that is too large. */
int km_cpus_parse(struct km_cpus *s, const char *text);

#define KM_CPUS_TEXT 256
/* The same way back; "none" for the empty set, "..." at the end of what is too long. */
char *km_cpus_format(const struct km_cpus *s, char buf[KM_CPUS_TEXT]);
/* The same in full, "" for the empty set, malloc'ed; NULL without memory. */
char *km_cpus_list(const struct km_cpus *s);

#endif
