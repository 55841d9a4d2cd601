// SPDX-License-Identifier: GPL-2.0
/* kmigrate resolve: settle a move that is in doubt. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "model.h"
#include "opts.h"
#include "report/report.h"
#include "xfer/resolve.h"

struct resolve_opts {
	const char *side, *assume;
	unsigned int wait_ms;
	bool json;
};

static const char *const sides[] = { "source", "destination", NULL };
static const char *const assumptions[] = { "moved", "stayed", NULL };

static const struct km_opt opts[] = {
	{ "side", KM_OPT_CHOICE, offsetof(struct resolve_opts, side), "SIDE",
	  "source or destination, when this host was both", 0, 0, sides, false },
	{ "assume", KM_OPT_CHOICE, offsetof(struct resolve_opts, assume), "WHAT",
	  "what you have seen yourself at the other end: moved or stayed", 0, 0, assumptions,
	  false },
	{ "wait", KM_OPT_MS, offsetof(struct resolve_opts, wait_ms), "TIME",
	  "ask the destination for so long (default 10s)", 0, 600000, NULL, false },
	{ "json", KM_OPT_FLAG, offsetof(struct resolve_opts, json), NULL, "print JSON", 0, 0, NULL,
	  false },
	{ 0 },
};

static int complain(const char *text, int code)
{
	fprintf(stderr, "kmigrate resolve: %s\n", text);
	return code;
}

static int find(const struct resolve_opts *o, const char *id, struct km_journal *j,
		struct km_err *err)
{
	if (o->side)
		return km_journal_read(j, id, !strcmp(o->side, "destination"), err);
	if (!km_journal_read(j, id, false, err))
		return 0;
	return km_journal_read(j, id, true, NULL) ? err->code : 0;
}

static enum km_assume assumed(const char *word)
{
	if (!word)
		return KM_ASSUME_NOTHING;
	return strcmp(word, "moved") ? KM_ASSUME_STAYED : KM_ASSUME_MOVED;
}

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct resolve_opts o = { .wait_ms = 10000 };
	struct km_err err = { 0 };
	struct km_journal j;
	const char *id;
	unsigned int npos;
	int rc = km_opts_parse(cmd, argc, argv, &o, &id, 1, &npos);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	if (npos != 1)
		return complain("which move? `kmigrate status` lists their ids", KM_EXIT_USAGE);
	if (find(&o, id, &j, &err))
		return complain(err.text, KM_EXIT_REFUSED);
	rc = km_resolve(&j, assumed(o.assume), (int)o.wait_ms, &err);
	if (rc)
		complain(err.text, 0);
	else if (o.json)
		km_json_print(stdout, km_json_moves(&j, 1));
	else
		km_text_moves(stdout, &j, 1);
	if (rc)
		return rc == -ECOMM ? KM_EXIT_DOUBT : KM_EXIT_REFUSED;
	return j.step == KM_STEP_LOST ? KM_EXIT_LOST : KM_EXIT_OK;
}

const struct km_cmd km_cmd_resolve = {
	.name = "resolve",
	.summary = "settle a move that is in doubt",
	.usage = "ID",
	.opts = opts,
	.run = run,
};
