// SPDX-License-Identifier: GPL-2.0
/*
 * ledger [--json]: what the ledger of a move costs a page, for guests from 1 GiB to 1 TiB.  The
 * same 256 MiB of pages, in runs of 2 MiB that lie anywhere in the guest, are listed, taken and
 * settled again and again; the first time is left out, when the kernel gives memory to what is
 * touched.  And what memory it takes when every page of a guest of 1 GiB was listed.
 *
 * Exit status: 0 if at most 0.6 % of the guest's memory is taken, and a page costs at most twice
 * as much in 1 TiB as in 1 GiB; else 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "xfer/ledger.h"

#define STREAMS	 4
#define RUN	 512u /* pages */
#define RUNS	 128u
#define LISTED	 (RUN * RUNS)
#define TIMES	 9
#define GIB	 (1ull << 30)
#define MOST	 0.006
#define TIMES_AS 2.0

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void list(struct km_ledger *l, const uint64_t *runs, unsigned int nruns)
{
	for (unsigned int i = 0; i < nruns; i++)
		for (uint64_t k = 0; k < RUN; k++)
			if (km_ledger_list(l, (struct km_page){ 0, runs[i] * RUN + k }, 1) < 0)
				abort();
}

static uint64_t settle(struct km_ledger *l)
{
	struct km_taken pages[128];
	uint64_t all = 0;

	for (unsigned int s = 0; s < STREAMS; s++) {
		unsigned int n;

		while ((n = km_ledger_take(l, s, pages, 128))) {
			for (unsigned int i = 0; i < n; i++)
				km_ledger_set_sum(l, pages[i].page, (struct km_sum){ i + 1, all });
			km_ledger_done(l, s, n);
			all += n;
		}
	}
	return all;
}

static struct km_ledger *ledger(uint64_t bytes)
{
	struct km_ledger *l = km_ledger_new(STREAMS);

	if (!l || km_ledger_add_block(l, "ram", bytes) < 0) {
		fprintf(stderr, "bench: no memory for a ledger of %llu GiB\n",
			(unsigned long long)(bytes / GIB));
		exit(125);
	}
	return l;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double page_ns(uint64_t bytes)
{
	struct km_ledger *l = ledger(bytes);
	uint64_t runs[RUNS], stride = bytes / KM_PAGE_SIZE / RUN / RUNS;
	double ns[TIMES];

	srand(1);
	for (unsigned int i = 0; i < RUNS; i++) /* one in each part, at random */
		runs[i] = i * stride + (uint64_t)rand() % stride;
	for (int t = -1; t < TIMES; t++) {
		double begin = now_ns();

		list(l, runs, RUNS);
		if (settle(l) != LISTED)
			abort();
		if (t >= 0)
			ns[t] = (now_ns() - begin) / LISTED;
	}
	km_ledger_free(l);
	qsort(ns, TIMES, sizeof(*ns), by_size);
	return ns[TIMES / 2];
}

static uint64_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	if (!f || fscanf(f, "%*u %llu", &pages) != 1)
		exit(125);
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double page_bytes(void)
{
	uint64_t before = resident_bytes(), pages = GIB / KM_PAGE_SIZE;
	struct km_ledger *l = ledger(GIB);
	double bytes;

	for (uint64_t i = 0; i < pages / RUN; i++)
		list(l, &i, 1);
	if (settle(l) != pages)
		abort();
	bytes = (double)(resident_bytes() - before) / (double)pages;
	km_ledger_free(l);
	return bytes;
}

int main(int argc, char **argv)
{
	static const unsigned int gib[] = { 1, 16, 128, 1024 };
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	double bytes = page_bytes(), first = 0, last = 0;

	if (argc > 2 || (argc == 2 && !json)) {
		fprintf(stderr, "bench: %s: there is --json\n", argv[1]);
		return 2;
	}
	printf(json ? "{\"page_bytes\": %.2f, \"share_of_guest\": %.5f, \"sizes\": [" :
		      "memory   %.2f bytes a page, %.3f of the guest's\n",
	       bytes, bytes / KM_PAGE_SIZE);
	for (unsigned int i = 0; i < sizeof(gib) / sizeof(*gib); i++) {
		last = page_ns(gib[i] * GIB);
		first = i ? first : last;
		printf(json ? "%s{\"gib\": %u, \"page_ns\": %.1f, \"ratio\": %.3f}" :
			      "%s%6u GiB  %6.1f ns a page, %.2f times 1 GiB's\n",
		       json && i ? ", " : "", gib[i], last, last / first);
	}
	if (json)
		printf("]}\n");
	return bytes > MOST * KM_PAGE_SIZE || last > TIMES_AS * first;
}
