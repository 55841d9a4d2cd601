/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A look at a running guest's memory from outside: what its pages hold and how they change, by
 * samples that are spread over all of it.  It costs the guest nothing but the memory bandwidth of
 * reading 8,192 pages four times.  Pages that nobody has touched are there afterwards (at most
 * 36 MiB), and a write of what was there already is not seen.  Afterwards it is measured with some
 * of them what a page costs (calibrate.h).
 */
#ifndef KM_SURVEY_H
#define KM_SURVEY_H

#include "calibrate.h"
#include "fit.h"
#include "hot.h"
#include "model.h"

struct km_survey {
	uint64_t pages, reachable_pages; /* of RAM; those that could be looked at */
	unsigned int samples;
	double seconds;
	struct km_reh_guest guest;
	struct km_costs costs;
	struct km_hot hot;
	char hot_block[KM_NAME_MAX]; /* QEMU's name of its block */
	uint64_t hot_gpa;	     /* guest-physical; UINT64_MAX = not known */
};

/* Takes a little more than total_s, or until stop_fd becomes readable: -ECANCELED. */
int km_survey(const struct km_vm *vm, double total_s, double stream_bytes_per_s, int stop_fd,
	      struct km_survey *s, struct km_err *err);

#endif
