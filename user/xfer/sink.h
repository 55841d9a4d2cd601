/* SPDX-License-Identifier: GPL-2.0 */
/* The destination's side of one move. */
#ifndef KM_SINK_H
#define KM_SINK_H

#include "../model.h"
#include "../opts.h"
#include "creds.h"

struct km_allow;
struct km_attached;

struct km_sink_result {
	enum km_outcome outcome; /* MOVED: runs here; STAYED: runs at the source */
	bool waits;		 /* the attached QEMU waits on, untouched */
	pid_t pid;
	char vm_name[KM_NAME_MAX];
	uint64_t pages;
	struct km_held hold;
	struct km_placed placed;
	unsigned int pinned; /* threads of the guest, as they were at the source */
	bool refused;	     /* its pinning or its disks can't be had here */
};

struct km_sink_opts {
	int listen_fd;
	unsigned int peer_ms;
	struct km_hold_wish hold;
	bool no_place;
	const struct km_creds *creds; /* NULL: plain TCP */
	const struct km_allow *allow; /* NULL with attach */
	struct km_opt_list replace, append;
	const char *storage_dir; /* where mirrored disks go; NULL: where they are at the source */
	bool overwrite_disks;
	struct km_attached *attach; /* take this QEMU (attach.h), NULL = start one */
	/* Somebody was sent away who is no source that may come here. */
	void (*refused)(void *ctx, const struct km_err *err);
	/* Called as soon as it is known how it ended; the source may still have to
	 * learn of it (sink.c). */
	void (*ended)(void *ctx, const struct km_sink_result *res, const struct km_err *err);
	void *ctx;
};

/* Serves one source from its first message to the end. Returns 0 when the
 * guest is here, else a negative errno; then no QEMU of this move is left, but
 * for an attached one that waits on. */
int km_sink_serve(const struct km_sink_opts *o, struct km_sink_result *res, struct km_err *err);

#endif
