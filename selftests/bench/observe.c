// SPDX-License-Identifier: GPL-2.0
/*
 * What does it cost a guest whose VMM logs that the module looks on? The guest writes a
 * page each, the VMM harvests, and so on; the time that the guest takes for its writes
 * counts: with the module attached, tracking as well, and without the module.
 *
 * "Without" is with the module unloaded, so that nothing of KVM is patched. Each phase, those
 * without it included, comes after the module was loaded and attached: what that does to
 * caches and to an emulator's translations is the same for all. The four phases of a cycle
 * are in random order, within some seconds. Two of them are without the module: their ratio
 * is the control, and their mean is what the others are compared with.
 *
 * By time, what counts of a phase is the tenth of its short pieces of work that took least
 * (the 10 % quantile). Whatever else the machine does, or the machine that emulates it, makes
 * a piece slower and never faster, and most pieces when it is busy: means and medians are
 * mostly that. A piece is shorter than a scheduler's slice, so a part of them always runs
 * undisturbed. The hook is in every piece alike, as it runs for each page; so the quickest
 * show it as the others would, and they are the quickest of as many on either side. What it
 * takes to start the guest and to learn that it is done is measured by pieces without a
 * write, in the same way, and taken off.
 *
 * What isn't in them is tracking's own work, once in INTERVAL_MS. It is where executed
 * instructions are counted: there nothing disturbs, and the mean of all pieces counts.
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "../kmod/module.h"
#include "bench.h"

#define TRACEFS		"/sys/kernel/tracing"

#define RAM		16384		/* pages */
#define WRITES		4096		/* between harvests */
#define PIECE		64		/* writes that are timed together */
#define PIECES		(WRITES / PIECE)
#define ROUNDS		4		/* of a phase, after one that doesn't count */
#define INTERVAL_MS	100		/* kmigrate dirty's */
#define PRECISION	0.01

enum how { NOTHING, NOTHING_TOO, ATTACHED, TRACKED, HOWS };

struct bench {
	struct vmm vmm;
	uint32_t pages[WRITES], value;
	uint64_t bitmap[RAM / 64];
	double ns[ROUNDS * PIECES];
	double empty_ns[ROUNDS * PIECES];
};

static double write_ns(struct bench *bench, const uint32_t *pages, size_t nr)
{
	uint64_t start = now_ns();

	must(vmm_write(&bench->vmm, 0, pages, nr, bench->value), "the guest");
	return (double)(now_ns() - start);
}

static void one_round(struct bench *bench, unsigned int first)
{
	unsigned int i;

	bench->value++;
	for (i = 0; i < PIECES; i++) {
		bench->ns[first + i] = write_ns(bench, bench->pages + i * PIECE, PIECE);
		bench->empty_ns[first + i] = write_ns(bench, bench->pages, 0);
	}
	must(vmm_harvest(&bench->vmm, bench->bitmap), "KVM_GET_DIRTY_LOG");
}

static double typical(double *ns)
{
	return options.count ? mean(ns, ROUNDS * PIECES) : quantile(ns, ROUNDS * PIECES, 0.1);
}

/* How long the guest takes for a page. */
static double rounds(struct bench *bench)
{
	unsigned int i;

	/* Code was patched: caches are cold, and an emulator translates anew. */
	one_round(bench, 0);
	for (i = 0; i < ROUNDS; i++)
		one_round(bench, i * PIECES);
	return (typical(bench->ns) - typical(bench->empty_ns)) / PIECE;
}

static void track(struct nl *nl, uint32_t session)
{
	struct nl_track track;

	must(nl_track_start(nl, session, false, INTERVAL_MS), "KMIGRATE_CMD_TRACK_START");
	must(nl_track_wait(nl, session, KMIGRATE_TRACK_ON, &track), "tracking");
}

static double phase(struct bench *bench, enum how how)
{
	uint32_t session = 0;
	struct nl nl;
	double ns = 0;

	must(module_load(), "loading the module");
	must(nl_open(&nl), "the module");
	must(nl_attach(&nl, bench->vmm.vm, &session), "KMIGRATE_CMD_VM_ATTACH");
	must(module_is_hooked() ? 0 : -1, "hooking KVM");
	if (how == TRACKED)
		track(&nl, session);
	if (how == ATTACHED || how == TRACKED)
		ns = rounds(bench);
	must(nl_detach(&nl, session), "KMIGRATE_CMD_VM_DETACH");
	nl_close(&nl);
	must(module_unload_soon(), "unloading the module");
	must(module_is_hooked() ? -1 : 0, "unhooking KVM");
	if (how == NOTHING || how == NOTHING_TOO)
		ns = rounds(bench);
	return ns;
}

static void set_up(struct bench *bench)
{
	const struct vmm_options vmm_options = { .pages = RAM, .vcpus = 1 };

	if (mount("tracefs", TRACEFS, "tracefs", 0, NULL))
		must(errno == EBUSY ? 0 : -errno, "mounting tracefs");
	must(vmm_open(&bench->vmm, &vmm_options), "a VM");
	must(vmm_log(&bench->vmm, true), "dirty logging");
	choose_pages(bench->pages, WRITES, RAM);
}

static void report(const struct pairs *attached, const struct pairs *tracked,
		   const struct pairs *control)
{
	struct row row = {
		.section = "observe", .unit = "ns/page",
		.statistic = options.count ? "mean of a phase" : "10 % quantile of a phase",
	};

	row.name = "no module / no module";
	row.unsure = !report_control(&row, control, PRECISION);
	row.wanted = 1.03;
	row.name = "attached / no module";
	report_pairs(&row, attached);
	row.name = "tracked / no module";
	report_pairs(&row, tracked);
}

/* @nl is another one afterwards, as the module is. */
void bench_observe(struct nl *nl)
{
	/* Executed instructions hardly differ from time to time. */
	size_t i, h, nr = how_many(options.count ? 5 : 150, 2);
	static struct pairs attached, tracked, control;
	uint32_t order[HOWS] = { NOTHING, NOTHING_TOO, ATTACHED, TRACKED };
	static struct bench bench;
	double ns[HOWS];

	nl_close(nl);
	must(module_unload_soon(), "unloading the module");
	set_up(&bench);
	for (i = 0; i < nr; i++) {
		double without;

		shuffle(order, HOWS);
		for (h = 0; h < HOWS; h++)
			ns[order[h]] = phase(&bench, (enum how)order[h]);
		without = (ns[NOTHING] + ns[NOTHING_TOO]) / 2;
		pairs_add(&attached, ns[ATTACHED], without);
		pairs_add(&tracked, ns[TRACKED], without);
		pairs_add(&control, ns[NOTHING_TOO], ns[NOTHING]);
	}
	vmm_close(&bench.vmm);
	must(module_load(), "loading the module");
	must(nl_open(nl), "the module");
	report(&attached, &tracked, &control);
}
