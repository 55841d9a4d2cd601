// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that write and verify memory. What a page holds is a function of its index, its
 * iteration and the seed; the iteration is kept in a table as well, so that a page which
 * a migration lost is found before it is overwritten. A page:
 *
 *	word 0	MAGIC ^ index
 *	word 1	seed
 *	word 2	iteration
 *	word 3	checksum of the three
 *	words from 4: those that each write changes, then those that stay as at iteration 0
 *
 * With content=zero every even iteration makes the page all zero.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define PAGE		4096
#define WORDS		(PAGE / 4)
#define HEAD		4
#define MAGIC		0x6b6d676cu
#define GOLDEN		0x9e3779b9u
#define SAMPLES		8	/* body words looked at before a page is overwritten */
#define CATCH_UP_NS	100000000
#define STEP_NS		2000000	/* a thread with nothing to do sleeps so long */

struct counters counters;

static uint32_t *pages;		/* all of them */
static uint32_t *iteration;	/* what each must hold */
static uint32_t npages, nwritten, nthreads;

struct worker {
	uint32_t first, last;	/* pages it writes */
	uint32_t sweep_first, sweep_last;
	uint32_t next, sweep_next, turn;
	uint64_t start, writes, checks;
	pthread_t thread;
};

static uint32_t mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x85ebca6bu;
	x ^= x >> 13;
	return x;
}

struct want {
	uint32_t index, iter, head[HEAD], base, base0, changed;
	int zero, zero0, text;
};

static void want_page(struct want *w, uint32_t index, uint32_t iter)
{
	memset(w, 0, sizeof(*w));
	w->index = index;
	w->iter = iter;
	w->text = params.content == CONTENT_TEXT;
	w->zero0 = params.content == CONTENT_ZERO;
	w->zero = w->zero0 && !(iter & 1);
	w->changed = (params.bytes - 8) / 4;
	w->base0 = mix(index ^ (uint32_t)params.seed);
	w->base = mix(w->base0 + iter * GOLDEN);
	if (w->zero)
		return;
	w->head[0] = MAGIC ^ index;
	w->head[1] = params.seed;
	w->head[2] = iter;
	w->head[3] = mix(w->head[0] + mix(w->head[1] + iter * GOLDEN));
}

/* Text: one pseudo-random byte and three that repeat; zstd makes about a third of it. */
static uint32_t want_word(const struct want *w, uint32_t i)
{
	int changes = i < HEAD + w->changed;
	uint32_t x;

	if (i < HEAD)
		return w->head[i];
	if (changes ? w->zero : w->zero0)
		return 0;
	x = mix((changes ? w->base : w->base0) + i * GOLDEN);
	return w->text ? (x & 0xff) | 0x6b6d6700 : x;
}

/* Guest physical address of ours, as far as the kernel tells (proc(5), pagemap). */
static unsigned long long physical(const void *p)
{
	uint64_t entry = 0, at = (uintptr_t)p / PAGE * sizeof(entry);
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), at) != sizeof(entry))
		entry = 0;
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

static int check_word(const struct want *w, const volatile uint32_t *at, uint32_t i)
{
	uint32_t wanted = want_word(w, i), got = at[i];

	if (got == wanted)
		return 1;
	counters.wrong++;
	say("guest: WRONG page=%u gpa=0x%llx word=%u expected=0x%x got=0x%x iteration=%u "
	    "holds=%u", w->index, physical((const void *)at), i, wanted,
	    got, w->iter, at[2]);
	return 0;
}

static void check_page(const struct want *w, uint32_t from, uint32_t step)
{
	const volatile uint32_t *at = pages + (size_t)w->index * WORDS;
	uint32_t i;

	for (i = 0; i < HEAD; i++)
		if (!check_word(w, at, i))
			return;
	for (i = HEAD + from; i < WORDS; i += step)
		if (!check_word(w, at, i))
			return;
	counters.verified++;
}

static void store_page(const struct want *w, uint32_t words)
{
	volatile uint32_t *to = pages + (size_t)w->index * WORDS;
	uint32_t i;

	for (i = 0; i < words; i++)
		to[i] = want_word(w, i);
}

static void write_next(struct worker *k)
{
	struct want w;

	k->turn = (k->turn + 61) % (WORDS / SAMPLES);
	want_page(&w, k->next, iteration[k->next]);
	check_page(&w, k->turn, WORDS / SAMPLES);
	if (params.content != CONTENT_SILENT)
		want_page(&w, k->next, ++iteration[k->next]);
	store_page(&w, HEAD + w.changed > WORDS ? WORDS : HEAD + w.changed);
	counters.writes++;
	k->writes++;
	if (++k->next == k->last)
		k->next = k->first;
}

static void sweep_next(struct worker *k)
{
	struct want w;

	want_page(&w, k->sweep_next, iteration[k->sweep_next]);
	check_page(&w, 0, 1);
	k->checks++;
	if (++k->sweep_next < k->sweep_last)
		return;
	k->sweep_next = k->sweep_first;
	counters.sweeps++;
}

/* How much this thread should have done since its start; what it missed by far it skips. */
static int due(struct worker *k, uint64_t rate, uint64_t *done, uint64_t now)
{
	uint64_t target = (__uint128_t)(now - k->start) * rate / nthreads / 1000000000;
	uint64_t most = rate / nthreads * CATCH_UP_NS / 1000000000 + 1;

	if (!rate)
		return 1;
	if (target > *done + most)
		*done = target - most;
	return *done < target;
}

static void *work(void *arg)
{
	struct timespec step = { 0, STEP_NS };
	struct worker *k = arg;
	uint64_t now;
	int busy;

	k->start = now_ns();
	for (;;) {
		now = now_ns();
		busy = 0;
		if (k->first < k->last && due(k, params.rate, &k->writes, now)) {
			write_next(k);
			busy = 1;
		}
		if (params.sweep && k->sweep_first < k->sweep_last &&
		    due(k, params.sweep, &k->checks, now)) {
			sweep_next(k);
			busy = 1;
		}
		if (!busy)
			nanosleep(&step, NULL);
	}
	return NULL;
}

static void lay_out(void)
{
	struct sysinfo info = { 0 };
	struct want w;
	uint32_t i;

	sysinfo(&info);
	if (!params.mem)
		params.mem = (uint64_t)info.freeram * info.mem_unit / 2;
	npages = params.mem / PAGE;
	nwritten = params.ws ? params.ws / PAGE : npages / 2;
	if (nwritten > npages)
		nwritten = npages;
	pages = mmap(NULL, (size_t)npages * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	iteration = calloc(npages, sizeof(*iteration));
	if (pages == MAP_FAILED || !iteration) {
		say("guest: PANIC no memory");
		for (;;)
			pause();
	}
	for (i = 0; i < npages; i++) {
		want_page(&w, i, 0);
		store_page(&w, WORDS);
	}
}

/* Each thread writes its share and sweeps its share of the pages that nobody writes. */
void memory_start(void)
{
	struct worker *k;
	uint32_t i, rest;

	lay_out();
	nthreads = params.threads ? params.threads : (uint64_t)get_nprocs();
	rest = npages - nwritten;
	k = calloc(nthreads, sizeof(*k));
	for (i = 0; k && i < nthreads; i++) {
		k[i].first = k[i].next = (uint64_t)nwritten * i / nthreads;
		k[i].last = (uint64_t)nwritten * (i + 1) / nthreads;
		k[i].sweep_first = nwritten + (uint64_t)rest * i / nthreads;
		k[i].sweep_last = nwritten + (uint64_t)rest * (i + 1) / nthreads;
		k[i].sweep_next = k[i].sweep_first;
		if (pthread_create(&k[i].thread, NULL, work, &k[i]))
			say("guest: PANIC no thread");
	}
	/* Addresses of either kind of page, for tests that spoil one. */
	say("guest: ready written=%u filled=%u threads=%u seed=%llu written_gpa=0x%llx "
	    "filled_gpa=0x%llx", nwritten, rest, nthreads, (unsigned long long)params.seed,
	    physical(pages + (size_t)nwritten / 2 * WORDS),
	    physical(pages + (size_t)(nwritten + rest / 2) * WORDS));
}
