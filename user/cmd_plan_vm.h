/* SPDX-License-Identifier: GPL-2.0 */
/* kmigrate plan --vm: what the move of one guest would be like. */
#ifndef KM_CMD_PLAN_VM_H
#define KM_CMD_PLAN_VM_H

#include "opts.h"

struct km_plan_wish {
	const char *vm, *to;
	uint64_t link_bytes_per_s; /* 0: as fast as the interface towards `to` says */
	unsigned int seconds, streams, max_pause_ms, deadline_ms;
	struct km_opt_share delta_memory;
	bool insecure, same_host, json;
};

/* Returns the exit code. */
int km_cmd_plan_vm(const struct km_plan_wish *w);

#endif
