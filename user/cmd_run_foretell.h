/* SPDX-License-Identifier: GPL-2.0 */
/* What `kmigrate run` foretells of a move before it begins: --predict, --plan. */
#ifndef KM_CMD_RUN_FORETELL_H
#define KM_CMD_RUN_FORETELL_H

#include <stdbool.h>
#include "plan/planfile.h"
#include "xfer/source.h"

struct km_run_foretell {
	const char *plan_file;	   /* what was seen before; NULL = look now, if seconds say so */
	unsigned int seconds;	   /* to look for; 0 = don't */
	uint64_t link_bytes_per_s; /* 0 = as the plan has it, or the interface says */
	bool quiet;		   /* nothing on stderr: the report has it */
	struct km_plan plan;
};

/* What needs no look at any guest: which options go together, and the file. -EINVAL, or what
 * reading it ended with. */
int km_run_foretell_check(struct km_run_foretell *t, struct km_err *err);
/* What needs no look into the guest: the link.  -EINVAL also for a plan of another guest, -ENOTSUP
 * when it is not the relay, which is rehearsed, that will move it. */
int km_run_foretell_prepare(struct km_run_foretell *t, const struct km_source_opts *so,
			    const struct km_vm *vm, const char *engine, struct km_err *err);
/* Looks at the guest, rehearses its move as so has it, tells that on stderr, and keeps it in the
 * run's facts. -ECANCELED by SIGINT and SIGTERM. */
int km_run_foretell(struct km_run_foretell *t, const struct km_source_opts *so,
		    const struct km_vm *vm, struct km_run *r, struct km_err *err);

#endif
