/* SPDX-License-Identifier: GPL-2.0 */
/* The source's side of one move. */
#ifndef KM_SOURCE_H
#define KM_SOURCE_H

#include "creds.h"
#include "paths.h"
#include "placing.h"

/* What may be done, in this order, once the guest's rounds don't get smaller. Zeroes: wait. */
enum km_on_stall_way { KM_ON_STALL_WAIT, KM_ON_STALL_THROTTLE, KM_ON_STALL_ABORT };
struct km_on_stall {
	enum km_on_stall_way way[4]; /* the last is WAIT or ABORT */
};

struct km_source_opts {
	const char *host, *port;
	struct km_paths paths;	      /* of the streams */
	const struct km_creds *creds; /* NULL: plain TCP */
	unsigned int streams, max_pause_ms, peer_ms;
	unsigned int retry_ms;	  /* a link that breaks in pre-copy is redialled for; 0 = not */
	unsigned int deadline_ms; /* for the guest to be stopped, from the beginning; 0 = none */
	bool verify;
	bool trace; /* keep the guest-impact ledger */
	struct km_hold_wish hold;
	struct km_placing_wish place;
	uint64_t delta_bytes;		/* memory for deltas; 0 = none */
	uint64_t bandwidth_bytes_per_s; /* of all streams; 0 = as much as there is */
	unsigned int cpu_weight;	/* 0 = leave it alone */
	struct km_on_stall on_stall;
	const char *engine;  /* relay or qemu */
	const char *pin;     /* keep, relax or none */
	const char *storage; /* auto, mirror or shared */
	/* Called from the calling thread, about every 50 ms. Returns true to cancel. */
	bool (*tick)(void *ctx, const struct km_run *run, double elapsed_ms);
	void *ctx;
};

/* "throttle,abort"; NULL is wait. -EINVAL says why. Pure. */
int km_on_stall_parse(const char *text, struct km_on_stall *on, char why[KM_ERR_MAX]);

/* Moves vm; fills run in any case.  Returns 0 when the guest is at the
 * destination; after an error run->outcome says where it is. */
int km_source_run(const struct km_source_opts *o, const struct km_vm *vm, struct km_run *run,
		  struct km_err *err);

#endif
