// SPDX-License-Identifier: GPL-2.0
/*
 * dirtier rounds PAGES ROUNDS: a guest that dirties known pages while its VMM tracks them.
 * dirtier huge PAGES ROUNDS: the same, of huge pages, which are split when tracking begins.
 * dirtier contend PAGES: one that touches new pages while its VMM clears the log, and while
 *	two threads want another lock, which isn't the VM's.
 *
 * Two vCPUs. In each round the first writes to PAGES pages and the second to half as many
 * others, each page once, and then the log is fetched and cleared. Every page was mapped
 * before, so each write is to a page that is protected and nothing else. Starts at a line on
 * standard input, and says what it did, and how long the ioctls took by its own clock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "vmm.h"

#define HUGE_PAGES 512
#define FILE_BYTES (4 << 20)

static struct vmm vmm;
static uint32_t lists[2][VMM_MAX_WRITES];
static uint64_t *bitmap;
static unsigned int calls;
static bool quiet;

/* Both at the same time. */
static void write_both(const size_t nr[2], uint32_t value)
{
	for (unsigned int i = 0; i < 2; i++)
		vmm_start(&vmm, i, lists[i], nr[i], value);
	for (unsigned int i = 0; i < 2; i++)
		must(vmm_wait(&vmm, i), "the guest");
}

/* Says how long the second took. */
static uint64_t fetch_and_clear(uint64_t *get_ns)
{
	uint64_t start = now_ns();

	must(vmm_harvest(&vmm, bitmap), "KVM_GET_DIRTY_LOG");
	*get_ns += now_ns() - start;
	start = now_ns();
	must(vmm_clear(&vmm, bitmap), "KVM_CLEAR_DIRTY_LOG");
	calls++;
	return now_ns() - start;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void rounds(const size_t nr[2], uint32_t n)
{
	uint64_t get_ns = 0, clear_ns = 0, write_ns = 0, *clears = calloc(n, sizeof(*clears));

	for (uint32_t round = 0; round < n; round++) {
		uint64_t start = now_ns();

		write_both(nr, round + 2);
		write_ns += now_ns() - start;
		clears[round] = fetch_and_clear(&get_ns);
		clear_ns += clears[round];
	}
	qsort(clears, n, sizeof(*clears), by_size);
	printf("{\"faults\": [%zu, %zu], \"calls\": %u, \"write_ns\": %llu, \"get_ns\": %llu, "
	       "\"clear_ns\": %llu, \"clear_median_ns\": %llu}\n",
	       nr[0] * n, nr[1] * n, calls, (unsigned long long)write_ns,
	       (unsigned long long)get_ns, (unsigned long long)clear_ns,
	       (unsigned long long)clears[n / 2]);
	free(clears);
}

/* The lock of an open file's position, which is taken when the file is open twice. */
static void *quarrel(void *arg)
{
	const int *fd = arg;
	char *buffer = malloc(FILE_BYTES);

	while (!__atomic_load_n(&quiet, __ATOMIC_RELAXED)) {
		lseek(*fd, 0, SEEK_SET);
		if (read(*fd, buffer, FILE_BYTES) < 0)
			exit(1);
		usleep(1000);
	}
	free(buffer);
	return NULL;
}

/* New pages take mmu_lock, which is taken for writing while the log is cleared. */
static void contend(size_t pages)
{
	static const size_t one[2] = { 1, 0 };
	int fd = fileno(tmpfile()), again = dup(fd);
	uint64_t ignored = 0;
	pthread_t threads[2];

	must(ftruncate(fd, FILE_BYTES) || again < 0, "a file");
	write_both(one, 1); /* now a tracer has seen this VM */
	for (int i = 0; i < 2; i++)
		must(pthread_create(&threads[i], NULL, quarrel, &fd), "a thread");
	vmm_start(&vmm, 0, lists[0], pages, 2);
	while (sem_trywait(&vmm.vcpus[0].done))
		fetch_and_clear(&ignored);
	must(vmm.vcpus[0].result, "the guest");
	__atomic_store_n(&quiet, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("{\"calls\": %u}\n", calls);
}

int main(int argc, char **argv)
{
	struct vmm_options options = { .vcpus = 2, .manual = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE };
	bool huge, contended;
	uint32_t step = 1;
	size_t nr[2];

	if (argc < 3)
		return 2;
	contended = !strcmp(argv[1], "contend");
	huge = !strcmp(argv[1], "huge");
	nr[0] = (size_t)atol(argv[2]);
	nr[1] = huge || contended ? 0 : nr[0] / 2;
	if (huge) {
		step = HUGE_PAGES;
		options.backing = VMM_HUGETLB;
	}
	options.pages = (uint32_t)(nr[0] + nr[1]) * step;
	must(vmm_open(&vmm, &options), "no VM");
	bitmap = calloc(1, vmm_bitmap_bytes(&vmm));
	for (uint32_t page = 0; page < nr[0] + nr[1]; page++)
		lists[page >= nr[0]][page % nr[0]] = page * step;
	if (!contended)
		write_both(nr, 1);
	getchar();
	must(vmm_log(&vmm, true), "dirty logging");
	if (contended)
		contend(nr[0]);
	else
		rounds(nr, (uint32_t)atol(argv[3]));
	must(vmm_log(&vmm, false), "dirty logging");
	vmm_close(&vmm);
	return 0;
}
