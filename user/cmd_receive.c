// SPDX-License-Identifier: GPL-2.0
/* kmigrate receive: the destination of a move. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "holdopts.h"
#include "model.h"
#include "opts.h"
#include "report/hold.h"
#include "report/placed.h"
#include "tlsopts.h"
#include "xfer/allow.h"
#include "xfer/attach.h"
#include "xfer/frame.h"
#include "xfer/keep.h"
#include "xfer/sink.h"

struct receive_opts {
	const char *listen, *port, *attach, *allow, *storage_dir;
	unsigned int peer_ms;
	struct km_opt_list replace, append;
	bool no_place, overwrite_disks, json;
	struct km_hold_opts hold;
	struct km_tls_opts tls;
};

static const struct km_opt opts[] = {
	{ "listen", KM_OPT_STRING, offsetof(struct receive_opts, listen), "ADDR",
	  "address to listen on (default: all)", 0, 0, NULL, false },
	{ "port", KM_OPT_STRING, offsetof(struct receive_opts, port), "PORT",
	  "TCP port, 0 for any (default 4777)", 0, 0, NULL, false },
	KM_TLS_OPTS(struct receive_opts),
	{ "peer-timeout", KM_OPT_MS, offsetof(struct receive_opts, peer_ms), "TIME",
	  "give up a silent source after this (default 15s)", 1000, 600000, NULL, false },
	{ "replace", KM_OPT_LIST, offsetof(struct receive_opts, replace), "OLD=NEW",
	  "replace text in the arguments of the source's QEMU; may be repeated", 0, 0, NULL,
	  false },
	{ "append", KM_OPT_LIST, offsetof(struct receive_opts, append), "ARG",
	  "a further argument for the QEMU started here; may be repeated", 0, 0, NULL, false },
	{ "allow", KM_OPT_STRING, offsetof(struct receive_opts, allow), "FILE",
	  "rules for what a source may have this host run (default: " KM_ALLOW_FILE
	  ", or what is built in)",
	  0, 0, NULL, false },
	{ "attach", KM_OPT_STRING, offsetof(struct receive_opts, attach), "SOCKET|PID|NAME",
	  "use the QEMU with this QMP socket, which waits with -incoming defer", 0, 0, NULL,
	  false },
	{ "storage-dir", KM_OPT_STRING, offsetof(struct receive_opts, storage_dir), "DIR",
	  "folder for disks that `run --storage mirror` copies (default: where they are at the "
	  "source)",
	  0, 0, NULL, false },
	{ "overwrite-disks", KM_OPT_FLAG, offsetof(struct receive_opts, overwrite_disks), NULL,
	  "copy disks over images that are there already", 0, 0, NULL, false },
	{ "no-place", KM_OPT_FLAG, offsetof(struct receive_opts, no_place), NULL,
	  "leave it to the kernel where the threads of the move run", 0, 0, NULL, false },
	KM_NO_HOLD_OPT(struct receive_opts),
	KM_HOLD_OPTS(struct receive_opts),
	{ "json", KM_OPT_FLAG, offsetof(struct receive_opts, json), NULL,
	  "print events as JSON, one a line", 0, 0, NULL, false },
	{ 0 },
};

static void say_listening(const struct receive_opts *o, unsigned int port)
{
	if (o->json)
		printf("{\"event\": \"listening\", \"port\": %u, \"pid\": %d}\n", port, getpid());
	else
		printf("listening on %s port %u\n", o->listen ? o->listen : "*", port);
	fflush(stdout);
}

static void say_result(void *ctx, const struct km_sink_result *res, const struct km_err *err)
{
	const struct receive_opts *o = ctx;
	char held[KM_HELD_TEXT], placed[KM_PLACED_TEXT];
	json_t *j;

	/* A try that failed on the way to success leaves its words in err. */
	if (o->json) {
		j = json_pack("{s:s,s:s,s:s,s:i,s:I,s:s,s:o,s:o,s:i}", "event", "ended", "outcome",
			      km_outcome_name(res->outcome), "vm", res->vm_name, "pid",
			      (int)res->pid, "pages", (json_int_t)res->pages, "error",
			      res->outcome == KM_OUT_MOVED ? "" : err->text, "hold",
			      km_json_held(&res->hold), "placed", km_json_placed(&res->placed),
			      "pinned", (int)res->pinned);
		json_dumpf(j, stdout, JSON_COMPACT);
		printf("\n");
		json_decref(j);
	} else if (res->outcome == KM_OUT_MOVED) {
		printf("%s runs here now, pid %d\n", res->vm_name, res->pid);
		if (res->hold.wanted)
			printf("held: %s\n", km_fmt_held(held, &res->hold));
		if (res->pinned)
			printf("pinned: %u threads, as they were at the source\n", res->pinned);
		if (res->placed.wanted)
			printf("placed: %s\n", km_fmt_placed(placed, &res->placed));
	}
	fflush(stdout);
	if (res->outcome != KM_OUT_MOVED)
		fprintf(stderr, "kmigrate receive: %s; %s\n", err->text,
			res->waits ? "the QEMU waits as before" : "no guest was left here");
}

static void say_refused(void *ctx, const struct km_err *err)
{
	(void)ctx;
	fprintf(stderr, "kmigrate receive: %s; waiting on\n", err->text);
}

/* What needs no look at this host. */
static int check(const struct receive_opts *o, struct km_sink_opts *so, struct km_creds_wish *tls)
{
	int rc;

	if (o->attach && (o->replace.n || o->append.n || o->allow || o->storage_dir)) {
		fprintf(stderr,
			"kmigrate receive: --attach takes no --replace, --append, --allow or "
			"--storage-dir: the QEMU has its arguments already\n");
		return -EINVAL;
	}
	if (km_hold_wish_of("receive", &o->hold, &so->hold))
		return -EINVAL;
	rc = km_tls_wish_of("receive", &o->tls, tls);
	return rc > 0 ? km_tls_none("receive") : rc;
}

/* In full: QEMU's arguments and the guard have other folders to start from. */
static int find_folder(const char *name, char folder[PATH_MAX], struct km_err *err)
{
	char inside[PATH_MAX];

	errno = ENAMETOOLONG;
	if ((size_t)snprintf(inside, sizeof(inside), "%s/.", name) < sizeof(inside) &&
	    realpath(inside, folder))
		return 0;
	return km_err_set(err, -errno, "--storage-dir %.300s: %s", name, strerror(errno));
}

static int serve(const struct receive_opts *o, struct km_sink_opts *so)
{
	struct km_sink_result res = { 0 };
	struct km_err err = { 0 };
	int rc;

	so->peer_ms = o->peer_ms;
	so->no_place = o->no_place;
	so->replace = o->replace;
	so->append = o->append;
	so->overwrite_disks = o->overwrite_disks;
	so->refused = say_refused;
	so->ended = say_result;
	so->ctx = (void *)(uintptr_t)o;
	rc = km_sink_serve(so, &res, &err);
	if (rc)
		return res.waits || res.refused ? KM_EXIT_REFUSED : KM_EXIT_FAILED;
	return KM_EXIT_OK;
}

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct receive_opts o = { .port = "4777", .peer_ms = 15000, .hold = KM_HOLD_DEFAULTS };
	struct km_sink_opts so = { .listen_fd = -1 };
	struct km_creds_wish tls;
	struct km_creds *creds = NULL;
	struct km_allow *allow = NULL;
	struct km_attached attached;
	struct km_err err = { 0 };
	unsigned int npos, port;
	char folder[PATH_MAX];
	int rc = km_opts_parse(cmd, argc, argv, &o, NULL, 0, &npos);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	if (check(&o, &so, &tls))
		return KM_EXIT_USAGE;
	signal(SIGPIPE, SIG_IGN);
	rc = km_creds_open(&creds, &tls, km_keep_find, &err);
	if (!rc && o.storage_dir)
		rc = find_folder(o.storage_dir, folder, &err);
	so.storage_dir = o.storage_dir ? folder : NULL;
	if (!rc && o.attach)
		rc = km_attach_open(&attached, o.attach, &err);
	else if (!rc)
		rc = km_allow_read(&allow, o.allow, &err);
	if (!rc)
		so.listen_fd = km_listen_tcp(o.listen, o.port, &port, &err);
	if (so.listen_fd < 0) {
		fprintf(stderr, "kmigrate receive: %s\n", err.text);
		km_allow_free(allow);
		km_creds_free(creds);
		return KM_EXIT_REFUSED;
	}
	so.attach = o.attach ? &attached : NULL;
	so.creds = creds;
	so.allow = allow;
	say_listening(&o, port);
	rc = serve(&o, &so);
	close(so.listen_fd);
	if (o.attach)
		km_attach_close(&attached);
	km_allow_free(allow);
	km_creds_free(creds);
	return rc;
}

const struct km_cmd km_cmd_receive = {
	.name = "receive",
	.summary = "take a guest that `kmigrate run` sends from another host",
	.usage = "",
	.opts = opts,
	.run = run,
};
