// SPDX-License-Identifier: GPL-2.0
#include "ledger.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_SHIFT 6 /* pages of one word keep to one stream */

struct block {
	char name[256];
	uint64_t pages;
	_Atomic uint64_t *listed; /* a bit a page */
};

/* First in, first out; grows, since a listing must never be dropped. */
struct queue {
	pthread_mutex_t lock;
	struct km_page *ring;
	size_t cap, head; /* cap is a power of two */
	_Atomic uint64_t len;
};

struct km_ledger {
	unsigned int streams, nblocks;
	struct block blocks[KM_BLOCKS_MAX];
	struct queue queues[KM_STREAMS_MAX];
};

struct km_ledger *km_ledger_new(unsigned int streams)
{
	struct km_ledger *l;

	if (!streams || streams > KM_STREAMS_MAX)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->streams = streams;
	for (unsigned int i = 0; i < streams; i++)
		pthread_mutex_init(&l->queues[i].lock, NULL);
	return l;
}

void km_ledger_free(struct km_ledger *l)
{
	if (!l)
		return;
	for (unsigned int i = 0; i < l->streams; i++) {
		pthread_mutex_destroy(&l->queues[i].lock);
		free(l->queues[i].ring);
	}
	for (unsigned int i = 0; i < l->nblocks; i++)
		free(l->blocks[i].listed);
	free(l);
}

int km_ledger_add_block(struct km_ledger *l, const char *name, uint64_t used_bytes)
{
	struct block *b;

	if (l->nblocks == KM_BLOCKS_MAX)
		return -E2BIG;
	if (!used_bytes || used_bytes % KM_PAGE_SIZE || strlen(name) >= sizeof(b->name))
		return -EINVAL;
	if (km_ledger_find_block(l, name) >= 0)
		return -EEXIST;
	b = &l->blocks[l->nblocks];
	b->pages = used_bytes >> KM_PAGE_SHIFT;
	b->listed = calloc((b->pages + 63) / 64, sizeof(*b->listed));
	if (!b->listed)
		return -ENOMEM;
	strcpy(b->name, name);
	return (int)l->nblocks++;
}

int km_ledger_find_block(const struct km_ledger *l, const char *name)
{
	for (unsigned int i = 0; i < l->nblocks; i++)
		if (!strcmp(l->blocks[i].name, name))
			return (int)i;
	return -ENOENT;
}

unsigned int km_ledger_blocks(const struct km_ledger *l)
{
	return l->nblocks;
}

const char *km_ledger_block_name(const struct km_ledger *l, uint32_t block)
{
	return l->blocks[block].name;
}

uint64_t km_ledger_block_pages(const struct km_ledger *l, uint32_t block)
{
	return l->blocks[block].pages;
}

unsigned int km_ledger_stream_of(const struct km_ledger *l, struct km_page p)
{
	return (unsigned int)((p.index >> GROUP_SHIFT) % l->streams);
}

static int queue_grow(struct queue *q)
{
	size_t cap = q->cap ? q->cap * 2 : 1024;
	struct km_page *ring = malloc(cap * sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (size_t i = 0; i < q->cap; i++)
		ring[i] = q->ring[(q->head + i) & (q->cap - 1)];
	free(q->ring);
	q->ring = ring;
	q->cap = cap;
	q->head = 0;
	return 0;
}

static int queue_push(struct queue *q, struct km_page p)
{
	int rc = 0;

	pthread_mutex_lock(&q->lock);
	if (q->len == q->cap)
		rc = queue_grow(q);
	if (!rc) {
		q->ring[(q->head + q->len) & (q->cap - 1)] = p;
		q->len++;
	}
	pthread_mutex_unlock(&q->lock);
	return rc;
}

int km_ledger_list(struct km_ledger *l, struct km_page p)
{
	uint64_t bit = 1ull << (p.index % 64);
	struct block *b;
	int rc;

	if (p.block >= l->nblocks || p.index >= l->blocks[p.block].pages)
		return -ERANGE;
	b = &l->blocks[p.block];
	if (atomic_fetch_or(&b->listed[p.index / 64], bit) & bit)
		return 0;
	rc = queue_push(&l->queues[km_ledger_stream_of(l, p)], p);
	return rc ? rc : 1;
}

unsigned int km_ledger_take(struct km_ledger *l, unsigned int stream, struct km_page *pages,
			    unsigned int max)
{
	struct queue *q = &l->queues[stream];
	unsigned int n = 0;

	pthread_mutex_lock(&q->lock);
	while (n < max && q->len) {
		pages[n++] = q->ring[q->head];
		q->head = (q->head + 1) & (q->cap - 1);
		q->len--;
	}
	pthread_mutex_unlock(&q->lock);

	/* Sequentially consistent: no read of the content may pass it. */
	for (unsigned int i = 0; i < n; i++)
		atomic_fetch_and(&l->blocks[pages[i].block].listed[pages[i].index / 64],
				 ~(1ull << (pages[i].index % 64)));
	return n;
}

uint64_t km_ledger_stream_waiting(const struct km_ledger *l, unsigned int stream)
{
	return atomic_load(&l->queues[stream].len);
}

uint64_t km_ledger_waiting(const struct km_ledger *l)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < l->streams; i++)
		n += km_ledger_stream_waiting(l, i);
	return n;
}
