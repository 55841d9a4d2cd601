// SPDX-License-Identifier: GPL-2.0
#include "destqemu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fault.h"
#include "frame.h"
#include "qmigrate.h"
#include "rundir.h"

void km_destqemu_adopt(struct km_destqemu *d, struct km_attached *a, const struct km_guard *guard)
{
	d->attached = a;
	d->pid = a->vm.pid;
	d->qmp = a->qmp;
	snprintf(d->monitor, sizeof(d->monitor), "%s", a->vm.qmp);
	a->qmp = NULL;
	a->guard = guard;
}

/* The settings of one that is attached to are remembered before they are changed.
 * An answer to migrate-incoming that is missing is no refusal. */
static int open_incoming(struct km_destqemu *d, bool multifd, const char *uri, struct km_err *err)
{
	struct km_attached *a = d->attached;
	int rc = a ? km_attach_begin(a, d->qmp, err) : 0;

	if (!rc)
		rc = km_qmig_prepare_dest(d->qmp, multifd, err);
	if (rc)
		return rc;
	km_fault("prepared");
	if (a) {
		a->begun = true;
		km_guard_say(a->guard, "begun %s", d->dir);
	}
	rc = km_qmig_incoming(d->qmp, uri, err);
	if (a && rc == -EREMOTEIO)
		km_attach_refused(a);
	if (a && !rc)
		rc = km_attach_hold(d->qmp, err);
	return rc;
}

static int dial_qemu(const struct km_destqemu *d, const char *path, struct km_err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un))) {
		km_err_set(err, -errno, "cannot connect to %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return err && err->code ? err->code : -EIO;
	}
	rc = km_rundir_check_peer(fd, d->pid, err);
	if (rc)
		close(fd);
	return rc ? rc : fd;
}

int km_destqemu_listen_relay(struct km_destqemu *d, const uint8_t uuid[16], struct km_err *err)
{
	struct km_multifd_init first = { .id = 0 };
	uint8_t init[KM_MULTIFD_INIT_BYTES];
	char path[192], uri[208];
	int rc = 0;

	if (d->attached)
		rc = km_rundir_make(d->dir, sizeof(d->dir), "in", err);
	if (!rc && d->attached)
		rc = km_rundir_share(d->dir, NULL, d->pid, err);
	snprintf(path, sizeof(path), "%s/mig", d->dir);
	snprintf(uri, sizeof(uri), "unix:%s", path);
	if (!rc)
		rc = open_incoming(d, true, uri, err);
	if (rc)
		return rc;
	d->main_fd = dial_qemu(d, path, err); /* QEMU 7.2: the first connection is the main one */
	if (d->main_fd < 0)
		return d->main_fd;
	d->channel_fd = dial_qemu(d, path, err);
	if (d->channel_fd < 0)
		return d->channel_fd;
	memcpy(first.uuid, uuid, sizeof(first.uuid));
	km_multifd_init_build(init, &first);
	rc = km_write_full(d->channel_fd, init, sizeof(init));
	return rc ? km_err_set(err, rc, "the destination QEMU refused a channel") : 0;
}

int km_destqemu_listen_tcp(struct km_destqemu *d, unsigned int *port, struct km_err *err)
{
	struct km_qmig_status s;
	int rc = open_incoming(d, false, "tcp:0.0.0.0:0", err);

	if (!rc)
		rc = km_qmig_query(d->qmp, &s, err);
	if (!rc && !s.port)
		rc = km_err_set(err, -EPROTO, "the destination QEMU does not say its port");
	*port = rc ? 0 : s.port;
	return rc;
}

static int write_channel(struct km_destqemu *d, struct km_multifd_packet *p, const uint8_t *data,
			 struct km_err *err)
{
	uint8_t head[KM_MULTIFD_PACKET_BYTES];
	int rc;

	p->packet_num = d->packets++;
	km_multifd_packet_build(head, p);
	rc = km_write_full(d->channel_fd, head, sizeof(head));
	if (!rc && p->npages)
		rc = km_write_full(d->channel_fd, data, KM_PAGE_SIZE);
	return rc ? km_err_set(err, rc, "the destination QEMU closed a multifd channel") : 0;
}

int km_destqemu_sync(struct km_destqemu *d, struct km_err *err)
{
	struct km_multifd_packet p = { .sync = true };

	return write_channel(d, &p, NULL, err);
}

int km_destqemu_page(struct km_destqemu *d, const char *block, uint64_t index, const uint8_t *data,
		     struct km_err *err)
{
	static const uint8_t zeros[KM_PAGE_SIZE];
	struct km_multifd_packet p = { .npages = 1 };

	snprintf(p.block, sizeof(p.block), "%s", block);
	p.offset[0] = index << KM_PAGE_SHIFT;
	return write_channel(d, &p, data ? data : zeros, err);
}

/* A lost answer to cont is not a refusal: it runs if it says so. */
int km_destqemu_go(struct km_destqemu *d, struct km_err *err)
{
	char state[32] = "";
	int rc = km_qmp_exec(d->qmp, "cont", NULL, NULL, KM_QMP_MS, err);

	if (rc && rc != -EREMOTEIO && !km_qmp_run_state(d->qmp, state, NULL) &&
	    !strcmp(state, "running"))
		rc = 0;
	return rc;
}

bool km_destqemu_alive(const struct km_destqemu *d)
{
	siginfo_t info = { 0 };

	if (d->attached)
		return d->pid > 0 && km_attach_alive(d->attached);
	return d->pid > 0 && !waitid(P_PID, (id_t)d->pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

void km_destqemu_release(struct km_destqemu *d)
{
	static const char *const names[] = { "qmp", "mig", "log" };
	char path[192];

	km_destqemu_free_args(d);
	if (d->attached && d->pid > 0) /* it runs: its settings are its owner's again */
		km_attach_put_back(d->attached, d->qmp);
	km_qmp_close(d->qmp);
	d->qmp = NULL;
	if (d->main_fd > 0)
		close(d->main_fd);
	if (d->channel_fd > 0)
		close(d->channel_fd);
	d->main_fd = d->channel_fd = 0;
	for (size_t i = 0; d->dir[0] && i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", d->dir, names[i]);
		unlink(path);
	}
	if (d->dir[0])
		rmdir(d->dir);
	d->dir[0] = '\0';
}

void km_destqemu_end(struct km_destqemu *d)
{
	pid_t pid = d->pid;

	d->pid = 0;
	if (pid <= 0)
		return;
	if (d->attached && d->attached->begun)
		return km_attach_kill(d->attached);
	if (d->attached)
		return km_attach_put_back(d->attached, d->qmp);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
