/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the move of one guest would be like: what is seen of the guest, what the link carries, the
 * goal, and the answer of the rehearsals.  `plan --vm` prints it; `run` does so before a move, with
 * what it sees itself or what an earlier plan has seen.
 */
#ifndef KM_PLAN_H
#define KM_PLAN_H

#include "../model.h"
#include "predict.h"
#include "survey.h"

struct km_plan {
	char vm[KM_NAME_MAX], uuid[40]; /* uuid: "" = not known */
	uint64_t ram_bytes;
	int64_t taken_s; /* Unix time of the look at the guest */
	struct km_survey survey;
	bool vcpus_known; /* by kmigrate.ko: */
	struct km_dirty dirty;
	char why_no_vcpus[KM_ERR_MAX];
	double link_bytes_per_s; /* 0 = not known yet */
	char link_by[64];	 /* how that is known */
	bool tls, same_host;	 /* as the move has it */
	unsigned int cpus;	 /* that kmigrate may run on; 0 = not known */
	double cpus_free;	 /* of them, while the guest was looked at; the other host's, too */
	struct km_reh_goal goal;
	unsigned int streams;
	struct km_prediction is;
};

/* Looks at the guest for so long, with kmigrate.ko, which has the guest log what it dirties
 * meanwhile, if that is there; or until stop_fd becomes readable: -ECANCELED.  link_bytes_per_s
 * and streams are known. */
int km_plan_look(struct km_plan *p, const struct km_vm *vm, double seconds, int stop_fd,
		 struct km_err *err);

struct km_plan_link {
	const char *host;		/* NULL = not known */
	bool same_host;			/* it is told that it is this one */
	uint64_t bytes_per_s;		/* that somebody told, 0 = nobody */
	uint64_t bandwidth_bytes_per_s; /* that the move is to take at most, 0 = all there is */
};
/* What the move has of the link, and whether that leads back to this host: as it was told, else as the plan says already, else by the
 * interface towards the host.  -EINVAL: none of them knows. */
int km_plan_link(struct km_plan *p, const struct km_plan_link *link, struct km_err *err);

/* Fills in the rest. */
int km_plan_rehearse(struct km_plan *p, const struct km_reh_goal *goal, unsigned int streams,
		     uint64_t delta_bytes, struct km_err *err);

/* The answer in short, as of now_s (Unix time). */
void km_plan_foretell(const struct km_plan *p, int64_t now_s, struct km_foretold *f);

#endif
