// SPDX-License-Identifier: GPL-2.0
#include "cpus.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool km_cpus_has(const struct km_cpus *s, int cpu)
{
	return cpu >= 0 && cpu < KM_CPUS_MAX && (s->w[cpu / 64] >> (cpu % 64) & 1);
}

void km_cpus_add(struct km_cpus *s, int cpu)
{
	if (cpu >= 0 && cpu < KM_CPUS_MAX)
		s->w[cpu / 64] |= 1ull << (cpu % 64);
}

unsigned int km_cpus_count(const struct km_cpus *s)
{
	unsigned int n = 0;

	for (size_t i = 0; i < KM_CPUS_WORDS; i++)
		n += (unsigned int)__builtin_popcountll(s->w[i]);
	return n;
}

bool km_cpus_empty(const struct km_cpus *s)
{
	return km_cpus_next(s, 0) < 0;
}

int km_cpus_next(const struct km_cpus *s, int from)
{
	uint64_t word;

	if (from < 0)
		from = 0;
	if (from >= KM_CPUS_MAX)
		return -1;
	word = s->w[from / 64] & ~0ull << (from % 64);
	for (int i = from / 64;;) {
		if (word)
			return i * 64 + __builtin_ctzll(word);
		if (++i == KM_CPUS_WORDS)
			return -1;
		word = s->w[i];
	}
}

void km_cpus_or(struct km_cpus *s, const struct km_cpus *with)
{
	for (size_t i = 0; i < KM_CPUS_WORDS; i++)
		s->w[i] |= with->w[i];
}

void km_cpus_and(struct km_cpus *s, const struct km_cpus *with)
{
	for (size_t i = 0; i < KM_CPUS_WORDS; i++)
		s->w[i] &= with->w[i];
}

void km_cpus_sub(struct km_cpus *s, const struct km_cpus *what)
{
	for (size_t i = 0; i < KM_CPUS_WORDS; i++)
		s->w[i] &= ~what->w[i];
}

bool km_cpus_equal(const struct km_cpus *a, const struct km_cpus *b)
{
	return !memcmp(a, b, sizeof(*a));
}

bool km_cpus_overlap(const struct km_cpus *a, const struct km_cpus *b)
{
	for (size_t i = 0; i < KM_CPUS_WORDS; i++)
		if (a->w[i] & b->w[i])
			return true;
	return false;
}

bool km_cpus_within(const struct km_cpus *a, const struct km_cpus *b)
{
	for (size_t i = 0; i < KM_CPUS_WORDS; i++)
		if (a->w[i] & ~b->w[i])
			return false;
	return true;
}

static int parse_cpu(const char **p, long *cpu)
{
	char *end;

	if (!isdigit((unsigned char)**p))
		return -EINVAL;
	errno = 0;
	*cpu = strtol(*p, &end, 10);
	*p = end;
	return errno || *cpu >= KM_CPUS_MAX ? -ERANGE : 0;
}

int km_cpus_parse(struct km_cpus *s, const char *text)
{
	long first, last;
	int rc;

	memset(s, 0, sizeof(*s));
	if (!*text || !strcmp(text, "\n"))
		return 0;
	for (const char *p = text;; p++) {
		rc = parse_cpu(&p, &first);
		last = first;
		if (!rc && *p == '-') {
			p++;
			rc = parse_cpu(&p, &last);
		}
		if (rc)
			return rc;
		if (last < first)
			return -EINVAL;
		for (; first <= last; first++)
			km_cpus_add(s, (int)first);
		if (!*p || (*p == '\n' && !p[1]))
			return 0;
		if (*p != ',')
			return -EINVAL;
	}
}

char *km_cpus_format(const struct km_cpus *s, char buf[KM_CPUS_TEXT])
{
	size_t used = 0;
	char range[32];

	snprintf(buf, KM_CPUS_TEXT, "none");
	for (int first = km_cpus_next(s, 0), last; first >= 0; first = km_cpus_next(s, last + 1)) {
		for (last = first; km_cpus_has(s, last + 1);)
			last++;
		snprintf(range, sizeof(range), last > first ? "%s%d-%d" : "%s%d", used ? "," : "",
			 first, last);
		if (used + strlen(range) + sizeof("...") > KM_CPUS_TEXT) {
			strcpy(buf + used, "...");
			break;
		}
		strcpy(buf + used, range);
		used += strlen(range);
	}
	return buf;
}

char *km_cpus_list(const struct km_cpus *s)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (int first = km_cpus_next(s, 0), last; first >= 0; first = km_cpus_next(s, last + 1)) {
		for (last = first; km_cpus_has(s, last + 1);)
			last++;
		fprintf(f, last > first ? "%s%d-%d" : "%s%d", ftell(f) ? "," : "", first, last);
	}
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}
