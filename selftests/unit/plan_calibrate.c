// SPDX-License-Identifier: GPL-2.0
/* What a page costs here: of memory of this process's own. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "ktap.h"
#include "plan/calibrate.h"

#define BYTES (8u << 20)

struct guest {
	int fd;
	struct km_blocks where;
	struct km_ledger *blocks;
	struct km_guestmem *mem;
	struct km_specimens *of;
};

/* Specimens of a few words, and others that nothing can be made of. */
static void open_guest(struct guest *g, enum km_backing backing, bool *ok)
{
	struct km_block *b = &g->where.b[0];
	struct km_err err = { 0 };

	memset(g, 0, sizeof(*g));
	g->fd = memfd_create("plan_calibrate", MFD_CLOEXEC);
	CHECK(g->fd >= 0 && !ftruncate(g->fd, BYTES));
	g->where.n = 1;
	*b = (struct km_block){
		.name = "ram", .used_bytes = BYTES, .hva = 4096, .backing = backing
	};
	snprintf(b->map_path, sizeof(b->map_path), "/proc/self/fd/%d", g->fd);
	if (backing != KM_BACKING_SHARED)
		b->hva = 0;
	g->blocks = km_ledger_new(1);
	CHECK(km_ledger_add_block(g->blocks, "ram", BYTES) == 0);
	CHECK(!km_guestmem_open(&g->mem, getpid(), &g->where, g->blocks, KM_GUESTMEM_READ, &err));
	g->of = calloc(1, sizeof(*g->of));
	g->of->n = 40;
	g->of->light = 24;
	for (unsigned int i = 0; i < g->of->n; i++)
		for (unsigned int k = 0; k < KM_PAGE_SIZE; k++)
			g->of->page[i][k] = i < 24 ? (uint8_t) "etaoin shrdlu"[random() % 13] :
						     (uint8_t)random();
}

static void close_guest(struct guest *g)
{
	km_guestmem_close(g->mem);
	km_ledger_free(g->blocks);
	close(g->fd);
	free(g->of);
}

static void all(bool *ok)
{
	struct km_err err = { 0 };
	struct km_costs c;
	struct guest g;

	open_guest(&g, KM_BACKING_SHARED, ok);
	CHECK(!km_calibrate(g.mem, g.blocks, g.of, 60e6, &c, &err));
	if (err.code)
		printf("# %s\n", err.text);
	for (size_t i = 0; i < KM_COSTS; i++) {
		double v = *km_cost(&c, i);

		if (!(v > 0 && v < 1e9))
			printf("# %s: %g\n", km_cost_name(i), v);
		CHECK(v > 0 && v < 1e9);
	}
	/* A page that is touched for the first time takes a fault, and there is nothing that the
	 * second time would not do as well. In valgrind.sh copying takes far more than a fault. */
	if (!getenv("KM_SEEDS"))
		CHECK(c.read_first > c.read_again && c.write_first > c.write_again);
	close_guest(&g);
}

static void unreadable(bool *ok)
{
	struct km_err err = { 0 };
	struct km_costs c;
	struct guest g;

	open_guest(&g, KM_BACKING_ANON, ok); /* somewhere that nobody knows */
	CHECK(km_calibrate(g.mem, g.blocks, g.of, 60e6, &c, &err) == -ENOTSUP);
	CHECK(strstr(err.text, "can't be measured") && strstr(err.text, "can be read"));
	close_guest(&g);
}

static void names(bool *ok)
{
	struct km_costs c;

	for (size_t i = 0; i < KM_COSTS; i++)
		*km_cost(&c, i) = (double)i + 1;
	for (size_t i = 0; i < KM_COSTS; i++) {
		CHECK(fabs(*km_cost(&c, i) - (double)i - 1) < 1e-9); /* none has another's place */
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(km_cost_name(i), km_cost_name(k)));
	}
	km_costs_times(&c, 2.5);
	for (size_t i = 0; i < KM_COSTS; i++)
		CHECK(fabs(*km_cost(&c, i) - 2.5 * ((double)i + 1)) < 1e-9);
}

static const struct ktap_case cases[] = {
	{ "each has its name and its place", names },
	{ "everything that pages go through takes time", all },
	{ "a guest that can't be read", unreadable },
};
KTAP_MAIN(cases)
