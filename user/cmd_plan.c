// SPDX-License-Identifier: GPL-2.0
/* kmigrate plan: what moves would be, before they are made. */
#include <stdio.h>
#include "cmd_plan_drain.h"
#include "model.h"
#include "opts.h"

struct plan_opts {
	const char *drain;
	unsigned int tries;
	bool json;
};

static const struct km_opt opts[] = {
	{ "drain", KM_OPT_STRING, offsetof(struct plan_opts, drain), "INVENTORY",
	  "how the hosts are emptied that this JSON file says; -: standard input", 0, 0, NULL,
	  false },
	{ "tries", KM_OPT_UINT, offsetof(struct plan_opts, tries), "N",
	  "with --drain, how often to look for a shorter plan", 0, 10000000, NULL, false },
	{ "json", KM_OPT_FLAG, offsetof(struct plan_opts, json), NULL, "print JSON", 0, 0, NULL,
	  false },
	{ 0 },
};

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct plan_opts o = { .tries = 2000 };
	unsigned int npos;
	int rc = km_opts_parse(cmd, argc, argv, &o, NULL, 0, &npos);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	if (o.drain)
		return km_cmd_plan_drain(o.drain, o.tries, o.json);
	fprintf(stderr, "kmigrate plan: needs --drain (see kmigrate plan --help)\n");
	return KM_EXIT_USAGE;
}

const struct km_cmd km_cmd_plan = {
	.name = "plan",
	.summary = "tell how hosts can be emptied, and how long it takes",
	.usage = "",
	.opts = opts,
	.run = run,
};
