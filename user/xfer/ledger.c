// SPDX-License-Identifier: GPL-2.0
#include "ledger.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "bits.h"
#include "heat.h"

/* Pages wait in the first three, and are taken in this order. */
enum set { COLD, NEAR, HOT_SET, OWED, SETS };

/* As far from a hot page, 64 MiB, others are suspected. */
#define NEAR_GROUPS 256u

struct block {
	char name[256];
	uint64_t pages;
	struct km_sum *sums; /* 0, 0: nothing sent yet */
	uint32_t *handed;    /* 0: never listed */
	struct km_heat heat;
};

/* A stream's part of the ledger; a page's slot in its sets is slot_of(). */
struct stream {
	pthread_mutex_t lock; /* and `handed` and `heat` of its pages */
	struct km_bits set[SETS][KM_BLOCKS_MAX];
	struct km_page next[SETS]; /* where the search goes on: block and slot */
	_Atomic uint64_t open;	   /* waiting and in hand */
	_Atomic uint64_t owed;
	bool recalled;
};

struct km_ledger {
	unsigned int streams;
	_Atomic unsigned int nblocks; /* the last to be written of a block */
	struct block blocks[KM_BLOCKS_MAX];
	struct stream stream[KM_STREAMS_MAX];
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
		pthread_mutex_init(&l->stream[i].lock, NULL);
	return l;
}

static void free_block(struct km_ledger *l, unsigned int nr)
{
	struct block *b = &l->blocks[nr];

	for (unsigned int i = 0; i < l->streams; i++)
		for (unsigned int k = 0; k < SETS; k++)
			km_bits_free(&l->stream[i].set[k][nr]);
	free(b->sums);
	free(b->handed);
	km_heat_free(&b->heat);
	memset(b, 0, sizeof(*b));
}

void km_ledger_free(struct km_ledger *l)
{
	if (!l)
		return;
	for (unsigned int i = 0; i < l->nblocks; i++)
		free_block(l, i);
	for (unsigned int i = 0; i < l->streams; i++)
		pthread_mutex_destroy(&l->stream[i].lock);
	free(l);
}

/* calloc() maps large blocks: what is never touched takes no memory. */
static int fill_block(struct km_ledger *l, unsigned int nr)
{
	struct block *b = &l->blocks[nr];
	int rc = km_heat_init(&b->heat, b->pages);
	uint64_t slots = (b->heat.groups + l->streams - 1) / l->streams * KM_GROUP_PAGES;

	b->sums = calloc(b->pages, sizeof(*b->sums));
	b->handed = calloc(b->pages, sizeof(*b->handed));
	if (!b->sums || !b->handed)
		rc = -ENOMEM;
	for (unsigned int i = 0; !rc && i < l->streams; i++)
		for (unsigned int k = 0; !rc && k < SETS; k++)
			rc = km_bits_init(&l->stream[i].set[k][nr], slots);
	return rc;
}

int km_ledger_add_block(struct km_ledger *l, const char *name, uint64_t used_bytes)
{
	struct block *b;
	int rc;

	if (l->nblocks == KM_BLOCKS_MAX)
		return -E2BIG;
	if (!used_bytes || used_bytes % KM_PAGE_SIZE || strlen(name) >= sizeof(b->name))
		return -EINVAL;
	if (km_ledger_find_block(l, name) >= 0)
		return -EEXIST;
	b = &l->blocks[l->nblocks];
	b->pages = used_bytes >> KM_PAGE_SHIFT;
	rc = fill_block(l, l->nblocks);
	if (rc) {
		free_block(l, l->nblocks);
		return rc;
	}
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
	return (unsigned int)((p.index >> KM_GROUP_SHIFT) % l->streams);
}

static uint64_t slot_of(const struct km_ledger *l, uint64_t index)
{
	return (index >> KM_GROUP_SHIFT) / l->streams * KM_GROUP_PAGES + index % KM_GROUP_PAGES;
}

static uint64_t index_of(const struct km_ledger *l, unsigned int stream, uint64_t slot)
{
	return ((slot >> KM_GROUP_SHIFT) * l->streams + stream) * KM_GROUP_PAGES +
	       slot % KM_GROUP_PAGES;
}

/* ---- under the stream's lock ---- */

static bool add(struct km_ledger *l, struct stream *s, enum set k, struct km_page p)
{
	return km_bits_add(&s->set[k][p.block], slot_of(l, p.index));
}

static bool has(const struct km_ledger *l, const struct stream *s, enum set k, struct km_page p)
{
	return km_bits_has(&s->set[k][p.block], slot_of(l, p.index));
}

static bool waits(const struct km_ledger *l, const struct stream *s, struct km_page p)
{
	return has(l, s, COLD, p) || has(l, s, NEAR, p) || has(l, s, HOT_SET, p);
}

static bool not_owed(struct km_ledger *l, struct stream *s, struct km_page p)
{
	if (!km_bits_del(&s->set[OWED][p.block], slot_of(l, p.index)))
		return false;
	s->owed--;
	return true;
}

/* Where a page waits, or would by what is known now. */
static enum set set_of(const struct km_ledger *l, struct km_page p)
{
	const struct km_heat *heat = &l->blocks[p.block].heat;

	if (km_heat_is_hot(heat, p.index))
		return HOT_SET;
	return km_heat_is_suspect(heat, p.index) ? NEAR : COLD;
}

/* One that waits stays where it is, though its group has become hot meanwhile. */
static void wait_again(struct km_ledger *l, struct stream *s, struct km_page p)
{
	if (!waits(l, s, p) && add(l, s, set_of(l, p), p))
		s->open++;
}

/* The next of a set from where the search stopped, in turn; none: false. */
static bool find(const struct km_ledger *l, struct stream *s, enum set k, struct km_page *at)
{
	struct km_page *next = &s->next[k];

	for (unsigned int i = 0; i <= l->nblocks; i++) {
		uint64_t slot = km_bits_next(&s->set[k][next->block], next->index);

		if (slot != KM_BITS_NONE) {
			*at = (struct km_page){ next->block, slot };
			return true;
		}
		*next = (struct km_page){ (next->block + 1) % l->nblocks, 0 };
	}
	return false;
}

static unsigned int take_from(struct km_ledger *l, unsigned int stream, enum set k,
			      struct km_taken *pages, unsigned int n, unsigned int max)
{
	struct stream *s = &l->stream[stream];
	struct km_page at;

	while (n < max && find(l, s, k, &at)) {
		uint64_t index = index_of(l, stream, at.index);

		if (n && pages[0].page.block != at.block)
			break;
		km_bits_del(&s->set[k][at.block], at.index);
		s->next[k] = (struct km_page){ at.block, at.index + 1 };
		pages[n++] = (struct km_taken){ .page = { at.block, index },
						.handed = l->blocks[at.block].handed[index],
						.hot = k == HOT_SET };
	}
	return n;
}

/* ---- */

static struct stream *lock_of(struct km_ledger *l, struct km_page p)
{
	struct stream *s = &l->stream[km_ledger_stream_of(l, p)];

	pthread_mutex_lock(&s->lock);
	return s;
}

int km_ledger_list(struct km_ledger *l, struct km_page p, uint32_t handed)
{
	struct stream *s;
	struct block *b;
	bool fresh, again;

	if (p.block >= l->nblocks || p.index >= l->blocks[p.block].pages)
		return -ERANGE;
	b = &l->blocks[p.block];
	s = lock_of(l, p);
	again = b->handed[p.index];
	b->handed[p.index] = handed;
	fresh = !waits(l, s, p);
	if (!not_owed(l, s, p) && fresh && again) /* what is owed was warmed when it was left */
		km_heat_warm(&b->heat, p.index);
	if (fresh)
		wait_again(l, s, p);
	pthread_mutex_unlock(&s->lock);
	return fresh;
}

unsigned int km_ledger_take(struct km_ledger *l, unsigned int stream, struct km_taken *pages,
			    unsigned int max)
{
	struct stream *s = &l->stream[stream];
	struct km_page at;
	unsigned int n;

	if (!s->open)
		return 0;
	pthread_mutex_lock(&s->lock);
	n = take_from(l, stream, COLD, pages, 0, max);
	for (enum set k = NEAR; k <= HOT_SET; k++)
		if (!find(l, s, k - 1, &at)) /* or it is of another block */
			n = take_from(l, stream, k, pages, n, max);
		else
			break;
	pthread_mutex_unlock(&s->lock);
	return n;
}

void km_ledger_done(struct km_ledger *l, unsigned int stream, unsigned int n)
{
	l->stream[stream].open -= n;
}

bool km_ledger_leave(struct km_ledger *l, struct km_page p)
{
	struct stream *s = lock_of(l, p);
	bool left = !s->recalled;

	km_heat_warm(&l->blocks[p.block].heat, p.index);
	if (!left)
		wait_again(l, s, p);
	else if (!waits(l, s, p) && add(l, s, OWED, p))
		s->owed++;
	s->open--; /* no longer in hand */
	pthread_mutex_unlock(&s->lock);
	return left;
}

void km_ledger_unsend(struct km_ledger *l, struct km_page p)
{
	struct stream *s = lock_of(l, p);

	l->blocks[p.block].sums[p.index] = (struct km_sum){ 0 };
	not_owed(l, s, p);
	wait_again(l, s, p);
	pthread_mutex_unlock(&s->lock);
}

static void recall(struct km_ledger *l, unsigned int stream)
{
	struct stream *s = &l->stream[stream];

	for (uint32_t b = 0; b < l->nblocks; b++) {
		struct km_bits *owed = &s->set[OWED][b];
		uint64_t slot = 0;

		while ((slot = km_bits_next(owed, slot)) != KM_BITS_NONE) {
			struct km_page p = { b, index_of(l, stream, slot) };

			not_owed(l, s, p);
			wait_again(l, s, p);
		}
	}
	s->recalled = true;
}

void km_ledger_recall(struct km_ledger *l)
{
	for (unsigned int i = 0; i < l->streams; i++) {
		pthread_mutex_lock(&l->stream[i].lock);
		recall(l, i);
		pthread_mutex_unlock(&l->stream[i].lock);
	}
}

/* ---- what is watched ---- */

/* What waits of a page's group goes where it belongs by now. Under the stream's lock. */
static void sort_group(struct km_ledger *l, struct stream *s, struct km_page p)
{
	uint64_t first = slot_of(l, p.index) & ~(uint64_t)(KM_GROUP_PAGES - 1), slot;
	enum set to = set_of(l, p);

	for (enum set k = COLD; k < to; k++) {
		struct km_bits *from = &s->set[k][p.block];

		for (slot = first; (slot = km_bits_next(from, slot)) < first + KM_GROUP_PAGES;) {
			km_bits_del(from, slot);
			km_bits_add(&s->set[to][p.block], slot);
		}
	}
}

static void suspect_around(struct km_ledger *l, struct km_page p)
{
	const uint64_t far = NEAR_GROUPS * KM_GROUP_PAGES, all = l->blocks[p.block].pages;
	struct km_page at = { p.block, p.index > far ? p.index - far : 0 };

	for (; at.index < all && at.index <= p.index + far; at.index += KM_GROUP_PAGES) {
		struct stream *s = lock_of(l, at);

		if (km_heat_suspect(&l->blocks[p.block].heat, at.index))
			sort_group(l, s, at);
		pthread_mutex_unlock(&s->lock);
	}
}

void km_ledger_suspect(struct km_ledger *l, struct km_page p)
{
	struct km_heat *heat = &l->blocks[p.block].heat;
	struct stream *s = lock_of(l, p);

	while (!km_heat_is_hot(heat, p.index))
		km_heat_warm(heat, p.index);
	sort_group(l, s, p);
	pthread_mutex_unlock(&s->lock);
	suspect_around(l, p);
}

/* The turn-th of a group's pages, or the next of which it is known what QEMU handed over. */
static bool pick(struct km_ledger *l, struct km_page group, unsigned int turn,
		 struct km_taken *picked)
{
	const struct block *b = &l->blocks[group.block];
	struct stream *s = lock_of(l, group);
	bool found = false;

	for (unsigned int i = 0; !found && i < KM_GROUP_PAGES; i++) {
		uint64_t index = group.index + (turn + i) % KM_GROUP_PAGES;

		if (index >= b->pages || b->handed[index] == KM_HANDED_NEVER ||
		    b->handed[index] == KM_HANDED_UNKNOWN)
			continue;
		*picked = (struct km_taken){ .page = { group.block, index },
					     .handed = b->handed[index] };
		found = !km_heat_is_hot(&b->heat, index);
		break;
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

unsigned int km_ledger_sample(struct km_ledger *l, struct km_page *at, unsigned int turn,
			      struct km_taken *pages, unsigned int groups)
{
	unsigned int n = 0;

	for (; groups && at->block < l->nblocks; groups--) {
		n += pick(l, *at, turn, &pages[n]);
		at->index += KM_GROUP_PAGES;
		if (at->index >= l->blocks[at->block].pages)
			*at = (struct km_page){ at->block + 1, 0 };
	}
	return n;
}

/* ---- */

const struct km_sum *km_ledger_sum(const struct km_ledger *l, struct km_page p)
{
	const struct km_sum *sum = &l->blocks[p.block].sums[p.index];

	return sum->low || sum->high ? sum : NULL;
}

void km_ledger_set_sum(struct km_ledger *l, struct km_page p, struct km_sum sum)
{
	l->blocks[p.block].sums[p.index] = sum;
}

void km_ledger_cool(struct km_ledger *l)
{
	for (unsigned int i = 0; i < l->streams; i++) {
		pthread_mutex_lock(&l->stream[i].lock);
		for (unsigned int b = 0; b < l->nblocks; b++)
			km_heat_cool(&l->blocks[b].heat, i, l->streams);
		pthread_mutex_unlock(&l->stream[i].lock);
	}
}

uint64_t km_ledger_hottest(struct km_ledger *l, struct km_page *at)
{
	uint64_t best = 0, pages, first;

	for (unsigned int i = 0; i < l->streams; i++)
		pthread_mutex_lock(&l->stream[i].lock);
	for (uint32_t b = 0; b < l->nblocks; b++) {
		first = 0;
		pages = km_heat_longest(&l->blocks[b].heat, &first) * KM_GROUP_PAGES;
		first *= KM_GROUP_PAGES;
		if (first + pages > l->blocks[b].pages) /* the last group may be no whole one */
			pages = l->blocks[b].pages - first;
		if (pages <= best)
			continue;
		best = pages;
		*at = (struct km_page){ b, first };
	}
	for (unsigned int i = 0; i < l->streams; i++)
		pthread_mutex_unlock(&l->stream[i].lock);
	return best;
}

uint64_t km_ledger_open(const struct km_ledger *l)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < l->streams; i++)
		n += l->stream[i].open;
	return n;
}

uint64_t km_ledger_owed(const struct km_ledger *l)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < l->streams; i++)
		n += l->stream[i].owed;
	return n;
}
