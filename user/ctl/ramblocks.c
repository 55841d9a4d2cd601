// SPDX-License-Identifier: GPL-2.0
/*
 * Names from QEMU, addresses from QEMU, and neither believed alone: a wrong
 * host address would corrupt a guest.  A block gets one only when
 *
 *   - exactly one block can be meant by the region's name,
 *   - the first and the last page of every range that shows it lead to the same
 *     base, and so does QEMU's own HVA column where it has one,
 *   - /proc/PID/maps shows readable and writable memory of one kind over the
 *     whole of it, contiguous in its file if it has one.
 *
 * What fails a check stays without an address and is passed through.
 */
#include "ramblocks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <dirent.h>
#include "proc.h"
#include "ramtext.h"

#define ASK_MS	   5000
#define PROBES_MAX 64 /* a block on a PC has about 12 ranges */

struct evidence {
	uint64_t base; /* what the probes lead to */
	unsigned int probes;
	bool conflict;
	uint64_t gpa; /* of offset 0, by the ranges */
	bool gpa_split;
};

static int read_names(struct km_qmp *q, struct km_blocks *blocks, bool *has_hva, struct km_err *err)
{
	const char *text;
	char *hmp = NULL;
	json_t *ret;
	int rc = km_qmp_exec(q, "x-query-ramblock", NULL, &ret, ASK_MS, err);

	if (!rc) {
		text = json_string_value(json_object_get(ret, "human-readable-text"));
	} else if (rc == -EOPNOTSUPP) { /* before 6.2 only HMP has it */
		rc = km_qmp_hmp(q, "info ramblock", &hmp, ASK_MS, err);
		text = hmp;
	}
	if (rc)
		return rc;
	if (text)
		rc = km_ramtext_blocks(text, blocks, has_hva, err);
	else
		rc = km_err_set(err, -EPROTO, "QMP x-query-ramblock: no text in the answer");
	json_decref(ret);
	free(hmp);
	return rc;
}

/* The block that a region's name means, -1 when none or more than one could:
 * two devices' "vga.vram" can't be told apart. */
static int block_of(const struct km_blocks *blocks, const char *region)
{
	int found = -1;

	for (unsigned int i = 0; i < blocks->n; i++) {
		if (!km_ramtext_same_region(blocks->b[i].name, region))
			continue;
		if (found >= 0)
			return -1;
		found = (int)i;
	}
	return found;
}

static int probe(struct km_qmp *q, const struct km_range *r, uint64_t addr, struct evidence *ev,
		 struct km_err *err)
{
	char line[64];
	char name[256];
	char *text;
	uint64_t hva;
	uint64_t offset = r->offset + (addr - r->start);
	int rc;

	snprintf(line, sizeof(line), "gpa2hva 0x%" PRIx64, addr);
	rc = km_qmp_hmp(q, line, &text, ASK_MS, err);
	if (rc)
		return rc;
	rc = km_ramtext_gpa2hva(text, addr, name, &hva);
	free(text);
	/* The guest may have moved it since (a BAR, the BIOS's shadow): no evidence
	 * for or against. */
	if (rc || strcmp(name, r->name))
		return 0;
	if (hva < offset || (hva - offset) % KM_PAGE_SIZE)
		ev->conflict = true;
	else if (!ev->probes)
		ev->base = hva - offset;
	else if (ev->base != hva - offset)
		ev->conflict = true;
	ev->probes++;
	return 0;
}

static int probe_range(struct km_qmp *q, const struct km_range *r, const struct km_block *b,
		       struct evidence *ev, struct km_err *err)
{
	uint64_t last_page = r->last & ~(uint64_t)(KM_PAGE_SIZE - 1);
	uint64_t size = r->last - r->start + 1;
	uint64_t gpa = r->start - r->offset; /* wraps when offset 0 would lie below 0 */
	int rc;

	if (!size || size > b->used_bytes || r->offset > b->used_bytes - size) {
		ev->conflict = true; /* longer than the block: another region of that name */
		return 0;
	}
	if (r->start < r->offset || (ev->gpa != UINT64_MAX && ev->gpa != gpa))
		ev->gpa_split = true;
	ev->gpa = gpa;
	if (ev->probes >= PROBES_MAX)
		return 0;
	rc = probe(q, r, r->start, ev, err);
	if (!rc)
		rc = probe(q, r, last_page > r->start ? last_page : r->last, ev, err);
	return rc;
}

static int gather(struct km_qmp *q, const struct km_blocks *blocks, struct evidence *ev,
		  struct km_err *err)
{
	struct km_range *ranges;
	char *text;
	size_t n;
	int rc;

	rc = km_qmp_hmp(q, "info mtree -f", &text, ASK_MS, err);
	if (rc)
		return rc;
	rc = km_ramtext_ranges(text, &ranges, &n, err);
	free(text);
	for (size_t i = 0; !rc && i < n; i++) {
		int k = block_of(blocks, ranges[i].name);

		if (k >= 0)
			rc = probe_range(q, &ranges[i], &blocks->b[k], &ev[k], err);
	}
	free(ranges);
	return rc;
}

/* The mapping that holds the block's first byte, if the whole block lies in
 * read-write mappings of one kind, of one file, without a gap in either. */
static const struct km_map *covering(const struct km_map *maps, size_t n, uint64_t hva,
				     uint64_t bytes)
{
	const struct km_map *first = NULL;
	uint64_t at = hva;

	if (hva + bytes < hva)
		return NULL;
	for (size_t i = 0; i < n && at < hva + bytes; i++) {
		const struct km_map *m = &maps[i];

		if (m->end <= at)
			continue;
		if (m->start > at || !m->read || !m->write)
			return NULL;
		if (!first)
			first = m;
		if (m->shared != first->shared || m->inode != first->inode ||
		    m->major != first->major || m->minor != first->minor)
			return NULL;
		if (m->inode && m->offset - m->start != first->offset - first->start)
			return NULL;
		at = m->end;
	}
	return at >= hva + bytes ? first : NULL;
}

/* Can we map what the VMM has mapped?  Same inode, long enough, writable. */
static bool try_path(struct km_block *b, const struct km_map *m, bool check_dev, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	bool ok;

	if (fd < 0)
		return false;
	ok = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_ino == m->inode && st.st_size >= 0 &&
	     (uint64_t)st.st_size >= b->used_bytes &&
	     (uint64_t)st.st_size - b->used_bytes >= b->map_offset;
	if (ok && check_dev)
		ok = major(st.st_dev) == m->major && minor(st.st_dev) == m->minor;
	close(fd);
	if (ok)
		snprintf(b->map_path, sizeof(b->map_path), "%s", path);
	return ok;
}

/* map_files names exactly the mapping's file, but wants CAP_CHECKPOINT_RESTORE
 * (proc(5)); a descriptor of the same inode does for an ordinary user. */
static void find_map_path(struct km_block *b, const struct km_map *m, pid_t pid)
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	b->map_offset = m->offset + (b->hva - m->start);
	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid, m->start,
		 m->end);
	/* btrfs and overlayfs show other device numbers in maps than in stat. */
	if (try_path(b, m, false, path))
		return;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && !b->map_path[0] && (d = readdir(dir))) {
		struct stat st;

		/* stat first: opening a descriptor of another kind may have effects. */
		if (d->d_name[0] == '.' || fstatat(dirfd(dir), d->d_name, &st, 0) ||
		    !S_ISREG(st.st_mode) || st.st_ino != m->inode)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, atoi(d->d_name));
		try_path(b, m, true, path);
	}
	if (dir)
		closedir(dir);
	if (!b->map_path[0])
		b->map_offset = 0;
}

static void settle(struct km_block *b, const struct evidence *ev, const struct km_map *maps,
		   size_t n, pid_t pid)
{
	const struct km_map *m;
	uint64_t hva = b->hva; /* QEMU's column, or 0 */

	b->hva = 0;
	if (ev->conflict || (hva && ev->probes && ev->base != hva))
		return;
	if (!hva && ev->probes >= 2)
		hva = ev->base;
	if (!hva || hva % KM_PAGE_SIZE || !b->used_bytes)
		return;
	m = covering(maps, n, hva, b->used_bytes);
	if (!m)
		return;
	b->hva = hva;
	b->backing = km_map_backing(m);
	if (ev->probes && !ev->gpa_split)
		b->gpa = ev->gpa;
	if (m->shared)
		find_map_path(b, m, pid);
}

/* Two blocks can't have the same bytes. */
static void drop_overlaps(struct km_blocks *blocks)
{
	bool bad[KM_BLOCKS_MAX] = { false };

	for (unsigned int i = 0; i < blocks->n; i++)
		for (unsigned int k = 0; k < i; k++) {
			const struct km_block *a = &blocks->b[i];
			const struct km_block *b = &blocks->b[k];

			if (a->hva && b->hva && a->hva < b->hva + b->used_bytes &&
			    b->hva < a->hva + a->used_bytes)
				bad[i] = bad[k] = true;
		}
	for (unsigned int i = 0; i < blocks->n; i++)
		if (bad[i]) {
			blocks->b[i].hva = 0;
			blocks->b[i].gpa = UINT64_MAX;
			blocks->b[i].backing = KM_BACKING_UNKNOWN;
			blocks->b[i].map_path[0] = '\0';
			blocks->b[i].map_offset = 0;
		}
}

int km_ramblocks_read(struct km_qmp *q, pid_t pid, struct km_blocks *blocks, struct km_err *err)
{
	struct evidence ev[KM_BLOCKS_MAX];
	struct km_map *maps;
	bool has_hva;
	size_t n;
	int rc;

	memset(blocks, 0, sizeof(*blocks));
	rc = read_names(q, blocks, &has_hva, err);
	if (rc)
		return rc;
	memset(ev, 0, sizeof(ev));
	for (unsigned int i = 0; i < blocks->n; i++)
		ev[i].gpa = UINT64_MAX;
	rc = gather(q, blocks, ev, err);
	if (rc)
		return rc;
	rc = km_maps_read(pid, &maps, &n);
	if (rc)
		return km_err_set(err, rc, "/proc/%d/maps: %s", (int)pid, strerror(-rc));
	for (unsigned int i = 0; i < blocks->n; i++)
		settle(&blocks->b[i], &ev[i], maps, n, pid);
	free(maps);
	drop_overlaps(blocks);
	return 0;
}
