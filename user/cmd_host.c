// SPDX-License-Identifier: GPL-2.0
/* kmigrate host: what this host is and has, for people, and as a record to compare. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check/schema.h"
#include "host/facts.h"
#include "host/probe.h"
#include "opts.h"
#include "report/host.h"
#include "report/report.h"

struct host_opts {
	const char *peer;
	struct km_opt_list qemus, files;
	bool no_qemu, probe, json;
};

static const struct km_opt opts[] = {
	{ "peer", KM_OPT_STRING, offsetof(struct host_opts, peer), "HOST|ssh",
	  "the other host, for the route to it; ssh: the one that this session came from", 0, 0,
	  NULL, false },
	{ "qemu", KM_OPT_LIST, offsetof(struct host_opts, qemus), "PATH",
	  "a QEMU to ask, besides those in the usual places; may be repeated", 0, 0, NULL, false },
	{ "no-qemu", KM_OPT_FLAG, offsetof(struct host_opts, no_qemu), NULL,
	  "start no QEMU to ask it: then CPU features and machine types are not known", 0, 0, NULL,
	  false },
	{ "file", KM_OPT_LIST, offsetof(struct host_opts, files), "PATH",
	  "tell whether this file is there, and on shared storage; may be repeated", 0, 0, NULL,
	  false },
	{ "probe", KM_OPT_FLAG, offsetof(struct host_opts, probe), NULL,
	  "instead: let `check --probe` measure the link once, with a key from standard input", 0,
	  0, NULL, false },
	{ "json", KM_OPT_FLAG, offsetof(struct host_opts, json), NULL,
	  "print the record as JSON, for check and baseline", 0, 0, NULL, false },
	{ 0 },
};

/* sshd(8): "SSH_CONNECTION: client address, client port, server address, server port". */
static const char *peer_of(const char *wish, char *buf, size_t size)
{
	const char *from = getenv("SSH_CONNECTION");

	if (!wish || strcmp(wish, "ssh"))
		return wish;
	if (!from)
		return NULL;
	snprintf(buf, size, "%.*s", (int)strcspn(from, " "), from);
	return buf;
}

static int probe(void)
{
	struct km_err err = { 0 };
	struct km_psk key;

	signal(SIGPIPE, SIG_IGN);
	if (!km_psk_read(&key, "-", &err) && !km_probe_serve(&key, stdout, &err))
		return KM_EXIT_OK;
	fprintf(stderr, "kmigrate host: %s\n", err.text);
	return KM_EXIT_FAILED;
}

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct host_opts o = { 0 };
	struct km_host_wish w = { .qemus = &o.qemus, .files = &o.files };
	struct km_host_record *h;
	char peer[KM_REC_TEXT];
	unsigned int npos;
	int rc = km_opts_parse(cmd, argc, argv, &o, NULL, 0, &npos);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	if (o.probe)
		return probe();
	w.peer = peer_of(o.peer, peer, sizeof(peer));
	w.no_qemu = o.no_qemu;
	h = km_host_record_take(&w);
	if (!h) {
		fprintf(stderr, "kmigrate host: out of memory\n");
		return KM_EXIT_FAILED;
	}
	if (o.json)
		km_json_print(stdout, km_host_record_json(h));
	else
		km_text_host(stdout, h);
	free(h);
	return ferror(stdout) ? KM_EXIT_FAILED : KM_EXIT_OK;
}

const struct km_cmd km_cmd_host = {
	.name = "host",
	.summary = "show what this host is and has",
	.usage = "",
	.opts = opts,
	.run = run,
};
