/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of one simulated move (sim.h). */
#ifndef KM_SIM_PRIV_H
#define KM_SIM_PRIV_H

#include "sim.h"
#include "xfer/bits.h"
#include "xfer/chooser.h"
#include "xfer/pace.h"
#include "xfer/pagecache.h"
#include "xfer/wire.h"
#include "xfer/worth.h"

#define SIM_STEP_MS 1.0

/* Contents are numbers: that of a page's last write, 0 for zeroes. */
struct sim_guest {
	const struct km_sim_guest *is;
	uint64_t pages, random;
	uint32_t *content;
	uint64_t first[KM_SIM_REGIONS_MAX], next[KM_SIM_REGIONS_MAX];
	double due[KM_SIM_REGIONS_MAX]; /* writes, less than one */
	struct km_bits log;		/* KVM's */
	bool stopped;
};

/* A stream of the relay. */
struct sim_lane {
	struct km_pagecache *cache;
	struct km_worth worth;
	double cpu_ns; /* that it has left of this step */
	uint64_t carried, queued, idle_ns;
};

/* A message on its way. */
struct sim_msg {
	unsigned int lane, pages;
	uint32_t bytes; /* of it that are left */
};

#define SIM_QUEUE 4096

struct sim {
	const struct km_sim_hosts *hosts;
	const struct km_sim_goal *goal;
	struct km_sim_result *r;
	double now_ms; /* since the first page */
	struct sim_guest guest;

	/* QEMU's */
	struct km_bits bitmap;
	uint64_t cursor;
	uint64_t handed_bytes, seen_bytes; /* now and at its last look */
	double qemu_due;		   /* pages that it may hand over, of this step */
	double qemu_bytes_per_s;	   /* by its last look */
	double limit_ms;
	uint64_t remaining; /* as it says */
	bool listed_all;

	/* the relay's */
	struct km_ledger *ledger;
	struct km_pace pace;
	struct sim_lane lane[KM_STREAMS_MAX];
	uint32_t *sent; /* the content sent last; UINT32_MAX: none */
	uint8_t *times; /* it was sent, up to 2 */
	uint64_t listed, sent_pages, acked, backlog_cap, list_until;
	uint64_t content_listed, content_seen, content_until;
	uint64_t paced_pages, paced_zero, paced_bytes, payload;

	/* the link's */
	struct sim_msg queue[SIM_QUEUE];
	unsigned int head, waiting;
	double link_due; /* bytes */
	uint64_t carried;
};

int km_sim_guest_init(struct sim_guest *g, const struct km_sim_guest *is, uint64_t seed);
void km_sim_guest_free(struct sim_guest *g);
void km_sim_guest_step(struct sim_guest *g);
/* Of which part the page is. */
const struct km_sim_region *km_sim_region_of(const struct sim_guest *g, uint64_t page);

struct km_sum km_sim_sum(const struct sim_guest *g, uint64_t page);
uint64_t km_sim_backlog(const struct sim *s);
void km_sim_lanes_step(struct sim *s);
void km_sim_link_step(struct sim *s);

#endif
