/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of one simulated move (rehearsal.h). */
#ifndef KM_REHEARSAL_PRIV_H
#define KM_REHEARSAL_PRIV_H

#include "rehearsal.h"
#include "xfer/bits.h"
#include "xfer/chooser.h"
#include "xfer/pace.h"
#include "xfer/pagecache.h"
#include "xfer/scout.h"
#include "xfer/wire.h"
#include "xfer/worth.h"

#define STEP_MS 1.0

/* Contents are numbers: that of a page's last write, 0 for zeroes. */
struct reh_guest {
	const struct km_reh_guest *is;
	uint64_t pages, random;
	uint32_t *content;
	uint64_t first[KM_REH_REGIONS_MAX], next[KM_REH_REGIONS_MAX];
	double due[KM_REH_REGIONS_MAX]; /* writes, less than one */
	struct km_bits log;		/* KVM's */
	bool stopped;
};

/* What a thread has left of a step; below 0: of the next one, too. */
struct reh_thread {
	double left_ns;
};

/* A stream of the relay. */
struct reh_lane {
	struct km_pagecache *cache;
	struct km_worth worth;
	struct reh_thread sender, receiver;
	uint64_t carried, queued, idle_ns;
};

/* A message on its way. */
struct reh_msg {
	unsigned int lane, pages;
	uint32_t bytes;	 /* of it that are left */
	double apply_ns; /* what is done with it when it is there */
};

/* Of a page, so far. */
enum reh_was { REH_READ = 1, REH_SENT = 2 };

#define QUEUE_MAX 4096

struct rehearsal {
	const struct km_reh_hosts *hosts;
	const struct km_reh_goal *goal;
	struct km_reh_result *r;
	double now_ms;		     /* since the first page */
	double cpus_ns[KM_REH_ENDS]; /* that a host's CPUs have left of this step */
	double used_ns[KM_REH_ENDS]; /* and have been used for, of all */
	struct reh_guest guest;

	/* QEMU's */
	struct km_bits bitmap;
	uint64_t cursor;
	double iterates_until_ms;
	bool iterates;			   /* it does not look at the threshold */
	unsigned int packet_left;	   /* pages for which there was room */
	uint64_t handed_bytes, seen_bytes; /* now and at its last look */
	struct reh_thread qemu;
	double qemu_bytes_per_s; /* by its last look */
	double limit_ms;
	uint64_t remaining; /* as it says */
	bool listed_all;
	uint64_t round_from, round_least; /* pages listed before it; of the smallest round */
	unsigned int no_smaller;	  /* rounds */

	/* the relay's */
	struct km_ledger *ledger;
	struct km_pace pace;
	struct km_scout scout;
	struct reh_lane lane[KM_STREAMS_MAX];
	struct reh_thread channels, main; /* what reads QEMU's; all channels together */
	uint32_t *sent;			  /* the content sent last; UINT32_MAX: none */
	uint8_t *was;			  /* enum reh_was */
	uint64_t listed, sent_pages, acked, backlog_cap, list_until, pages_until;
	unsigned int take_pages;
	uint64_t content_listed, content_seen, content_until;
	uint64_t paced_pages, paced_zero, paced_bytes, payload;

	/* the link's */
	struct reh_msg queue[QUEUE_MAX];
	unsigned int head, waiting;
	double link_due; /* bytes */
	uint64_t carried;
};

/* rehearsal_cpu.c: a step begins; whether a thread can go on; it has. */
void km_reh_cpus_step(struct rehearsal *s);
bool km_reh_can(const struct rehearsal *s, enum km_reh_end end, const struct reh_thread *t);
void km_reh_work(struct rehearsal *s, enum km_reh_end end, struct reh_thread *t, double ns);
/* QEMU's migration thread, and its others, which are nobody's of kmigrate. */
void km_reh_qemu_works(struct rehearsal *s, double ns, double other_ns);
/* The part of its CPUs' time that the busier host has used. */
double km_reh_busy(const struct rehearsal *s);
/* How much longer than its CPU time something takes. */
double km_reh_slowness(const struct rehearsal *s);

int km_reh_guest_init(struct reh_guest *g, const struct km_reh_guest *is, uint64_t seed);
void km_reh_guest_free(struct reh_guest *g);
void km_reh_guest_step(struct reh_guest *g);
/* Of which part the page is. */
const struct km_reh_region *km_reh_region_of(const struct reh_guest *g, uint64_t page);

struct km_sum km_reh_sum(const struct reh_guest *g, uint64_t page);
struct km_sum km_reh_zero_sum(void); /* of a page of zeroes */
uint64_t km_reh_backlog(const struct rehearsal *s);
void km_reh_lanes_step(struct rehearsal *s);
void km_reh_link_step(struct rehearsal *s);

#endif
