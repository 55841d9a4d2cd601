// SPDX-License-Identifier: GPL-2.0
#include "guestmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
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
	/* Of a destination's: a bit a page, set if the file has something there; NULL: not known. */
	_Atomic uint64_t *filled;
	int fd;		     /* or -1 */
	off_t at;	     /* where the block begins in it */
	_Atomic bool by_map; /* is written by the map alone */
};

struct km_guestmem {
	pid_t pid;
	unsigned int n;
	struct region r[KM_BLOCKS_MAX];
};

static const uint8_t zeros[KM_PAGE_SIZE];

/* write(2) of a page that the file does not have takes half of the CPU time that a fault takes
 * (there is nothing to be cleared, no exception), but holds the inode's lock, whatever the page. */
#define WRITERS_MAX 2

static const struct km_block *find(const struct km_blocks *blocks, const char *name)
{
	for (unsigned int i = 0; i < blocks->n; i++)
		if (!strcmp(blocks->b[i].name, name))
			return &blocks->b[i];
	return NULL;
}

static void fill(struct region *r, uint64_t index)
{
	if (r->filled)
		atomic_fetch_or_explicit(&r->filled[index / 64], 1ull << index % 64,
					 memory_order_relaxed);
}

static bool is_filled(const struct region *r, uint64_t index)
{
	return !r->filled || atomic_load_explicit(&r->filled[index / 64], memory_order_relaxed) &
				     1ull << index % 64;
}

/* lseek(2): a file system that can't tell says that all is data, which is as good as not known. */
static void find_filled(struct region *r)
{
	off_t from = r->at, end = from + (off_t)r->bytes, at = from, hole;
	int fd = r->fd;

	r->filled = calloc((r->bytes / KM_PAGE_SIZE + 63) / 64, sizeof(*r->filled));
	while (r->filled && at < end && (at = lseek(fd, at, SEEK_DATA)) >= 0 && at < end) {
		hole = lseek(fd, at, SEEK_HOLE);
		if (hole < 0)
			break;
		for (; at < hole && at < end; at += KM_PAGE_SIZE)
			fill(r, (uint64_t)(at - from) / KM_PAGE_SIZE);
	}
	if (at >= end || (at < 0 && errno == ENXIO)) /* no data up to the file's end */
		return;
	free(r->filled);
	r->filled = NULL;
}

/* Maps the file that the VMM has mapped. */
static bool open_map(struct region *r, const struct km_block *b)
{
	int fd = open(b->map_path, O_RDWR | O_CLOEXEC);
	void *map;

	if (fd < 0)
		return false;
	r->at = (off_t)b->map_offset;
	map = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, r->at);
	if (map == MAP_FAILED) {
		close(fd);
		return false;
	}
	r->map = map;
	r->reach = KM_REACH_MAP;
	r->fd = fd;
	return true;
}

static void close_file(struct region *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

static int open_region(struct region *r, const struct km_block *b, uint64_t bytes,
		       enum km_guestmem_use use)
{
	void *map;

	r->bytes = bytes;
	if (b && b->used_bytes >= bytes && b->hva && b->backing == KM_BACKING_SHARED &&
	    b->map_path[0] && open_map(r, b)) {
		if (use == KM_GUESTMEM_DESTINATION)
			find_filled(r);
		else
			close_file(r);
		return 0;
	}
	if (b && b->used_bytes >= bytes && b->hva) {
		r->hva = b->hva;
		r->reach = KM_REACH_VM;
		return 0;
	}
	if (use != KM_GUESTMEM_SOURCE)
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
		     const struct km_ledger *ledger, enum km_guestmem_use use, struct km_err *err)
{
	struct km_guestmem *g = calloc(1, sizeof(*g));

	if (!g)
		return km_err_set(err, -ENOMEM, "out of memory");
	g->pid = pid;
	g->n = km_ledger_blocks(ledger);
	for (uint32_t i = 0; i < g->n; i++)
		g->r[i].fd = -1;
	for (uint32_t i = 0; i < g->n; i++) {
		const char *name = km_ledger_block_name(ledger, i);
		uint64_t bytes = km_ledger_block_pages(ledger, i) * KM_PAGE_SIZE;
		int rc = open_region(&g->r[i], find(blocks, name), bytes, use);

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
	for (unsigned int i = 0; i < g->n; i++) {
		if (g->r[i].map)
			munmap(g->r[i].map, g->r[i].bytes);
		close_file(&g->r[i]);
		free(g->r[i].filled);
	}
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
	struct region *r = &g->r[block];
	struct iovec local = { .iov_base = (void *)(uintptr_t)(data ? data : zeros),
			       .iov_len = KM_PAGE_SIZE };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)(r->hva + index * KM_PAGE_SIZE),
				.iov_len = KM_PAGE_SIZE };

	if (!data && !is_filled(r, index))
		return 0;
	if (r->map) {
		fill(r, index);
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

/* Pages in a row with content, into the file.  1: that can't be done. */
static int write_file(struct region *r, uint64_t first, unsigned int n,
		      const uint8_t *const *content, struct km_err *err)
{
	struct iovec iov[KM_WIRE_PAGES_MAX];
	off_t at = r->at + (off_t)(first * KM_PAGE_SIZE);
	ssize_t got;

	if (n > KM_WIRE_PAGES_MAX || r->fd < 0 || r->by_map)
		return 1;
	for (unsigned int i = 0; i < n; i++) {
		fill(r, first + i);
		iov[i].iov_base = (void *)(uintptr_t)content[i];
		iov[i].iov_len = KM_PAGE_SIZE;
	}
	got = pwritev(r->fd, iov, (int)n, at);
	if (got == (ssize_t)n * KM_PAGE_SIZE)
		return 0;
	if (got >= 0 || errno == ENOSPC || errno == EDQUOT || errno == ENOMEM)
		return km_err_set(err, -ENOMEM, "no memory for the guest's pages: %s",
				  strerror(got >= 0 ? ENOSPC : errno));
	r->by_map = true; /* as hugetlbfs, which has no write() */
	return 1;
}

void km_guestmem_writers(struct km_guestmem *g, unsigned int n)
{
	for (unsigned int i = 0; i < g->n; i++)
		g->r[i].by_map = n > WRITERS_MAX;
}

int km_guestmem_write_pages(struct km_guestmem *g, uint32_t block, const uint64_t *index,
			    const uint8_t *const *content, unsigned int n, struct km_err *err)
{
	for (unsigned int i = 0, k; i < n; i = k) {
		int rc = 1;

		for (k = i + 1; k < n && content[i] && content[k] && index[k] == index[k - 1] + 1;)
			k++;
		if (content[i])
			rc = write_file(&g->r[block], index[i], k - i, content + i, err);
		for (unsigned int j = i; rc == 1 && j < k; j++) {
			int one = km_guestmem_write(g, block, index[j], content[j], err);

			if (one)
				return one;
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

const uint8_t *km_guestmem_look(const struct km_guestmem *g, uint32_t block, uint64_t index)
{
	const struct region *r = &g->r[block];

	return r->map ? r->map + index * KM_PAGE_SIZE : NULL;
}

uint8_t *km_guestmem_page(struct km_guestmem *g, uint32_t block, uint64_t index)
{
	struct region *r = &g->r[block];

	if (!r->map)
		return NULL;
	fill(r, index);
	return r->map + index * KM_PAGE_SIZE;
}
