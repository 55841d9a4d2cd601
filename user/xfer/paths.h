/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The addresses by which one destination is reached, and which of them a stream goes by: each has
 * as many streams as the next. Pure.
 *
 * A page belongs to one stream for the whole move, and every stream has as many pages (ledger.h):
 * a move by paths that are not alike takes as long as the slowest of them does. An address that
 * is given twice has twice the streams.
 *
 * Where one of them is found to be down its streams go by the others.
 */
#ifndef KM_PATHS_H
#define KM_PATHS_H

#include "../model.h"

struct km_paths {
	unsigned int n; /* 0: streams go where the control connection goes */
	const char *address[KM_PATHS_MAX];
	bool down[KM_PATHS_MAX];
};

/* 0, or -EINVAL and why: too many, an empty one, or more than streams (0: not chosen yet). */
int km_paths_check(const struct km_paths *p, unsigned int streams, char why[KM_ERR_MAX]);
/* At least so many streams, and each path has the same number of them. */
unsigned int km_paths_streams(const struct km_paths *p, unsigned int streams);
/* Which of them the stream goes by; -1: there are none, or none is left. */
int km_paths_of(const struct km_paths *p, unsigned int stream);

#endif
