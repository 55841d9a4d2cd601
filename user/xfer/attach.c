// SPDX-License-Identifier: GPL-2.0
#include "attach.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>
#include "../ctl/vms.h"

#define OPEN_MS 5000
#define QUIT_MS 3000 /* well below any source's patience: pings go on meanwhile */

static int find_waiting(struct km_vm *vm, const char *what, struct km_err *err)
{
	int rc = km_vms_find(what, vm, err);

	if (rc)
		return rc;
	if (!vm->state[0])
		return km_err_set(err, -EBUSY, "cannot attach to guest %.100s (pid %d): %.300s",
				  vm->name, vm->pid, vm->unmovable);
	if (strcmp(vm->state, "inmigrate"))
		return km_err_set(err, -EINVAL,
				  "guest %.100s (pid %d) is %s and does not wait for a migration: "
				  "start its QEMU with -incoming defer",
				  vm->name, vm->pid, vm->state);
	return 0;
}

static int check_idle(struct km_attached *a, struct km_err *err)
{
	char state[32];
	int rc = km_qmp_run_state(a->qmp, state, err);

	/* Somebody may have been quicker since it was found. */
	if (!rc && (strcmp(state, "inmigrate") || !km_qmig_idle(a->qmp)))
		rc = km_err_set(err, -EBUSY,
				"guest %.100s (pid %d) takes a migration from somebody else "
				"already: start its QEMU with -incoming defer",
				a->vm.name, a->vm.pid);
	return rc;
}

int km_attach_open(struct km_attached *a, const char *what, struct km_err *err)
{
	int rc;

	memset(a, 0, sizeof(*a));
	a->pidfd = -1;
	rc = find_waiting(&a->vm, what, err);
	if (rc)
		return rc;
	/* Before the monitor is asked: if that answers, the pid still is QEMU's. */
	a->pidfd = pidfd_open(a->vm.pid, 0);
	if (a->pidfd < 0)
		return km_err_set(err, -errno, "cannot watch process %d: %s", a->vm.pid,
				  strerror(errno));
	rc = km_qmp_open(&a->qmp, a->vm.qmp, OPEN_MS, err);
	if (!rc)
		rc = check_idle(a, err);
	if (rc)
		km_attach_close(a);
	return rc;
}

void km_attach_close(struct km_attached *a)
{
	km_qmp_close(a->qmp);
	a->qmp = NULL;
	if (a->pidfd >= 0)
		close(a->pidfd);
	a->pidfd = -1;
	json_decref(a->saved.caps);
	json_decref(a->saved.params);
	memset(&a->saved, 0, sizeof(a->saved));
}

/* Only what QEMU would not notice itself, or notice when it is too late to wait on. */
int km_attach_fits(const struct km_attached *a, const json_t *hello, struct km_err *err)
{
	const char *uuid = json_string_value(json_object_get(hello, "uuid"));
	const char *machine = json_string_value(json_object_get(hello, "machine"));
	json_int_t ram = json_integer_value(json_object_get(hello, "ram_bytes"));
	json_int_t vcpus = json_integer_value(json_object_get(hello, "vcpus"));
	const struct km_vm *vm = &a->vm;

	if (!uuid || strcasecmp(uuid, vm->uuid))
		return km_err_set(err, -EINVAL,
				  "the source's guest has UUID %.40s, QEMU %d here %s",
				  uuid ? uuid : "unknown", vm->pid, vm->uuid);
	if (machine && machine[0] && vm->machine[0] && strcmp(machine, vm->machine))
		return km_err_set(err, -EINVAL,
				  "the source's machine is %.100s, QEMU %d here has %s", machine,
				  vm->pid, vm->machine);
	if (ram > 0 && vm->ram_bytes && (uint64_t)ram != vm->ram_bytes)
		return km_err_set(err, -EINVAL,
				  "the source's guest has %lld MiB of RAM, QEMU %d here %lld MiB",
				  (long long)ram >> 20, vm->pid, (long long)vm->ram_bytes >> 20);
	if (vcpus > 0 && vm->vcpus && (uint64_t)vcpus != vm->vcpus)
		return km_err_set(err, -EINVAL,
				  "the source's guest has %lld vCPUs, QEMU %d here %u",
				  (long long)vcpus, vm->pid, vm->vcpus);
	return 0;
}

int km_attach_begin(struct km_attached *a, struct km_qmp *q, struct km_err *err)
{
	int rc = km_qmig_save(q, &a->saved, err);
	char *text;

	if (rc)
		return rc;
	text = km_qmig_saved_text(&a->saved);
	/* The guard's only hold on a process that it did not start either. */
	rc = text ? km_guard_keep(a->guard, a->pidfd) : -ENOMEM;
	if (!rc)
		rc = km_guard_say(a->guard, "saved %s", text);
	free(text);
	return rc ? km_err_set(err, rc, "the guard process is gone") : 0;
}

/* QEMU takes migrate-incoming again when it refused the first (qmp_migrate_incoming()). */
void km_attach_refused(struct km_attached *a)
{
	a->begun = false;
	km_guard_say(a->guard, "waits");
}

/* I5.  Without -S QEMU runs the guest as soon as it is loaded, by its variable
 * `autostart`; in state inmigrate `stop` does nothing but clear that (QEMU 7.2,
 * qmp_stop() and process_incoming_migration_bh(); much older, too).  It can't be
 * put back: `cont` would take the image locks, which are the source's. */
int km_attach_hold(struct km_qmp *q, struct km_err *err)
{
	return km_qmp_exec(q, "stop", NULL, NULL, KM_QMP_MS, err);
}

void km_attach_put_back(struct km_attached *a, struct km_qmp *q)
{
	struct km_qmp *own = NULL;

	if (!a->saved.caps)
		return;
	if (!q && km_qmp_open(&own, a->vm.qmp, KM_QMP_MS, NULL))
		return;
	km_qmig_restore(q ? q : own, &a->saved, NULL);
	km_qmp_close(own);
}

static bool gone_within(const struct km_attached *a, int ms)
{
	struct pollfd p = { .fd = a->pidfd, .events = POLLIN };
	int rc;

	do {
		rc = poll(&p, 1, ms);
	} while (rc < 0 && errno == EINTR);
	return rc > 0;
}

bool km_attach_alive(const struct km_attached *a)
{
	return !gone_within(a, 0);
}

/* SIGTERM is `quit` without a monitor: both ask the main loop for the same
 * (QEMU's qemu_system_killed()). */
void km_attach_kill(const struct km_attached *a)
{
	pidfd_send_signal(a->pidfd, SIGTERM, NULL, 0);
	if (gone_within(a, QUIT_MS))
		return;
	if (!pidfd_send_signal(a->pidfd, SIGKILL, NULL, 0))
		gone_within(a, -1);
}
