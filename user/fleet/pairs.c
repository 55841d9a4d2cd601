// SPDX-License-Identifier: GPL-2.0
#include "pairs.h"

#include <errno.h>
#include <stdlib.h>

struct entry {
	uint64_t key;
	unsigned int count; /* 0: free */
};

struct km_pairs {
	struct entry *e;
	unsigned int bits, used;
};

#define FIRST_BITS 6

static uint64_t key_of(uint32_t a, uint32_t b)
{
	return (uint64_t)a << 32 | b;
}

/* Fibonacci hashing. */
static uint32_t home(const struct km_pairs *p, uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15ull >> (64 - p->bits));
}

static uint32_t mask(const struct km_pairs *p)
{
	return (1u << p->bits) - 1;
}

static uint32_t find(const struct km_pairs *p, uint64_t key)
{
	uint32_t i = home(p, key);

	while (p->e[i].count && p->e[i].key != key)
		i = (i + 1) & mask(p);
	return i;
}

struct km_pairs *km_pairs_new(void)
{
	struct km_pairs *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->bits = FIRST_BITS;
	p->e = calloc(1u << p->bits, sizeof(*p->e));
	if (p->e)
		return p;
	free(p);
	return NULL;
}

void km_pairs_free(struct km_pairs *p)
{
	if (p)
		free(p->e);
	free(p);
}

unsigned int km_pairs_count(const struct km_pairs *p, uint32_t a, uint32_t b)
{
	return p->e[find(p, key_of(a, b))].count;
}

static int grow(struct km_pairs *p)
{
	struct km_pairs more = { .bits = p->bits + 1, .used = p->used };

	more.e = calloc(1u << more.bits, sizeof(*more.e));
	if (!more.e)
		return -ENOMEM;
	for (uint32_t i = 0; i <= mask(p); i++)
		if (p->e[i].count)
			more.e[find(&more, p->e[i].key)] = p->e[i];
	free(p->e);
	*p = more;
	return 0;
}

int km_pairs_add(struct km_pairs *p, uint32_t a, uint32_t b)
{
	uint64_t key = key_of(a, b);
	struct entry *e;

	if (p->used * 2 > mask(p) && grow(p))
		return -ENOMEM;
	e = &p->e[find(p, key)];
	p->used += !e->count;
	e->key = key;
	e->count++;
	return 0;
}

/* An entry that is taken out leaves no hole in front of one that had to go on past it. */
void km_pairs_remove(struct km_pairs *p, uint32_t a, uint32_t b)
{
	uint32_t hole = find(p, key_of(a, b)), i = hole;

	if (!p->e[hole].count || --p->e[hole].count)
		return;
	p->used--;
	for (i = (i + 1) & mask(p); p->e[i].count; i = (i + 1) & mask(p)) {
		uint32_t from_home = (i - home(p, p->e[i].key)) & mask(p);

		if (from_home < ((i - hole) & mask(p)))
			continue;
		p->e[hole] = p->e[i];
		p->e[i].count = 0;
		hole = i;
	}
}
