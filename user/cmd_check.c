// SPDX-License-Identifier: GPL-2.0
/* kmigrate check: what is to be known before a guest moves to another host. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "ctl/remote.h"
#include "ctl/vms.h"
#include "host/facts.h"
#include "host/guest_record.h"
#include "host/other.h"
#include "host/probe.h"
#include "opts.h"
#include "report/host.h"
#include "report/report.h"

struct check_opts {
	const char *vm, *to, *ssh;
	unsigned int timeout_ms;
	bool probe, json;
};

static const struct km_opt opts[] = {
	{ "vm", KM_OPT_STRING, offsetof(struct check_opts, vm), "NAME|PID|SOCKET",
	  "the guest: its name, QEMU's pid, or its QMP socket", 0, 0, NULL, true },
	{ "to", KM_OPT_STRING, offsetof(struct check_opts, to), "ssh://[USER@]HOST|FILE",
	  "the other host, or a file that `kmigrate host --json` has written there", 0, 0, NULL,
	  true },
	{ "ssh", KM_OPT_STRING, offsetof(struct check_opts, ssh), "COMMAND",
	  "with ssh://: the ssh to use, and its options (default ssh)", 0, 0, NULL, false },
	{ "peer-timeout", KM_OPT_MS, offsetof(struct check_opts, timeout_ms), "TIME",
	  "give up a silent host after this (default 15s)", 1000, 600000, NULL, false },
	{ "probe", KM_OPT_FLAG, offsetof(struct check_opts, probe), NULL,
	  "with ssh://: measure the link, too, which it is full of for a second", 0, 0, NULL,
	  false },
	{ "json", KM_OPT_FLAG, offsetof(struct check_opts, json), NULL, "print JSON", 0, 0, NULL,
	  false },
	{ 0 },
};

#define PROBE "kmigrate host --probe"

static int exit_code(const struct km_findings *f)
{
	static const int codes[KM_SEVERITIES] = {
		[KM_BLOCKS] = KM_EXIT_REFUSED,
		[KM_WARNS] = KM_EXIT_WARNS,
		[KM_INFO] = KM_EXIT_OK,
	};

	return ferror(stdout) ? KM_EXIT_FAILED : codes[km_findings_worst(f)];
}

/* All that is compared. */
struct seen {
	struct km_guest_record *guest;
	struct km_host_record *here, *there;
};

/* The receiver of the measurement is started there; what goes wrong is a finding. */
static void probe(const struct check_opts *o, struct km_rec_network *n)
{
	struct km_remote remote = { 0 };
	struct km_probe p = { 0 };
	struct km_err err = { 0 };
	struct km_psk key;
	int rc = km_psk_new(&key, &err);

	signal(SIGPIPE, SIG_IGN);
	if (!rc)
		rc = km_remote_command(&remote, o->ssh, km_other_target(o->to), PROBE, PROBE, &key,
				       &err);
	if (!rc)
		rc = km_probe_measure(remote.host, remote.port, &key, &p, &err);
	km_remote_end(&remote);
	if (rc)
		snprintf(n->probe_error, sizeof(n->probe_error), "%.255s", err.text);
	n->probe_bit_per_s = p.bit_per_s;
	n->probe_round_trip_us = p.round_trip_us;
}

static int look(const struct check_opts *o, struct seen *s, struct km_err *err)
{
	struct km_other other = { .ssh = o->ssh, .timeout_ms = o->timeout_ms };
	/* Our QEMUs would tell what this host could give, and the guest has it. */
	struct km_host_wish wish = { .peer = km_other_host(o->to), .no_qemu = true };
	struct km_vm vm = { 0 };

	if (km_vms_find(o->vm, &vm, err))
		return err->code;
	s->guest = km_guest_record_take(&vm);
	s->here = km_host_record_take(&wish);
	if (!s->guest || !s->here)
		return km_err_set(err, -1, "out of memory");
	other.guest = s->guest;
	s->there = km_other_record(&other, o->to, err);
	if (s->there && o->probe)
		probe(o, &s->here->network);
	return s->there ? 0 : err->code;
}

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct check_opts o = { .ssh = "ssh", .timeout_ms = 15000 };
	struct km_findings *found = calloc(1, sizeof(*found));
	struct km_check_report r = { .findings = found };
	struct seen s = { 0 };
	struct km_err err = { 0 };
	unsigned int npos;
	int rc = km_opts_parse(cmd, argc, argv, &o, NULL, 0, &npos);

	if (rc) {
		rc = rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	} else if (o.probe && !km_other_host(o.to)) {
		fprintf(stderr,
			"kmigrate check: --probe takes --to ssh://[USER@]HOST: the link to a "
			"file can't be measured\n");
		rc = KM_EXIT_USAGE;
	} else if (!found || look(&o, &s, &err)) {
		fprintf(stderr, "kmigrate check: %s\n", found ? err.text : "out of memory");
		rc = KM_EXIT_FAILED;
	} else {
		km_check(s.here, s.there, s.guest, found);
		r.guest = s.guest;
		r.here = s.here;
		r.there = s.there;
		if (o.json)
			km_json_print(stdout, km_json_check(&r));
		else
			km_text_check(stdout, &r);
		rc = exit_code(found);
	}
	free(s.guest);
	free(s.here);
	free(s.there);
	free(found);
	return rc;
}

const struct km_cmd km_cmd_check = {
	.name = "check",
	.summary = "say what stands in the way of a move, before it begins",
	.usage = "",
	.opts = opts,
	.run = run,
};
