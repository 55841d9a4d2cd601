// SPDX-License-Identifier: GPL-2.0
/* A destination's memory: what is written is there, and where nothing was needed nothing is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>
#include "ktap.h"
#include "xfer/guestmem.h"
#include "xfer/pagezero.h"

#define PAGES  256u
#define BEFORE 5 /* pages of the file in front of the block */

struct end {
	int fd;
	uint8_t *file; /* as its VMM sees it */
	struct km_ledger *blocks;
	struct km_blocks where;
	struct km_guestmem *mem;
	uint8_t page[4][KM_PAGE_SIZE];
};

/* The block begins within its file. */
static void make(struct end *e)
{
	memset(e, 0, sizeof(*e));
	e->fd = memfd_create("guest", MFD_CLOEXEC);
	if (e->fd < 0 || ftruncate(e->fd, (off_t)(BEFORE + PAGES) * KM_PAGE_SIZE))
		_exit(1);
	e->file = mmap(NULL, (size_t)(BEFORE + PAGES) * KM_PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED, e->fd, 0);
	for (int i = 0; i < 4; i++)
		memset(e->page[i], 0x11 * (i + 1), KM_PAGE_SIZE);
	e->where.n = 1;
	e->where.b[0] = (struct km_block){ .name = "ram",
					   .used_bytes = PAGES * KM_PAGE_SIZE,
					   .hva = KM_PAGE_SIZE,
					   .backing = KM_BACKING_SHARED,
					   .map_offset = (uint64_t)BEFORE * KM_PAGE_SIZE };
	snprintf(e->where.b[0].map_path, sizeof(e->where.b[0].map_path), "/proc/self/fd/%d", e->fd);
	e->blocks = km_ledger_new(1);
	km_ledger_add_block(e->blocks, "ram", PAGES * KM_PAGE_SIZE);
}

static void open_it(struct end *e)
{
	struct km_err err = { 0 };

	if (km_guestmem_open(&e->mem, getpid(), &e->where, e->blocks, KM_GUESTMEM_DESTINATION,
			     &err))
		_exit(1);
}

static void end(struct end *e)
{
	km_guestmem_close(e->mem);
	km_ledger_free(e->blocks);
	munmap(e->file, (size_t)(BEFORE + PAGES) * KM_PAGE_SIZE);
	close(e->fd);
}

static uint64_t pages_there(const struct end *e)
{
	struct stat st;

	return fstat(e->fd, &st) ? ~0ull : (uint64_t)st.st_blocks * 512 / KM_PAGE_SIZE;
}

static bool holds(const struct end *e, uint64_t index, uint8_t byte)
{
	const uint8_t *p = e->file + (BEFORE + index) * KM_PAGE_SIZE;

	for (unsigned int i = 0; i < KM_PAGE_SIZE; i++)
		if (p[i] != byte)
			return false;
	return true;
}

static int put(struct end *e, const uint64_t *index, const uint8_t *const *content, unsigned int n)
{
	struct km_err err = { 0 };

	return km_guestmem_write_pages(e->mem, 0, index, content, n, &err);
}

static void zeros_into_holes(bool *ok)
{
	const uint64_t all[] = { 0, 1, 2, 63, 64, PAGES - 1 };
	const uint8_t *nothing[6] = { NULL };
	struct end e;

	make(&e);
	open_it(&e);
	CHECK(!put(&e, all, nothing, 6));
	CHECK(pages_there(&e) == 0);
	for (unsigned int i = 0; i < 6; i++)
		CHECK(holds(&e, all[i], 0));
	end(&e);
}

/* What the VMM had put there before, as its ROMs, may be rewritten as zeroes. */
static void zeros_over_what_was(bool *ok)
{
	const uint64_t at[] = { 0, 7, PAGES - 1 };
	const uint8_t *nothing[3] = { NULL };
	struct end e;

	make(&e);
	for (unsigned int i = 0; i < 3; i++)
		e.file[(BEFORE + at[i]) * KM_PAGE_SIZE + 100] = 1;
	e.file[0] = e.file[BEFORE * KM_PAGE_SIZE - 1] = 9; /* not of the block */
	open_it(&e);
	CHECK(!put(&e, at, nothing, 3));
	for (unsigned int i = 0; i < 3; i++)
		CHECK(holds(&e, at[i], 0));
	CHECK(e.file[0] == 9 && e.file[BEFORE * KM_PAGE_SIZE - 1] == 9);
	end(&e);
}

/* In each way in which content comes. */
static void zeros_over_what_came(bool *ok)
{
	const uint64_t at[] = { 3, 4, 9 };
	const uint8_t *nothing[3] = { NULL };
	struct km_err err = { 0 };
	struct end e;

	make(&e);
	open_it(&e);
	CHECK(!put(&e, at, (const uint8_t *[]){ e.page[0], e.page[1], e.page[2] }, 3));
	CHECK(holds(&e, 3, 0x11) && holds(&e, 4, 0x22) && holds(&e, 9, 0x33));
	CHECK(!put(&e, at, nothing, 3));
	CHECK(holds(&e, 3, 0) && holds(&e, 4, 0) && holds(&e, 9, 0));
	CHECK(!km_guestmem_write(e.mem, 0, 20, e.page[0], &err) && holds(&e, 20, 0x11));
	CHECK(!km_guestmem_write(e.mem, 0, 20, NULL, &err) && holds(&e, 20, 0));
	memcpy(km_guestmem_page(e.mem, 0, 21), e.page[3], KM_PAGE_SIZE); /* as a delta is applied */
	CHECK(holds(&e, 21, 0x44));
	CHECK(!km_guestmem_write(e.mem, 0, 21, NULL, &err) && holds(&e, 21, 0));
	end(&e);
}

static void many_writers(bool *ok)
{
	const uint64_t at[] = { 100, 101, 102, 50 };
	struct end e;

	make(&e);
	open_it(&e);
	km_guestmem_writers(e.mem, 8);
	CHECK(!put(&e, at, (const uint8_t *[]){ e.page[0], NULL, e.page[2], e.page[3] }, 4));
	CHECK(holds(&e, 100, 0x11) && holds(&e, 101, 0) && holds(&e, 102, 0x33) &&
	      holds(&e, 50, 0x44));
	CHECK(pages_there(&e) == 3 || (pages_there(&e) == 4 && holds(&e, 101, 0)));
	end(&e);
}

/* Runs, gaps and zeroes in any order, against a plain copy. */
static void at_random(bool *ok)
{
	static uint8_t want[PAGES];
	unsigned int seed = 7;
	struct end e;

	make(&e);
	open_it(&e);
	for (unsigned int turn = 0; turn < 3000; turn++) {
		unsigned int n = 1 + (unsigned int)rand_r(&seed) % 16;
		uint64_t at = (unsigned int)rand_r(&seed) % PAGES, index[16];
		const uint8_t *content[16];

		for (unsigned int i = 0; i < n; i++) {
			int what = rand_r(&seed) % 6;

			index[i] = at;
			content[i] = what < 4 ? e.page[what] : NULL;
			want[at] = (uint8_t)(what < 4 ? 0x11 * (what + 1) : 0);
			at = (at + (rand_r(&seed) % 4 ? 1 : 5)) % PAGES;
		}
		CHECK(!put(&e, index, content, n));
	}
	for (unsigned int i = 0; i < PAGES; i++)
		CHECK(holds(&e, i, want[i]));
	end(&e);
}

/* A file that can't grow: an error, where a fault would be SIGBUS. */
static void no_room(bool *ok)
{
	const uint64_t at[] = { 10, 11 };
	struct rlimit before, little;
	struct km_err err = { 0 };
	struct end e;

	make(&e);
	open_it(&e);
	getrlimit(RLIMIT_FSIZE, &before);
	little = (struct rlimit){ (rlim_t)(BEFORE + 11) * KM_PAGE_SIZE, before.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &little);
	CHECK(km_guestmem_write_pages(e.mem, 0, at, (const uint8_t *[]){ e.page[0], e.page[1] }, 2,
				      &err) == -ENOMEM);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK(strstr(err.text, "no memory for the guest's pages"));
	end(&e);
}

static void zero_page(bool *ok)
{
	static _Alignas(8) uint8_t page[KM_PAGE_SIZE];

	CHECK(km_page_is_zero(page));
	for (unsigned int i = 0; i < KM_PAGE_SIZE; i++) {
		page[i] = 0x80;
		CHECK(!km_page_is_zero(page));
		page[i] = 0;
	}
}

static const struct ktap_case cases[] = {
	{ "guestmem: zeroes take no memory where there was none", zeros_into_holes },
	{ "guestmem: zeroes over what the VMM had put there", zeros_over_what_was },
	{ "guestmem: zeroes over what came before, in each way", zeros_over_what_came },
	{ "guestmem: more writers than the file's lock is for", many_writers },
	{ "guestmem: runs, gaps and zeroes at random", at_random },
	{ "guestmem: a file that can't grow is an error", no_room },
	{ "a page of zeroes but for one byte is none", zero_page },
};
KTAP_MAIN(cases)
