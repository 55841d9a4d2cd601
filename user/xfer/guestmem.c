// SPDX-License-Identifier: GPL-2.0
#include "guestmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include "wire.h"

struct region {
	enum km_reach reach;
	uint8_t *map; /* MAP, SHADOW */
	uint64_t bytes, hva;
};

struct km_guestmem {
	pid_t pid;
	unsigned int n;
	struct region r[KM_BLOCKS_MAX];
};

static const uint8_t zeros[KM_PAGE_SIZE];

static const struct km_block *find(const struct km_blocks *blocks, const char *name)
{
	for (unsigned int i = 0; i < blocks->n; i++)
		if (!strcmp(blocks->b[i].name, name))
			return &blocks->b[i];
	return NULL;
}

static int open_region(struct region *r, const struct km_block *b, uint64_t bytes, bool shadow)
{
	void *map;
	int fd;

	r->bytes = bytes;
	if (b && b->used_bytes >= bytes && b->hva && b->backing == KM_BACKING_SHARED &&
	    b->map_path[0]) {
		fd = open(b->map_path, O_RDWR | O_CLOEXEC);
		if (fd >= 0) {
			map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				   (off_t)b->map_offset);
			close(fd);
			if (map != MAP_FAILED) {
				r->map = map;
				r->reach = KM_REACH_MAP;
				return 0;
			}
		}
	}
	if (b && b->used_bytes >= bytes && b->hva) {
		r->hva = b->hva;
		r->reach = KM_REACH_VM;
		return 0;
	}
	if (!shadow)
		return 0;
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (map == MAP_FAILED)
		return -errno;
	r->map = map;
	r->reach = KM_REACH_SHADOW;
	return 0;
}

int km_guestmem_open(struct km_guestmem **out, pid_t pid, const struct km_blocks *blocks,
		     const struct km_ledger *ledger, bool shadow, struct km_err *err)
{
	struct km_guestmem *g = calloc(1, sizeof(*g));

	if (!g)
		return km_err_set(err, -ENOMEM, "out of memory");
	g->pid = pid;
	g->n = km_ledger_blocks(ledger);
	for (uint32_t i = 0; i < g->n; i++) {
		const char *name = km_ledger_block_name(ledger, i);
		uint64_t bytes = km_ledger_block_pages(ledger, i) * KM_PAGE_SIZE;
		int rc = open_region(&g->r[i], find(blocks, name), bytes, shadow);

		if (rc) {
			km_guestmem_close(g);
			return km_err_set(err, rc, "no memory for a copy of block %s: %s", name,
					  strerror(-rc));
		}
	}
	*out = g;
	return 0;
}

void km_guestmem_close(struct km_guestmem *g)
{
	if (!g)
		return;
	for (unsigned int i = 0; i < g->n; i++)
		if (g->r[i].map)
			munmap(g->r[i].map, g->r[i].bytes);
	free(g);
}

enum km_reach km_guestmem_reach(const struct km_guestmem *g, uint32_t block)
{
	return g->r[block].reach;
}

static int read_vm(const struct km_guestmem *g, const struct region *r, const uint64_t *index,
		   unsigned int n, uint8_t *dst)
{
	struct iovec local = { .iov_base = dst, .iov_len = (size_t)n * KM_PAGE_SIZE };
	struct iovec remote[KM_WIRE_PAGES_MAX];
	ssize_t got;

	for (unsigned int i = 0; i < n; i++) {
		remote[i].iov_base = (void *)(uintptr_t)(r->hva + index[i] * KM_PAGE_SIZE);
		remote[i].iov_len = KM_PAGE_SIZE;
	}
	got = process_vm_readv(g->pid, &local, 1, remote, n, 0);
	if (got < 0)
		return -errno;
	return (size_t)got == local.iov_len ? 0 : -EFAULT;
}

int km_guestmem_read(struct km_guestmem *g, uint32_t block, const uint64_t *index, unsigned int n,
		     uint8_t *dst, struct km_err *err)
{
	const struct region *r = &g->r[block];
	int rc;

	if (r->map) {
		for (unsigned int i = 0; i < n; i++)
			memcpy(dst + (size_t)i * KM_PAGE_SIZE, r->map + index[i] * KM_PAGE_SIZE,
			       KM_PAGE_SIZE);
		return 0;
	}
	if (r->reach != KM_REACH_VM)
		return km_err_set(err, -EOPNOTSUPP, "block %u can't be read from outside", block);
	rc = read_vm(g, r, index, n, dst);
	return rc ? km_err_set(err, rc, "reading guest memory of process %d: %s", g->pid,
			       strerror(-rc)) :
		    0;
}

int km_guestmem_write(struct km_guestmem *g, uint32_t block, uint64_t index, const uint8_t *data,
		      struct km_err *err)
{
	const struct region *r = &g->r[block];
	struct iovec local = { .iov_base = (void *)(uintptr_t)(data ? data : zeros),
			       .iov_len = KM_PAGE_SIZE };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)(r->hva + index * KM_PAGE_SIZE),
				.iov_len = KM_PAGE_SIZE };

	if (r->map) {
		memcpy(r->map + index * KM_PAGE_SIZE, local.iov_base, KM_PAGE_SIZE);
		return 0;
	}
	if (r->reach != KM_REACH_VM)
		return -EOPNOTSUPP;
	if (process_vm_writev(g->pid, &local, 1, &remote, 1, 0) != KM_PAGE_SIZE)
		return km_err_set(err, -EFAULT, "writing guest memory of process %d: %s", g->pid,
				  strerror(errno));
	return 0;
}

uint8_t *km_guestmem_page(struct km_guestmem *g, uint32_t block, uint64_t index)
{
	const struct region *r = &g->r[block];

	return r->map ? r->map + index * KM_PAGE_SIZE : NULL;
}
