/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a move would be like: a guest, its QEMU, CPUs and a link, in steps of a millisecond, and
 * between them the transfer's own ledger, chooser, pace, page cache and sense of when packing pays.
 * Each thread has one CPU at most, and all of a host's together what CPUs there are; the pages wait
 * for whichever runs out, a thread, a host's CPUs or the link.
 * Pure; the same numbers and seed give the same move.
 *
 * QEMU's part is that of 7.2: zero pages by the main channel, whole pages by multifd, a round ends
 * with a look at the log when what is left is below the threshold, and the threshold is the
 * throughput of the last 100 ms times the limit that the pace has set.
 */
#ifndef KM_REHEARSAL_H
#define KM_REHEARSAL_H

#include "costs.h"

#define KM_REH_REGIONS_MAX 512
#define KM_REH_ROUNDS_MAX  128

/* A part of the guest's RAM whose pages are alike. */
struct km_reh_region {
	uint64_t pages;
	double zero;		  /* the part of them that holds zeroes until it is written */
	double ratio;		  /* of the others when packed, after / before; 1: dense */
	double writes_per_s;	  /* of a page of it, whichever */
	bool in_turn;		  /* one after the other, not at random */
	bool silent;		  /* with what is there already */
	unsigned int write_bytes; /* that one write changes; 4096: all */
};

struct km_reh_guest {
	unsigned int regions;
	struct km_reh_region region[KM_REH_REGIONS_MAX];
};

enum km_reh_end { KM_REH_SOURCE, KM_REH_DESTINATION, KM_REH_ENDS };

/* The two hosts and what is between them. */
struct km_reh_hosts {
	double link_bytes_per_s, rtt_ms;
	struct km_costs costs; /* at both ends */
	bool tls;
	double cpus;	/* that a move may have, of each host's */
	bool same_host; /* both ends have these together */
	/* Of the source's QEMU, besides what costs have of it: its migration thread; all others, for
	 * a page with content. */
	double qemu_page_ns, qemu_other_ns;
	double threads_ns; /* of the source's kmigrate for one: its threads wake each other */
	double setup_ms;   /* before the first page */
	double other_ms;   /* of a pause, besides pages */
	/* CPU time of each kmigrate besides pages: once; of each second. */
	double setup_cpu_ms, idle_cpu_ms;
	unsigned int streams;
	uint64_t delta_bytes; /* of memory for deltas */
};

struct km_reh_goal {
	unsigned int max_pause_ms, deadline_ms; /* 0: no deadline, but an hour */
};

struct km_reh_round {
	double at_ms; /* its begin */
	uint64_t listed_pages, wire_bytes;
};

struct km_reh_result {
	bool moved; /* within the deadline, before 8 rounds in a row were no smaller, and with a
		     * pause of at most ten minutes */
	double total_ms, pause_ms;
	uint64_t wire_bytes, listed_pages;
	uint64_t zero_pages, raw_pages, packed_pages, delta_pages, same_pages, later_pages;
	double cpu_ms[KM_REH_ENDS]; /* of kmigrate, without QEMU */
	double cpus_busy; /* the part of the time of the busier host's, QEMU's included; 1: all */
	unsigned int rounds; /* those from KM_REH_ROUNDS_MAX on are not in the list */
	struct km_reh_round round[KM_REH_ROUNDS_MAX];
};

/* 0, -ENOMEM, or -EINVAL: no pages, no link, no CPU, no stream or too many. */
int km_rehearse(const struct km_reh_guest *guest, const struct km_reh_hosts *hosts,
		const struct km_reh_goal *goal, uint64_t seed, struct km_reh_result *r);

#endif
