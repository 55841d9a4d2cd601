// SPDX-License-Identifier: GPL-2.0
/* kmigrate run: move a guest to another host. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cmd_run_foretell.h"
#include "cmd_run_place.h"
#include "cmd_run_show.h"
#include "ctl/remote.h"
#include "ctl/vms.h"
#include "destination.h"
#include "holdopts.h"
#include "model.h"
#include "opts.h"
#include "report/report.h"
#include "tlsopts.h"
#include "xfer/knows.h"
#include "xfer/redial.h"
#include "xfer/source.h"

struct run_opts {
	const char *vm, *to, *engine, *ssh, *pin, *html, *on_stall, *storage;
	struct km_destination dest;
	struct km_opt_list receive_args, paths;
	uint64_t bandwidth;
	unsigned int streams, max_pause_ms, deadline_ms, peer_ms, retry_ms, cpu_weight;
	bool verify, explain, no_place, trace, json;
	struct km_opt_share delta_memory;
	struct km_hold_opts hold;
	struct km_tls_opts tls;
	struct km_run_foretell foretell;
};

static const char *const engines[] = { "relay", "qemu", NULL };
static const char *const storages[] = { "auto", "mirror", "shared", NULL };
static const char *const pins[] = { "keep", "relax", "none", NULL };

static const struct km_opt opts[] = {
	{ "vm", KM_OPT_STRING, offsetof(struct run_opts, vm), "NAME|PID|SOCKET",
	  "the guest: its name, QEMU's pid, or its QMP socket", 0, 0, NULL, true },
	{ "to", KM_OPT_STRING, offsetof(struct run_opts, to), "HOST[:PORT]|ssh://[USER@]HOST",
	  "where `kmigrate receive` listens (default port 4777), or is to be started (required, "
	  "but for --explain-placement)",
	  0, 0, NULL, false },
	{ "path", KM_OPT_LIST, offsetof(struct run_opts, paths), "ADDRESS",
	  "another address of the destination's: streams go by the addresses that are named so, in "
	  "turn; may be repeated (default: all by that of --to)",
	  0, 0, NULL, false },
	{ "ssh", KM_OPT_STRING, offsetof(struct run_opts, ssh), "COMMAND",
	  "with ssh://: the ssh to use, and its options (default ssh)", 0, 0, NULL, false },
	{ "receive-arg", KM_OPT_LIST, offsetof(struct run_opts, receive_args), "ARG",
	  "with ssh://: an argument for the receiver; may be repeated", 0, 0, NULL, false },
	KM_TLS_OPTS(struct run_opts),
	KM_TLS_NAME_OPT(struct run_opts),
	{ "engine", KM_OPT_CHOICE, offsetof(struct run_opts, engine), "ENGINE",
	  "relay, or qemu: QEMU's own data path (default: relay where it knows the QEMU)", 0, 0,
	  engines, false },
	{ "streams", KM_OPT_UINT, offsetof(struct run_opts, streams), "N",
	  "TCP streams (default: by the link's speed and the cores that are free)", 1,
	  KM_STREAMS_MAX, NULL, false },
	{ "max-pause", KM_OPT_MS, offsetof(struct run_opts, max_pause_ms), "TIME",
	  "the pause to aim at (default 100ms)", 1, 60000, NULL, false },
	{ "deadline", KM_OPT_MS, offsetof(struct run_opts, deadline_ms), "TIME",
	  "give up if the guest has not been stopped by then (default: go on for ever)", 1, 0, NULL,
	  false },
	{ "bandwidth", KM_OPT_RATE, offsetof(struct run_opts, bandwidth), "RATE",
	  "send no more than this, as 5Gbit or 200MB a second (default: what the link carries)",
	  125000, 0, NULL, false },
	{ "delta-memory", KM_OPT_SHARE, offsetof(struct run_opts, delta_memory), "BYTES|PERCENT%",
	  "memory to remember what is sent again and again, of which then only what has changed is "
	  "sent; 0: none (default 10% of the guest's RAM)",
	  0, 0, NULL, false },
	{ "peer-timeout", KM_OPT_MS, offsetof(struct run_opts, peer_ms), "TIME",
	  "give up a silent destination after this (default 15s)", 1000, 600000, NULL, false },
	{ "retry-for", KM_OPT_MS, offsetof(struct run_opts, retry_ms), "TIME",
	  "redial for so long if the link breaks while the guest works here; 0: the move fails then "
	  "(default 60s)",
	  0, 600000, NULL, false },
	{ "verify", KM_OPT_FLAG, offsetof(struct run_opts, verify), NULL,
	  "compare every page at both ends before the guest runs (lengthens the pause)", 0, 0, NULL,
	  false },
	{ "explain-placement", KM_OPT_FLAG, offsetof(struct run_opts, explain), NULL,
	  "show which CPUs the threads of the move would best run on, and why; move nothing", 0, 0,
	  NULL, false },
	{ "pin", KM_OPT_CHOICE, offsetof(struct run_opts, pin), "HOW",
	  "the guest's pinned threads at the destination: keep that, or move nothing; relax it "
	  "where it can't be kept; none",
	  0, 0, pins, false },
	{ "storage", KM_OPT_CHOICE, offsetof(struct run_opts, storage), "HOW",
	  "disks: auto moves the guest if both ends see them; mirror copies those that the "
	  "destination does not see; shared asks nobody whether they are shared",
	  0, 0, storages, false },
	{ "no-place", KM_OPT_FLAG, offsetof(struct run_opts, no_place), NULL,
	  "leave it to the kernel where the threads of the move run", 0, 0, NULL, false },
	{ "cpu-weight", KM_OPT_UINT, offsetof(struct run_opts, cpu_weight), "N",
	  "raise cpu.weight of QEMU's cgroup to this meanwhile (default: leave it alone)", 1, 10000,
	  NULL, false },
	{ "on-stall", KM_OPT_STRING, offsetof(struct run_opts, on_stall), "WAY[,WAY]",
	  "if the guest can't be moved otherwise: wait, throttle the vCPUs that dirty most, or "
	  "abort; in this order (default wait)",
	  0, 0, NULL, false },
	KM_NO_HOLD_OPT(struct run_opts),
	KM_HOLD_OPTS(struct run_opts),
	{ "trace", KM_OPT_FLAG, offsetof(struct run_opts, trace), NULL,
	  "say what kept each vCPU from running in each phase, and for how long (eBPF)", 0, 0, NULL,
	  false },
	{ "predict", KM_OPT_UINT, offsetof(struct run_opts, foretell.seconds), "SECONDS",
	  "look at the guest's memory for so long first, and foretell what the move will be like",
	  1, 600, NULL, false },
	{ "plan", KM_OPT_STRING, offsetof(struct run_opts, foretell.plan_file), "FILE",
	  "the same by what `kmigrate plan --vm --json` has seen; -: standard input", 0, 0, NULL,
	  false },
	{ "link", KM_OPT_RATE, offsetof(struct run_opts, foretell.link_bytes_per_s), "RATE",
	  "with --predict or --plan, what the link carries (default: as the plan has it, or the "
	  "interface says)",
	  1000, 0, NULL, false },
	{ "html", KM_OPT_STRING, offsetof(struct run_opts, html), "FILE",
	  "write the move as a page with pictures, too", 0, 0, NULL, false },
	{ "json", KM_OPT_FLAG, offsetof(struct run_opts, json), NULL, "print the result as JSON", 0,
	  0, NULL, false },
	{ 0 },
};

/* Set by the signal handler; the transfer asks for it at every tick. */
static volatile sig_atomic_t cancelled;

static void on_signal(int sig)
{
	(void)sig;
	cancelled = 1;
}

static bool tick(void *ctx, const struct km_run *r, double elapsed_ms)
{
	km_run_show_tick(ctx, r, elapsed_ms);
	return cancelled;
}

static int exit_code(const struct km_run *r, int rc)
{
	if (!rc)
		return KM_EXIT_OK;
	if (r->outcome == KM_OUT_DOUBT)
		return KM_EXIT_DOUBT;
	if (r->outcome == KM_OUT_LOST)
		return KM_EXIT_LOST;
	if (r->refused)
		return KM_EXIT_REFUSED;
	return rc == -EINTR ? KM_EXIT_CANCELLED : KM_EXIT_FAILED;
}

static int complain(const char *text, int code)
{
	fprintf(stderr, "kmigrate run: %s\n", text);
	return code;
}

/* Of several paths: whether there are streams enough, and one name for the destination. */
static int set_paths(struct run_opts *o, struct km_paths *p)
{
	char why[KM_ERR_MAX];

	if (o->paths.n > KM_PATHS_MAX) {
		fprintf(stderr, "kmigrate run: --path can be given %d times\n", KM_PATHS_MAX);
		return -EINVAL;
	}
	p->n = o->paths.n;
	for (unsigned int i = 0; i < p->n; i++)
		p->address[i] = o->paths.v[i];
	/* Its certificate is the host's, by whichever address. */
	if (p->n && o->tls.dir && !o->tls.name)
		o->tls.name = o->dest.host;
	return km_paths_check(p, o->streams, why) ? complain(why, -EINVAL) : 0;
}

/* Of what was to be foretold. */
static int refusal(const struct km_err *err)
{
	return err->code == -EINVAL    ? KM_EXIT_USAGE :
	       err->code == -ECANCELED ? KM_EXIT_CANCELLED :
					 KM_EXIT_REFUSED;
}

static int not_begun(struct km_run_show *show, const struct km_err *err)
{
	km_run_show_end(show, NULL);
	return complain(err->text, refusal(err));
}

static int choose_engine(struct run_opts *o, const struct km_vm *vm, struct km_run *r,
			 struct km_err *err)
{
	bool known = km_relay_knows(vm->qemu_version);

	if (!known)
		snprintf(r->engine_why, sizeof(r->engine_why),
			 "the relay knows QEMU " KM_RELAY_KNOWS ", and this is %s",
			 vm->qemu_version[0] ? vm->qemu_version : "of unknown version");
	if (o->engine && !strcmp(o->engine, "relay") && !known)
		return km_err_set(err, -ENOTSUP, "%s", r->engine_why);
	if (!o->engine)
		o->engine = known ? "relay" : "qemu";
	else if (!strcmp(o->engine, "qemu"))
		snprintf(r->engine_why, sizeof(r->engine_why), "asked for");
	if (!strcmp(o->engine, "qemu") && o->paths.n)
		return km_err_set(err, -ENOTSUP,
				  "QEMU's own engine (%s) takes one address: leave --path out",
				  r->engine_why);
	if (!strcmp(o->engine, "qemu") && !o->tls.insecure)
		return km_err_set(err, -ENOTSUP,
				  "QEMU's own engine (%s) does not encrypt the guest: it takes "
				  "--insecure, at both ends",
				  r->engine_why);
	return 0;
}

static int move(const struct run_opts *o, const struct km_source_opts *so, const struct km_vm *vm,
		struct km_run *r)
{
	struct km_err err = { 0 };
	int rc;

	snprintf(r->vm_name, sizeof(r->vm_name), "%s", vm->name);
	snprintf(r->destination, sizeof(r->destination), "%s", o->to);
	snprintf(r->engine, sizeof(r->engine), "%s", o->engine);
	r->vm_pid = vm->pid;
	r->streams = o->streams;
	r->ram_bytes = vm->ram_bytes;
	snprintf(r->held, sizeof(r->held), "QEMU's migration settings; put back");
	rc = km_source_run(so, vm, r, &err);
	if (rc)
		snprintf(r->error, sizeof(r->error), "%s", err.text);
	km_run_show_end(so->ctx, r);
	if (o->json)
		km_json_print(stdout, km_json_run(r));
	else if (!rc)
		km_text_run(stdout, r);
	if (rc)
		fprintf(stderr, "kmigrate run: %s; outcome: %s\n", err.text,
			km_outcome_name(r->outcome));
	return exit_code(r, rc);
}

/* The receiver that listens, or one that is started over ssh. */
static int reach(const struct run_opts *o, struct km_source_opts *so, struct km_remote *remote,
		 struct km_err *err)
{
	if (!o->dest.ssh_target)
		return 0;
	if (km_remote_start(remote, o->ssh, o->dest.ssh_target, so->creds, &o->receive_args, err))
		return err->code;
	so->port = remote->port;
	return 0;
}

/* Over ssh both ends can have a key of their own, for this move alone. */
static int open_creds(const struct run_opts *o, const struct km_creds_wish *wish,
		      struct km_creds **creds, struct km_err *err)
{
	struct km_psk k;
	int rc;

	if (wish->kind != KM_SECURE_NOT || o->tls.insecure)
		return km_creds_open(creds, wish, NULL, err);
	rc = km_psk_new(&k, err);
	if (!rc)
		rc = km_creds_of_key(creds, &k, NULL, err);
	km_wipe(&k, sizeof(k));
	return rc;
}

static int find(const struct run_opts *o, struct km_vm *vm, struct km_err *err)
{
	char why[KM_ERR_MAX];

	if (km_vms_find(o->vm, vm, err))
		return err->code;
	if (!vm->unmovable[0])
		return 0;
	snprintf(why, sizeof(why), "%s", vm->unmovable);
	return km_err_set(err, -ENOTSUP, "guest %.100s (pid %d) can't be moved: %.300s", vm->name,
			  vm->pid, why);
}

/* Whatever keeps the guest from being moved, its placement can be shown. */
static int explain(const struct run_opts *o)
{
	const char *host = o->to ? o->dest.host : NULL;
	struct km_vm vm = { 0 };
	struct km_err err = { 0 };

	if (km_vms_find(o->vm, &vm, &err) || km_run_explain(&vm, host, o->streams, o->json, &err))
		return complain(err.text, KM_EXIT_REFUSED);
	return ferror(stdout) ? KM_EXIT_FAILED : KM_EXIT_OK;
}

/* What needs no look at any guest. -EINVAL has been told. */
static int check(struct run_opts *o, struct km_source_opts *so, struct km_creds_wish *tls)
{
	char why[KM_ERR_MAX];
	struct km_err err = { 0 };
	int rc;

	if (!o->to && !o->explain)
		return complain("--to is required (see kmigrate run --help)", -EINVAL);
	if (o->to && km_destination_parse(o->to, &o->dest))
		return complain("--to takes " KM_DESTINATION_FORMS, -EINVAL);
	so->host = o->dest.host;
	so->port = o->dest.port;
	so->pin = o->pin;
	so->storage = o->storage;
	so->max_pause_ms = o->max_pause_ms;
	so->deadline_ms = o->deadline_ms;
	so->bandwidth_bytes_per_s = o->bandwidth;
	so->peer_ms = o->peer_ms;
	/* A mirror does not outlive its connection (block/nbd.c). */
	so->retry_ms = !strcmp(o->storage, "mirror") ? 0 : o->retry_ms;
	so->cpu_weight = o->cpu_weight;
	so->verify = o->verify;
	so->trace = o->trace;
	so->place.off = o->no_place;
	if (set_paths(o, &so->paths))
		return -EINVAL;
	if (km_on_stall_parse(o->on_stall, &so->on_stall, why))
		return complain(why, -EINVAL);
	o->foretell.quiet = o->json;
	if (km_run_foretell_check(&o->foretell, &err))
		return complain(err.text, -EINVAL);
	rc = km_tls_wish_of("run", &o->tls, tls);
	if (rc > 0 && !o->explain && !o->dest.ssh_target)
		rc = km_tls_none("run");
	return rc < 0 ? rc : km_hold_wish_of("run", &o->hold, &so->hold);
}

/* The other side is there, and the page can be written. */
static int begin(struct run_opts *o, struct km_source_opts *so, struct km_vm *vm,
		 struct km_remote *remote, struct km_err *err)
{
	int rc = km_run_show_begin(so->ctx, o->html, o->json, err);

	if (rc)
		return rc;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	rc = reach(o, so, remote, err);
	if (rc) {
		km_run_show_end(so->ctx, NULL);
		return rc;
	}
	km_run_place(vm, so->host, &o->streams, &so->place);
	o->streams = km_paths_streams(&so->paths, o->streams);
	so->engine = o->engine;
	so->delta_bytes = km_opt_share_of(&o->delta_memory, vm->ram_bytes);
	so->streams = o->streams;
	return 0;
}

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct run_opts o = { .ssh = "ssh",
			      .pin = "keep",
			      .storage = "auto",
			      .max_pause_ms = 100,
			      .peer_ms = 15000,
			      .retry_ms = 60000,
			      .delta_memory = { .percent = 10 },
			      .hold = KM_HOLD_DEFAULTS };
	static struct km_run_show show; /* large */
	struct km_source_opts so = { .tick = tick, .ctx = &show };
	struct km_remote remote = { 0 };
	struct km_creds_wish tls;
	struct km_creds *creds = NULL;
	struct km_run r = { 0 };
	struct km_vm vm = { 0 };
	struct km_err err = { 0 };
	unsigned int npos;
	int rc = km_opts_parse(cmd, argc, argv, &o, NULL, 0, &npos);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	if (check(&o, &so, &tls))
		return KM_EXIT_USAGE;
	if (o.explain)
		return explain(&o);
	if (find(&o, &vm, &err))
		return complain(err.text, KM_EXIT_REFUSED);
	if (choose_engine(&o, &vm, &r, &err))
		return complain(err.text, KM_EXIT_REFUSED);
	if (km_run_foretell_prepare(&o.foretell, &so, &vm, o.engine, &err))
		return complain(err.text, refusal(&err));
	if (open_creds(&o, &tls, &creds, &err))
		return complain(err.text, KM_EXIT_REFUSED);
	so.creds = creds;
	if (begin(&o, &so, &vm, &remote, &err))
		rc = complain(err.text, KM_EXIT_REFUSED);
	else if (km_run_foretell(&o.foretell, &so, &vm, &r, &err))
		rc = not_begun(&show, &err);
	else
		rc = move(&o, &so, &vm, &r);
	if (rc && remote.pid) /* else it might wait for a guest for ever */
		km_redial_give_up(so.host, so.port, creds, "", "no guest was sent");
	km_remote_end(&remote);
	km_creds_free(creds);
	return rc;
}

const struct km_cmd km_cmd_run = {
	.name = "run",
	.summary = "move a guest to another host while it works",
	.usage = "",
	.opts = opts,
	.run = run,
};
