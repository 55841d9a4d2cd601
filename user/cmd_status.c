// SPDX-License-Identifier: GPL-2.0
/* kmigrate status: the moves of this host, from its journal. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "model.h"
#include "opts.h"
#include "report/report.h"
#include "xfer/journal.h"

struct status_opts {
	bool json, open;
};

static const struct km_opt opts[] = {
	{ "open", KM_OPT_FLAG, offsetof(struct status_opts, open), NULL,
	  "only moves of which it is not known how they ended", 0, 0, NULL, false },
	{ "json", KM_OPT_FLAG, offsetof(struct status_opts, json), NULL, "print JSON", 0, 0, NULL,
	  false },
	{ 0 },
};

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct status_opts o = { 0 };
	struct km_journal *list;
	struct km_err err = { 0 };
	unsigned int npos;
	size_t n, kept = 0;
	int rc = km_opts_parse(cmd, argc, argv, &o, NULL, 0, &npos);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	if (km_journal_list(&list, &n, &err)) {
		fprintf(stderr, "kmigrate status: %s\n", err.text);
		return KM_EXIT_REFUSED;
	}
	for (size_t i = 0; i < n; i++)
		if (!o.open || km_journal_open(&list[i]))
			list[kept++] = list[i];
	if (o.json)
		km_json_print(stdout, km_json_moves(list, kept));
	else
		km_text_moves(stdout, list, kept);
	free(list);
	return KM_EXIT_OK;
}

const struct km_cmd km_cmd_status = {
	.name = "status",
	.summary = "list this host's moves and how they ended",
	.usage = "",
	.opts = opts,
	.run = run,
};
