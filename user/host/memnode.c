// SPDX-License-Identifier: GPL-2.0
#include "memnode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* TCG's translation buffer is executable; RAM is not. */
static uint64_t ram_size(const struct km_map *m)
{
	return m->write && !m->exec ? m->end - m->start : 0;
}

size_t km_memnode_sample(const struct km_map *maps, size_t n, uint64_t *addr, size_t max)
{
	uint64_t largest = 0, total = 0, step, at = 0;
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (ram_size(&maps[i]) > largest)
			largest = ram_size(&maps[i]);
	for (size_t i = 0; i < n; i++)
		if (ram_size(&maps[i]) >= largest / 16)
			total += ram_size(&maps[i]);
	if (!total || !max)
		return 0;
	step = (total / max + KM_PAGE_SIZE) & ~(uint64_t)(KM_PAGE_SIZE - 1);
	for (size_t i = 0; i < n; i++) {
		uint64_t size = ram_size(&maps[i]);

		if (!size || size < largest / 16)
			continue;
		for (; at < size && count < max; at += step)
			addr[count++] = maps[i].start + at;
		if (at < size)
			break; /* enough */
		at -= size;
	}
	return count;
}

static int most_first(const void *a, const void *b)
{
	const struct km_place_mem *x = a, *y = b;

	if (x->share < y->share || x->share > y->share)
		return x->share < y->share ? 1 : -1;
	return (x->node > y->node) - (x->node < y->node);
}

static unsigned int shares(const unsigned int by_node[KM_NODES_MAX], struct km_place_mem *mem)
{
	unsigned int all = 0, count = 0;

	for (int i = 0; i < KM_NODES_MAX; i++)
		all += by_node[i];
	for (int i = 0; i < KM_NODES_MAX; i++) {
		if (!by_node[i])
			continue;
		mem[count].node = i;
		mem[count++].share = (double)by_node[i] / all;
	}
	qsort(mem, count, sizeof(mem[0]), most_first);
	return count;
}

unsigned int km_memnode_count(const int *status, size_t n, struct km_place_mem *mem)
{
	unsigned int pages[KM_NODES_MAX] = { 0 };

	for (size_t i = 0; i < n; i++)
		if (status[i] >= 0 && status[i] < KM_NODES_MAX)
			pages[status[i]]++; /* -ENOENT: nobody has touched that page yet */
	return shares(pages, mem);
}

unsigned int km_memnode_by_vcpus(const struct km_topo *t, const struct km_pin *pins, unsigned int n,
				 struct km_place_mem *mem)
{
	unsigned int vcpus[KM_NODES_MAX] = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		int first = km_cpus_next(&pins[i].cpus, 0);
		struct km_cpus node;

		if (strncmp(pins[i].who, "vCPU ", 5) || !km_cpus_has(&t->cpus, first))
			continue;
		km_topo_node(t, t->cpu[first].node, &node);
		if (km_cpus_within(&pins[i].cpus, &node))
			vcpus[t->cpu[first].node]++;
	}
	return shares(vcpus, mem);
}

static int ask(pid_t pid, uint64_t *addr, size_t n, struct km_place_mem *mem, unsigned int *nmem,
	       struct km_err *err)
{
	int *status = malloc((n + 1) * sizeof(*status));
	int rc = 0;

	if (!status)
		return km_err_set(err, -ENOMEM, "out of memory");
	memset(status, 0xff, (n + 1) * sizeof(*status));
	/* Without nodes to move them to, it only tells where pages are. */
	if (syscall(SYS_move_pages, pid, n, addr, NULL, status, 0) < 0)
		rc = km_err_set(err, -errno, "move_pages: %s", strerror(errno));
	if (!rc)
		*nmem = km_memnode_count(status, n, mem);
	if (!rc && !*nmem)
		rc = km_err_set(err, -ENODATA, "no page of it is in memory");
	free(status);
	return rc;
}

int km_memnode_read(pid_t pid, struct km_place_mem *mem, unsigned int *n, struct km_err *err)
{
	uint64_t *addr = malloc(KM_MEM_SAMPLE * sizeof(*addr));
	struct km_map *maps = NULL;
	size_t nmaps, count;
	int rc;

	*n = 0;
	if (!addr)
		return km_err_set(err, -ENOMEM, "out of memory");
	rc = km_maps_read(pid, &maps, &nmaps);
	if (rc) {
		km_err_set(err, rc, "/proc/%d/maps: %s", (int)pid, strerror(-rc));
	} else {
		count = km_memnode_sample(maps, nmaps, addr, KM_MEM_SAMPLE);
		rc = ask(pid, addr, count, mem, n, err);
	}
	free(maps);
	free(addr);
	return rc;
}
