// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "../ctl/ramblocks.h"
#include "../ctl/vms.h"
#include "fault.h"
#include "keep.h"
#include "multifd.h"
#include "narrow.h"
#include "rundir.h"
#include "source_disks.h"
#include "source_priv.h"
#include "tls.h"

/* That such a socket holds, with QEMU's own buffer (IO_BUF_SIZE), of 9 bytes each. */
#define NARROW_ZEROS ((2 * KM_NARROW_BYTES + 32768) / 9)

/* How long the destination waits for a source whose link broke: that may take this long to find
 * out, and then dials for so long. */
static int return_ms(const struct source *s)
{
	return s->relay && s->o->retry_ms ? (int)(s->o->retry_ms + s->o->peer_ms) : 0;
}

static int build_hello(struct source *s, json_t **hello, struct km_err *err)
{
	json_t *args = json_array(), *pinning = NULL, *disks = NULL;
	char **argv = NULL;
	int rc = km_argv_read(s->vm->pid, &argv, err);

	for (char **a = argv; !rc && *a; a++)
		json_array_append_new(args, json_string(*a));
	km_argv_free(argv);
	if (!rc)
		rc = km_source_pins_offer(s, &pinning, err);
	if (!rc)
		rc = km_source_disks_offer(s, &disks, err);
	if (rc) {
		json_decref(args);
		json_decref(pinning);
		return rc;
	}
	*hello = json_pack("{s:s,s:s,s:s,s:s,s:o,s:i,s:s,s:b,s:b,s:i,s:s,s:I,s:i,s:o*,s:o*,s:o*}",
			   "id", s->run->id, "name", s->vm->name, "exe", s->vm->exe, "uuid",
			   s->vm->uuid, "argv", args, "streams", (int)s->o->streams, "engine",
			   s->o->engine, "paused", !s->was_running, "verify", s->o->verify,
			   "return_ms", return_ms(s), "machine", s->vm->machine, "ram_bytes",
			   (json_int_t)s->vm->ram_bytes, "vcpus", (int)s->vm->vcpus, "pinning",
			   pinning, "watch", km_source_arrival_offer(s), "disks", disks);
	return 0;
}

static int say_hello(struct source *s, struct km_err *err)
{
	json_t *j = NULL, *hello = NULL;
	const char *text;
	enum km_op op;
	int rc = build_hello(s, &hello, err);

	if (!rc)
		rc = km_send_json(&s->m.control, KM_OP_HELLO, hello, err);
	if (!rc)
		rc = km_recv_json(&s->m.control, &op, &j, err);
	if (rc)
		return rc;
	text = km_msg_error(j, "refused the guest");
	s->run->refused = op == KM_OP_REFUSE;
	if (op == KM_OP_REFUSE && json_is_true(json_object_get(j, "pins")))
		rc = km_source_pins_refused(s, text, err);
	else if (op == KM_OP_REFUSE)
		rc = km_err_set(err, -ENOTSUP, "destination: %.400s", text);
	else if (op != KM_OP_WELCOME)
		rc = km_err_set(err, -EREMOTEIO, "destination: %.400s", text);
	else if (s->pinning_sent)
		rc = km_source_pins_answered(s, j, err);
	if (!rc)
		rc = km_source_disks_answered(s, j, err);
	km_source_arrival_answered(s, j);
	text = json_string_value(json_object_get(j, "session"));
	snprintf(s->journal.session, sizeof(s->journal.session), "%s", text ? text : "");
	if (!rc && km_guard_say(&s->guard, "session %s", s->journal.session))
		rc = km_err_set(err, -EPIPE, "the guard process is gone");
	s->dest_port = (unsigned int)json_integer_value(json_object_get(j, "port"));
	json_decref(j);
	return rc;
}

static int open_lanes(struct source *s, struct km_err *err)
{
	int rc = 0;

	km_source_redial_init(s);
	for (unsigned int i = 0; !rc && i < s->o->streams; i++) {
		struct km_lane *l = &s->m.lanes[i];

		l->move = &s->m;
		l->index = i;
		rc = km_redial_lane(&l->conn, &s->redial, i, (int)s->o->peer_ms, err);
		s->m.nlanes += !rc;
	}
	return rc;
}

int km_source_listen(struct source *s, const char *name, struct km_err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, rc = 0;

	if (!s->dir[0]) {
		if (km_rundir_make(s->dir, sizeof(s->dir), "out", err))
			return err->code;
		km_guard_say(&s->guard, "dir %s", s->dir);
	}
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s", s->dir, name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) ||
	    listen(fd, KM_STREAMS_MAX + 1))
		rc = km_err_set(err, -errno, "cannot listen on %s: %s", un.sun_path,
				strerror(errno));
	else
		rc = km_rundir_share(s->dir, name, s->vm->pid, err);
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}

static int await_qemu(struct source *s, struct km_err *err)
{
	struct pollfd p = { .fd = s->listen_fd, .events = POLLIN };
	struct km_qmig_status st = { 0 };

	for (int i = 0; i < 100; i++) {
		if (poll(&p, 1, 200) > 0)
			return 0;
		if (!km_qmig_query(s->qmp, &st, NULL) && !strcmp(st.status, "failed"))
			break;
	}
	return km_err_set(err, -EREMOTEIO, "the source QEMU did not start its migration: %s",
			  st.error[0] ? st.error : "it never connected");
}

static int accept_qemu(struct source *s, int *fd, struct km_err *err)
{
	int rc = await_qemu(s, err);

	if (rc)
		return rc;
	*fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (*fd < 0)
		return km_err_set(err, -errno, "accept: %s", strerror(errno));
	rc = km_rundir_check_peer(*fd, s->vm->pid, err);
	if (!rc && km_guard_keep(&s->guard, *fd))
		rc = km_err_set(err, -EPIPE, "the guard process is gone");
	return rc;
}

/* QEMU's main channel is its first connection; the others, to the same path, must stay as wide as they
 * are.  They wait in connect(2) as long as one may wait to be accepted, and that is there
 * (unix_stream_connect(), unix_recvq_full()). */
static int start_main_channel(struct source *s, const char *uri, struct km_err *err)
{
	int rc;

	listen(s->listen_fd, 0);
	rc = km_qmig_start(s->qmp, uri, err);
	if (rc)
		return rc;
	s->t_migrate = km_now_ms();
	rc = await_qemu(s, err);
	if (!rc && km_narrow(s->vm->pid, uri + strlen("unix:")))
		s->pace.socket_zeros = NARROW_ZEROS;
	listen(s->listen_fd, KM_STREAMS_MAX + 1);
	return rc ? rc : accept_qemu(s, &s->m.main_fd, err);
}

static int start_relay(struct source *s, struct km_err *err)
{
	uint8_t init[KM_MULTIFD_INIT_BYTES];
	struct km_multifd_init mi;
	char uri[128];
	int rc;

	s->listen_fd = km_source_listen(s, "mig", err);
	if (s->listen_fd < 0)
		return s->listen_fd;
	snprintf(uri, sizeof(uri), "unix:%s/mig", s->dir);
	rc = start_main_channel(s, uri, err);
	if (rc)
		return rc;
	for (unsigned int i = 0; !rc && i < s->o->streams; i++) {
		struct km_channel *c = &s->m.channels[i];

		rc = accept_qemu(s, &c->fd, err);
		if (rc)
			break;
		c->move = &s->m;
		s->m.nchannels = i + 1;
		rc = km_read_full(c->fd, init, sizeof(init));
		rc = rc ? km_err_set(err, rc, "a multifd channel broke off") :
			  km_multifd_init_parse(init, &mi, err);
	}
	km_placing_look(&s->placing, &s->run->placed); /* each channel's thread has written */
	s->m.redials = return_ms(s);
	if (!rc)
		rc = km_senders_start(&s->m, err);
	if (!rc)
		rc = km_intake_start(&s->m, err);
	return rc;
}

static int start_qemu_engine(struct source *s, struct km_err *err)
{
	char uri[512];
	int rc;

	snprintf(uri, sizeof(uri), "tcp:%s:%u", s->o->host, s->dest_port);
	rc = km_qmig_start(s->qmp, uri, err);
	s->t_migrate = km_now_ms();
	return rc;
}

static int check_state(struct source *s, struct km_err *err)
{
	char state[32];
	int rc = km_qmp_run_state(s->qmp, state, err);

	if (rc)
		return rc;
	s->was_running = !strcmp(state, "running");
	if (!s->was_running && strcmp(state, "paused") && strcmp(state, "prelaunch"))
		return km_err_set(err, -EBUSY, "guest %s is in state %s and can't be moved",
				  s->vm->name, state);
	return 0;
}

/* From here on nothing that this process does is forgotten when it dies. */
static int open_journal(struct source *s, struct km_err *err)
{
	struct km_journal *j = &s->journal;

	snprintf(j->id, sizeof(j->id), "%s", s->run->id);
	snprintf(j->vm_name, sizeof(j->vm_name), "%s", s->vm->name);
	snprintf(j->uuid, sizeof(j->uuid), "%s", s->vm->uuid);
	snprintf(j->qmp, sizeof(j->qmp), "%s", s->vm->qmp);
	snprintf(j->host, sizeof(j->host), "%s", s->o->host);
	snprintf(j->port, sizeof(j->port), "%s", s->o->port);
	j->vm_pid = s->vm->pid;
	j->was_running = s->was_running;
	if (km_keep(j, s->o->creds, err))
		return err->code;
	return km_journal_write(j, true, err);
}

/* What the guard would put back. */
static int tell_settings(struct source *s, struct km_err *err)
{
	char *text = km_qmig_saved_text(&s->saved);
	int rc = text ? km_guard_say(&s->guard, "saved %s", text) : -ENOMEM;

	free(text);
	return rc ? km_err_set(err, rc, "the guard process is gone") : 0;
}

static void tell_secured(struct source *s)
{
	struct km_run *r = s->run;

	snprintf(r->encryption, sizeof(r->encryption), "%s",
		 km_secure_name(km_creds_kind(s->o->creds)));
	if (s->m.control.tls)
		snprintf(r->cipher, sizeof(r->cipher), "%s", km_tls_cipher(s->m.control.tls));
}

int km_source_set_up(struct source *s, struct km_err *err)
{
	int rc = km_qmp_open(&s->qmp, s->vm->qmp, KM_QMP_MS, err);
	uint64_t bandwidth = s->o->bandwidth_bytes_per_s;

	if (!rc)
		rc = check_state(s, err);
	if (!rc)
		rc = open_journal(s, err);
	km_fault("journaled");
	if (!rc)
		rc = km_source_guard_start(s, err);
	if (!rc)
		km_placing_begin(&s->placing, &s->o->place, s->vm->pid, &s->guard, &s->run->placed);
	if (!rc)
		rc = km_ramblocks_read(s->qmp, s->vm->pid, &s->m.where, err);
	if (!rc)
		rc = km_conn_dial(&s->m.control, s->o->host, s->o->port, s->o->creds,
				  (int)s->o->peer_ms, err);
	if (!rc)
		tell_secured(s);
	s->m.control.clocks = &s->clocks;
	if (!rc)
		rc = km_talk_up(&s->m.talk, 0, err);
	if (!rc)
		rc = km_pinger_start(&s->pinger, &s->m.control, err);
	if (!rc)
		rc = say_hello(s, err);
	km_fault("greeted");
	if (!rc)
		rc = km_qmig_save(s->qmp, &s->saved, err);
	if (!rc)
		rc = tell_settings(s, err);
	if (!rc)
		rc = km_qmig_prepare_source(s->qmp, s->relay, s->o->streams,
					    km_source_disks_mirrored(s) ? bandwidth / 2 : bandwidth,
					    &s->saved, err);
	if (!rc) {
		km_source_module_open(s);
		km_source_impact_open(s);
		km_holding_begin(&s->holding, &s->o->hold, s->vm->pid, &s->run->hold);
		km_weight_begin(&s->weight, s->o->cpu_weight, s->vm->pid, &s->guard,
				&s->run->weight);
	}
	if (!rc)
		rc = pthread_create(&s->control, NULL, km_source_control_main, s) ? -EAGAIN : 0;
	if (!rc && s->relay)
		rc = open_lanes(s, err);
	if (!rc)
		rc = km_source_disks_mirror(s, err);
	if (!rc)
		rc = s->relay ? start_relay(s, err) : start_qemu_engine(s, err);
	return rc;
}
