/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module costs, as ratios of times that were taken side by side.
 *
 * A machine's speed drifts, and an emulated one's more than that. So what is compared is
 * measured in turn, in random order, many times, and each figure is the median of the
 * ratios of neighbours: no absolute time decides anything. A verdict is given only where the
 * interval in which that median lies, at 95 %, is on one side of what is wanted.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../kmod/nltrack.h"
#include "../kmod/vmm.h"

#define MAX_PAIRS	400

struct options {
	bool json, quick;
	bool count;			/* the clock counts instructions */
	const char *only;		/* a section, or NULL */
};

extern struct options options;

/* Ends the program if it doesn't understand them. */
void bench_parse(int argc, char **argv);

/* @full, or what is enough to see that the machinery works. */
static inline size_t how_many(size_t full, size_t quick)
{
	return options.quick ? quick : full;
}

/* Pairs of measurements: the module's and what it is compared with. */
struct pairs {
	size_t nr;
	double ours[MAX_PAIRS], theirs[MAX_PAIRS];
};

void pairs_add(struct pairs *pairs, double ours, double theirs);

struct row {
	const char *section, *name;
	const char *unit;		/* of both sides */
	double wanted;			/* the ratio is to be at most this; 0: for information */
#define WANTED_NONE	1e-9		/* it is to be 0 */
	const char *statistic;		/* what a value is of, if not of one measurement */
	bool unsure;			/* the control failed: no verdict */
};

/* Prints a row. What is wanted and not so, or not sure, is remembered. */
void report_pairs(const struct row *row, const struct pairs *pairs);
/* The same for a comparison of like with like: false if it finds them more than that apart. */
bool report_control(const struct row *row, const struct pairs *pairs, double precision);
void report_begin(void);
/* The exit status: 0 if all that is wanted is so, 1 if not, 4 if that can't be told. */
int report_end(void);

double mean(const double *values, size_t nr);
/* Sorts. */
double quantile(double *values, size_t nr, double q);

uint64_t now_ns(void);
uint32_t random_below(uint32_t limit);
/* 0 to nr - 1, or what @items holds, in random order. */
void shuffle(uint32_t *items, size_t nr);
/* @nr different pages below @span, in random order. */
void choose_pages(uint32_t *pages, size_t nr, uint32_t span);

/* Ends the program with what failed, if @err isn't 0. */
void must(int err, const char *what);

/* A VM of the benchmark: @pages of RAM in 4K pages, and more that is never touched. */
struct guest {
	struct vmm vmm;
	uint32_t session;
	struct nl_slot slots[16];	/* those that the VMM made */
	int nr_slots;
	uint64_t *bitmap[16];
	uint64_t last_ns;		/* of the module's last harvest */
};

void guest_open(struct guest *guest, struct nl *nl, uint32_t pages, uint64_t more_pages,
		uint64_t manual);
void guest_close(struct guest *guest, struct nl *nl);
/* Dirty logging of all slots. */
void guest_log(struct guest *guest, bool on);
/* How long the VMM takes to harvest all slots: KVM_GET_DIRTY_LOG, and _CLEAR_ if manual. */
double guest_get_ns(struct guest *guest);

/* The module's harvest: as it says itself, and until the asker knows that it is there. */
struct harvest_ns {
	double inside, wall;
};

struct harvest_ns guest_harvest(struct guest *guest, struct nl *nl);
void guest_drive(struct guest *guest, struct nl *nl);
void guest_undrive(struct guest *guest, struct nl *nl);

void bench_observe(struct nl *nl);
void bench_drive(struct nl *nl);
void bench_scale(struct nl *nl);
void bench_shares(struct nl *nl);

#endif
