// SPDX-License-Identifier: GPL-2.0
/* kmigrate plan: what moves would be, before they are made. */
#include <stdio.h>
#include "cmd_plan_accuracy.h"
#include "cmd_plan_drain.h"
#include "cmd_plan_vm.h"
#include "model.h"
#include "opts.h"

struct plan_opts {
	struct km_plan_wish move;
	const char *drain, *accuracy;
	unsigned int tries;
	bool json;
};

#define OF_MOVE(member) (offsetof(struct plan_opts, move) + offsetof(struct km_plan_wish, member))

static const struct km_opt opts[] = {
	{ "vm", KM_OPT_STRING, OF_MOVE(vm), "NAME|PID|QMP-SOCKET",
	  "what the move of this guest would be like", 0, 0, NULL, false },
	{ "to", KM_OPT_STRING, OF_MOVE(to), "HOST[:PORT]|ssh://[USER@]HOST",
	  "with --vm, the other host: how fast the interface towards it is", 0, 0, NULL, false },
	{ "link", KM_OPT_RATE, OF_MOVE(link_bytes_per_s), "RATE",
	  "with --vm, what the link carries: 200Mbit, 25MB", 1, UINT64_MAX, NULL, false },
	{ "max-pause", KM_OPT_MS, OF_MOVE(max_pause_ms), "TIME",
	  "with --vm, run's goal (default 100ms)", 1, 60000, NULL, false },
	{ "deadline", KM_OPT_MS, OF_MOVE(deadline_ms), "TIME", "with --vm, run's deadline", 0,
	  UINT32_MAX, NULL, false },
	{ "streams", KM_OPT_UINT, OF_MOVE(streams), "N", "with --vm, run's streams (default 2)", 1,
	  KM_STREAMS_MAX, NULL, false },
	{ "delta-memory", KM_OPT_SHARE, OF_MOVE(delta_memory), "SIZE|N%",
	  "with --vm, run's memory for deltas (default 10%)", 0, UINT64_MAX, NULL, false },
	{ "seconds", KM_OPT_UINT, OF_MOVE(seconds), "N",
	  "with --vm, look at the guest's memory for so long (default 10)", 1, 600, NULL, false },
	{ "insecure", KM_OPT_FLAG, OF_MOVE(insecure), NULL,
	  "with --vm, a move that is not encrypted", 0, 0, NULL, false },
	{ "same-host", KM_OPT_FLAG, OF_MOVE(same_host), NULL,
	  "with --vm, both ends are on this host, and share its CPUs", 0, 0, NULL, false },
	{ "drain", KM_OPT_STRING, offsetof(struct plan_opts, drain), "INVENTORY",
	  "how the hosts are emptied that this JSON file says; -: standard input", 0, 0, NULL,
	  false },
	{ "tries", KM_OPT_UINT, offsetof(struct plan_opts, tries), "N",
	  "with --drain, how often to look for a shorter plan", 0, 10000000, NULL, false },
	{ "accuracy", KM_OPT_STRING, offsetof(struct plan_opts, accuracy), "DIR",
	  "how true predictions were, by the reports of `run --json` in DIR/*.json", 0, 0, NULL,
	  false },
	{ "json", KM_OPT_FLAG, offsetof(struct plan_opts, json), NULL, "print JSON", 0, 0, NULL,
	  false },
	{ 0 },
};

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct plan_opts o = {
		.move = { .max_pause_ms = 100, .seconds = 10, .delta_memory = { .percent = 10 } },
		.tries = 2000
	};
	unsigned int npos;
	int rc = km_opts_parse(cmd, argc, argv, &o, NULL, 0, &npos);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	o.move.json = o.json;
	if (!!o.move.vm + !!o.drain + !!o.accuracy != 1) {
		fprintf(stderr, "kmigrate plan: needs one of --vm, --drain and --accuracy (see "
				"kmigrate plan --help)\n");
		return KM_EXIT_USAGE;
	}
	return o.drain	  ? km_cmd_plan_drain(o.drain, o.tries, o.json) :
	       o.accuracy ? km_cmd_plan_accuracy(o.accuracy, o.json) :
			    km_cmd_plan_vm(&o.move);
}

const struct km_cmd km_cmd_plan = {
	.name = "plan",
	.summary = "tell what a move would be like, or how hosts can be emptied",
	.usage = "",
	.opts = opts,
	.run = run,
};
