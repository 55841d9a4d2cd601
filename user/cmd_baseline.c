// SPDX-License-Identifier: GPL-2.0
/* kmigrate baseline: the CPU model that guests can have on all of these hosts. */
#include <stdio.h>
#include <stdlib.h>
#include "host/other.h"
#include "opts.h"
#include "report/host.h"
#include "report/report.h"

struct baseline_opts {
	const char *ssh;
	unsigned int timeout_ms;
	bool json;
};

static const struct km_opt opts[] = {
	{ "ssh", KM_OPT_STRING, offsetof(struct baseline_opts, ssh), "COMMAND",
	  "with ssh://: the ssh to use, and its options (default ssh)", 0, 0, NULL, false },
	{ "peer-timeout", KM_OPT_MS, offsetof(struct baseline_opts, timeout_ms), "TIME",
	  "give up a silent host after this (default 15s)", 1000, 600000, NULL, false },
	{ "json", KM_OPT_FLAG, offsetof(struct baseline_opts, json), NULL, "print JSON", 0, 0, NULL,
	  false },
	{ 0 },
};

static int complain(const char *text, int code)
{
	fprintf(stderr, "kmigrate baseline: %s\n", text);
	return code;
}

/* One after the other: a fleet's records are files. */
static int load(const struct baseline_opts *o, const char *const *where, unsigned int n,
		struct km_host_record **hosts, struct km_err *err)
{
	const struct km_other other = { .ssh = o->ssh, .timeout_ms = o->timeout_ms };

	for (unsigned int i = 0; i < n; i++) {
		hosts[i] = km_other_record(&other, where[i], err);
		if (!hosts[i])
			return err->code;
	}
	return 0;
}

static int find(const struct baseline_opts *o, const char *const *where, unsigned int n,
		struct km_baseline *b)
{
	struct km_host_record *hosts[KM_BASELINE_HOSTS] = { 0 };
	struct km_err err = { 0 };
	int rc = load(o, where, n, hosts, &err);

	if (rc)
		rc = complain(err.text, KM_EXIT_FAILED);
	else if (km_baseline_find((const struct km_host_record *const *)hosts, where, n, b, &err))
		rc = complain(err.text, KM_EXIT_REFUSED);
	for (unsigned int i = 0; i < n; i++)
		free(hosts[i]);
	return rc;
}

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct baseline_opts o = { .ssh = "ssh", .timeout_ms = 15000 };
	const char *where[KM_BASELINE_HOSTS];
	struct km_baseline *b;
	unsigned int n = 0;
	int rc = km_opts_parse(cmd, argc, argv, &o, where, KM_BASELINE_HOSTS, &n);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	if (!n)
		return complain(
			"name hosts: ssh://[USER@]HOST, or files that `kmigrate host --json` "
			"has written",
			KM_EXIT_USAGE);
	b = calloc(1, sizeof(*b));
	if (!b)
		return complain("out of memory", KM_EXIT_FAILED);
	rc = find(&o, where, n, b);
	if (!rc && o.json)
		km_json_print(stdout, km_json_baseline(b));
	else if (!rc)
		km_text_baseline(stdout, b);
	free(b);
	return !rc && ferror(stdout) ? KM_EXIT_FAILED : rc;
}

const struct km_cmd km_cmd_baseline = {
	.name = "baseline",
	.summary = "find the richest CPU model that guests can have on every one of some hosts",
	.usage = "ssh://[USER@]HOST|FILE...",
	.opts = opts,
	.run = run,
};
