// SPDX-License-Identifier: GPL-2.0
#include "vmprobe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "qmp.h"
#include "unixsock.h"

/*
 * A monitor is for its owner: a stranger must not hold it for long. But QEMU answers between
 * what its guest wants of its main loop, and over a second was seen on a busy host.
 */
#define PROBE_MS 5000

static void copy_string(char *dst, size_t size, const json_t *s)
{
	if (json_is_string(s))
		snprintf(dst, size, "%s", json_string_value(s));
}

static json_t *ask(struct km_qmp *q, const char *cmd, json_t *args)
{
	json_t *ret = NULL;

	km_qmp_exec(q, cmd, args, &ret, PROBE_MS, NULL);
	return ret;
}

static int peer_pid(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	return cred.pid;
}

int km_vmprobe_listener(const char *path, struct km_err *err)
{
	int fd = km_unix_connect(path, km_now_ms() + PROBE_MS, err);
	int pid;

	if (fd < 0)
		return fd;
	pid = peer_pid(fd);
	close(fd);
	if (pid == 0) /* in a pid namespace that we don't see */
		pid = -ESRCH;
	return pid < 0 ? km_err_set(err, pid, "%s: can't tell whose socket it is", path) : pid;
}

static void ask_identity(struct km_qmp *q, struct km_vm *vm)
{
	char fallback[32];
	json_t *j;
	size_t len;

	snprintf(fallback, sizeof(fallback), "pid-%d", (int)vm->pid);
	if (!strcmp(vm->name, fallback)) {
		j = ask(q, "query-name", NULL);
		copy_string(vm->name, sizeof(vm->name), json_object_get(j, "name"));
		json_decref(j);
	}
	j = ask(q, "query-uuid", NULL);
	copy_string(vm->uuid, sizeof(vm->uuid), json_object_get(j, "UUID"));
	json_decref(j);

	/* The type's name is the versioned one, whatever alias (pc, q35) was asked for. */
	j = ask(q, "qom-get", json_pack("{s:s, s:s}", "path", "/machine", "property", "type"));
	copy_string(vm->machine, sizeof(vm->machine), j);
	json_decref(j);
	len = strlen(vm->machine);
	if (len > 8 && !strcmp(vm->machine + len - 8, "-machine"))
		vm->machine[len - 8] = '\0';
}

static void ask_size(struct km_qmp *q, struct km_vm *vm)
{
	json_t *j = ask(q, "query-cpus-fast", NULL);
	json_int_t bytes;

	if (json_array_size(j))
		vm->vcpus = (unsigned int)json_array_size(j);
	json_decref(j);

	j = ask(q, "query-memory-size-summary", NULL);
	bytes = json_integer_value(json_object_get(j, "base-memory")) +
		json_integer_value(json_object_get(j, "plugged-memory"));
	if (bytes > 0)
		vm->ram_bytes = (uint64_t)bytes;
	json_decref(j);
}

static void set_unmovable(struct km_vm *vm, const char *why)
{
	if (!vm->unmovable[0])
		snprintf(vm->unmovable, sizeof(vm->unmovable), "%s", why);
}

static void judge_state(struct km_vm *vm)
{
	static const struct {
		const char *state, *why;
	} bad[] = {
		{ "inmigrate", "it waits for an incoming migration itself" },
		{ "postmigrate", "it has been migrated away already" },
		{ "finish-migrate", "another migration is about to finish" },
		{ "save-vm", "a snapshot is being saved" },
		{ "restore-vm", "a snapshot is being restored" },
		{ "internal-error", "QEMU stopped it after an internal error" },
		{ "colo", "it is replicated by COLO" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!strcmp(vm->state, bad[i].state))
			set_unmovable(vm, bad[i].why);
}

/* QEMU's own reasons, from 6.0 on (qapi/migration.json, blocked-reasons). */
static void judge_migration(struct km_qmp *q, struct km_vm *vm)
{
	json_t *j = ask(q, "query-migrate", NULL);
	const char *status = json_string_value(json_object_get(j, "status"));
	const char *why =
		json_string_value(json_array_get(json_object_get(j, "blocked-reasons"), 0));
	char text[KM_ERR_MAX];

	if (why) {
		snprintf(text, sizeof(text), "QEMU says: %s", why);
		set_unmovable(vm, text);
	}
	/* A destination has a status of its own: see inmigrate. */
	if (status && strcmp(vm->state, "inmigrate") &&
	    (!strcmp(status, "setup") || !strcmp(status, "active") || !strcmp(status, "device") ||
	     !strcmp(status, "pre-switchover") || !strncmp(status, "postcopy", 8)))
		set_unmovable(vm, "another migration of it is under way");
	json_decref(j);
}

void km_vmprobe_ask(struct km_vm *vm, pid_t listener)
{
	struct km_err err = { 0 };
	struct km_qmp *q;
	int v[3];
	int rc = km_qmp_open(&q, vm->qmp, PROBE_MS, &err);
	int peer;

	if (rc == -EBUSY)
		return set_unmovable(vm, "its QMP monitor is in use by another client");
	if (rc)
		return set_unmovable(vm, err.text);
	peer = peer_pid(km_qmp_fd(q));
	if (listener && peer > 0 && peer != listener) {
		char text[KM_ERR_MAX];

		snprintf(text, sizeof(text), "%.200s belongs to process %d now", vm->qmp, peer);
		set_unmovable(vm, text);
		km_qmp_close(q);
		return;
	}
	km_qmp_version(q, &v[0], &v[1], &v[2]);
	snprintf(vm->qemu_version, sizeof(vm->qemu_version), "%d.%d.%d", v[0], v[1], v[2]);
	ask_identity(q, vm);
	ask_size(q, vm);
	if (km_qmp_run_state(q, vm->state, &err))
		set_unmovable(vm, err.text);
	if (v[0] < 6)
		set_unmovable(vm, "its QEMU is older than 6.0");
	judge_state(vm);
	judge_migration(q, vm);
	km_qmp_close(q);
}
