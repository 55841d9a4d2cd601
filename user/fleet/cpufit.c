// SPDX-License-Identifier: GPL-2.0
#include "cpufit.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS	(KM_CPUFIT_NAMES / 64)
#define BUCKETS (2 * KM_CPUFIT_NAMES)

struct km_cpuset {
	uint64_t w[WORDS];
};

struct km_cpufit {
	unsigned int nnames, nclasses, room;
	char *name[KM_CPUFIT_NAMES];
	uint16_t bucket[BUCKETS]; /* number of a name + 1, open addressing */
	struct km_cpuset *set;	  /* by class */
	uint64_t *has;		  /* a bit for each pair of classes, after sealing */
};

/* System V psABI for AMD64, "Micro-Architecture Levels", by QEMU's names. */
static const char *const levels[][12] = {
	{ "cmov", "cx8", "fpu", "fxsr", "mmx", "syscall", "sse", "sse2" },
	{ "cx16", "lahf-lm", "popcnt", "pni", "sse4.1", "sse4.2", "ssse3" },
	{ "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave" },
	{ "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl" },
};

struct km_cpufit *km_cpufit_new(void)
{
	return calloc(1, sizeof(struct km_cpufit));
}

void km_cpufit_free(struct km_cpufit *c)
{
	for (unsigned int i = 0; c && i < c->nnames; i++)
		free(c->name[i]);
	if (c) {
		free(c->set);
		free(c->has);
	}
	free(c);
}

struct km_cpuset *km_cpuset_new(void)
{
	return calloc(1, sizeof(struct km_cpuset));
}

static unsigned int hash(const char *s)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h % BUCKETS;
}

static int number_of(struct km_cpufit *c, const char *name)
{
	unsigned int b = hash(name);

	for (; c->bucket[b]; b = (b + 1) % BUCKETS)
		if (!strcmp(c->name[c->bucket[b] - 1], name))
			return c->bucket[b] - 1;
	if (c->nnames == KM_CPUFIT_NAMES)
		return -ENOSPC;
	c->name[c->nnames] = strdup(name);
	if (!c->name[c->nnames])
		return -ENOMEM;
	c->bucket[b] = (uint16_t)++c->nnames;
	return (int)c->nnames - 1;
}

int km_cpuset_add(struct km_cpufit *c, struct km_cpuset *s, const char *kind, const char *name)
{
	char *text;
	int n;

	if (asprintf(&text, "%s %s", kind, name) < 0)
		return -ENOMEM;
	n = number_of(c, text);
	free(text);
	if (n < 0)
		return n;
	s->w[n / 64] |= 1ull << (n % 64);
	return 0;
}

int km_cpuset_add_level(struct km_cpufit *c, struct km_cpuset *s, const char *level)
{
	int rc = 0;

	if (strncmp(level, "x86-64-v", 8) || level[8] < '1' || level[8] > '4' || level[9])
		return -ENOENT;
	for (int l = 0; l <= level[8] - '1'; l++)
		for (const char *const *n = levels[l]; *n && !rc; n++)
			rc = km_cpuset_add(c, s, "feature", *n);
	return rc;
}

int km_cpufit_class(struct km_cpufit *c, const struct km_cpuset *s)
{
	struct km_cpuset *more;

	for (unsigned int i = 0; i < c->nclasses; i++)
		if (!memcmp(&c->set[i], s, sizeof(*s)))
			return (int)i;
	if (c->nclasses == KM_CPUFIT_CLASSES)
		return -ENOSPC;
	if (c->nclasses == c->room) {
		c->room = c->room ? 2 * c->room : 16;
		more = realloc(c->set, c->room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		c->set = more;
	}
	c->set[c->nclasses] = *s;
	return (int)c->nclasses++;
}

/* The first name that is in need and not in set, -1 if none. */
static int first_lacking(const struct km_cpuset *set, const struct km_cpuset *need)
{
	for (int i = 0; i < WORDS; i++)
		if (need->w[i] & ~set->w[i])
			return i * 64 + __builtin_ctzll(need->w[i] & ~set->w[i]);
	return -1;
}

int km_cpufit_seal(struct km_cpufit *c)
{
	size_t n = c->nclasses;

	c->has = calloc(n * n / 64 + 1, sizeof(*c->has));
	if (!c->has)
		return -ENOMEM;
	for (size_t h = 0; h < n; h++)
		for (size_t v = 0; v < n; v++)
			if (first_lacking(&c->set[h], &c->set[v]) < 0)
				c->has[(v * n + h) / 64] |= 1ull << (v * n + h) % 64;
	return 0;
}

bool km_cpufit_has(const struct km_cpufit *c, unsigned int host, unsigned int vm)
{
	size_t bit = (size_t)vm * c->nclasses + host;

	return c->has[bit / 64] >> bit % 64 & 1;
}

const char *km_cpufit_lacks(const struct km_cpufit *c, unsigned int host, unsigned int vm)
{
	int n = first_lacking(&c->set[host], &c->set[vm]);

	return n < 0 ? NULL : c->name[n];
}
