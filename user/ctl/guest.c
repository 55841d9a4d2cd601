// SPDX-License-Identifier: GPL-2.0
#include "guest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "vmprobe.h"
#include "vms.h"

static void __attribute__((format(printf, 2, 3))) unmovable(struct km_vm *vm, const char *fmt, ...)
{
	va_list ap;

	if (vm->unmovable[0])
		return;
	va_start(ap, fmt);
	vsnprintf(vm->unmovable, sizeof(vm->unmovable), fmt, ap);
	va_end(ap);
}

static bool is_qemu_name(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	/* qemu-kvm: RHEL and its relatives; a replaced binary has " (deleted)" behind it. */
	return !strncmp(base, "qemu-system-", 12) || !strncmp(base, "qemu-kvm", 8);
}

/* QEMU 7.2's -async-teardown leaves a clone that shares the memory, holds no
 * descriptors and only waits for its parent's end (os-posix.c). */
static bool is_teardown_helper(pid_t pid)
{
	char *comm = km_proc_read(pid, "comm", NULL);
	bool is = comm && !strncmp(comm, "cleanup/", 8);

	free(comm);
	return is;
}

/* The path at which we reach what the guest's QEMU calls `path`. */
static bool resolve_path(pid_t pid, const char *path, char *out, size_t size)
{
	char cwd[PATH_MAX] = "";
	char root[32] = "";
	int n;

	if (!km_proc_same_root(pid))
		snprintf(root, sizeof(root), "/proc/%d/root", (int)pid);
	if (path[0] != '/' && !km_proc_link(pid, "cwd", cwd, sizeof(cwd)))
		return false;
	n = snprintf(out, size, "%s%s%s%s", root, strcmp(cwd, "/") ? cwd : "",
		     path[0] == '/' ? "" : "/", path);
	return n > 0 && (size_t)n < size;
}

/* The path a passed-on listening descriptor is bound to. */
static bool bound_path(const struct km_guest *g, int fd, char *path, size_t size)
{
	uint64_t inode = km_fds_socket(&g->fds, fd);
	char *text = inode ? km_unix_read(g->vm.pid) : NULL;
	const char *at = text;
	struct km_unix u;
	bool found = false;

	while (at && !found && km_unix_next(&at, &u)) {
		found = u.inode == inode && u.path[0] && u.path[0] != '@';
		if (found)
			snprintf(path, size, "%.107s", u.path);
	}
	free(text);
	return found;
}

/* Does QEMU have a client there?  An accepted socket carries its listener's
 * name.  Asking the kernel disturbs nobody; connecting would. */
static bool is_connected(const struct km_guest *g, const char *path)
{
	char *text = km_unix_read(g->vm.pid);
	const char *at = text;
	struct km_unix u;
	bool found = false;

	while (at && !found && km_unix_next(&at, &u))
		found = u.connected && !strcmp(u.path, path) && km_fds_has_socket(&g->fds, u.inode);
	free(text);
	return found;
}

/* QEMU needs a moment to notice that a client has gone. */
static bool stays_connected(struct km_guest *g, const char *path)
{
	const struct timespec nap = { .tv_nsec = 30 * 1000 * 1000 };

	for (int i = 0; i < 6; i++) {
		if (!is_connected(g, path))
			return false;
		nanosleep(&nap, NULL);
		km_fds_free(&g->fds);
		km_fds_read(g->vm.pid, &g->fds);
	}
	return true;
}

static bool monitor_path(const struct km_guest *g, const struct km_monitor *m, char name[108],
			 char *path, size_t size)
{
	struct stat st;

	if (m->kind == KM_MONITOR_PATH)
		memcpy(name, m->path, sizeof(m->path));
	else if (m->kind != KM_MONITOR_FD || !bound_path(g, m->fd, name, 108))
		return false;
	return resolve_path(g->vm.pid, name, path, size) && !stat(path, &st) &&
	       S_ISSOCK(st.st_mode);
}

static bool use_monitor(struct km_guest *g, const struct km_monitor *m, bool *busy)
{
	char name[108];
	char path[PATH_MAX];

	if (!monitor_path(g, m, name, path, sizeof(path)))
		return false;
	if (stays_connected(g, name)) {
		*busy = true;
		if (!g->vm.qmp[0])
			snprintf(g->vm.qmp, sizeof(g->vm.qmp), "%s", path);
		return false;
	}
	snprintf(g->vm.qmp, sizeof(g->vm.qmp), "%s", path);
	g->listener = m->kind == KM_MONITOR_PATH ? g->vm.pid : 0;
	g->monitor_free = true;
	return true;
}

void km_guest_choose_monitor(struct km_guest *g)
{
	bool busy = false;

	for (unsigned int i = 0; i < g->cmd.nmonitors; i++)
		if (use_monitor(g, &g->cmd.monitor[i], &busy))
			return;
	if (g->vm.unmovable[0])
		return;
	if (g->cmd.libvirt)
		unmovable(&g->vm, "its only QMP monitor is libvirt's: give it a second one "
				  "(<qemu:commandline> -qmp unix:PATH,server=on,wait=off)");
	else if (busy)
		unmovable(&g->vm, "its QMP monitor is in use by another client");
	else if (!g->cmd.nmonitors)
		unmovable(&g->vm, "no QMP monitor: start QEMU with -qmp "
				  "unix:PATH,server=on,wait=off");
	else
		unmovable(&g->vm,
			  "its QMP monitor is not a unix socket that can be reached from here");
}

/* The largest writable mapping that is not code: guest RAM dwarfs the rest, but
 * for TCG's translation buffer, which is executable. */
static void find_backing(struct km_vm *vm)
{
	struct km_map *maps;
	uint64_t best = 0;
	size_t n;

	if (km_maps_read(vm->pid, &maps, &n))
		return;
	for (size_t i = 0; i < n; i++) {
		uint64_t size = maps[i].end - maps[i].start;

		if (!maps[i].write || maps[i].exec || size <= best)
			continue;
		best = size;
		vm->backing = km_map_backing(&maps[i]);
	}
	free(maps);
}

static void judge_process(struct km_guest *g, bool is_qemu)
{
	struct km_vm *vm = &g->vm;

	if (!is_qemu)
		unmovable(vm, "not QEMU: only QEMU's guests can be moved");
	if (!g->fds.readable)
		unmovable(vm, "its /proc/%d is closed to this user: try as root", (int)vm->pid);
	if (g->cmd.vfio[0])
		unmovable(vm, "a host device is passed through (%s)", g->cmd.vfio);
	else if (g->fds.vfio)
		unmovable(vm, "a host device is passed through (vfio)");
}

bool km_guest_examine(pid_t pid, struct km_guest *g)
{
	struct km_vm *vm = &g->vm;
	char **argv = NULL;
	bool is_qemu;

	memset(g, 0, sizeof(*g));
	vm->pid = pid;
	if (km_argv_read(pid, &argv, NULL))
		return false;
	km_proc_link(pid, "exe", vm->exe, sizeof(vm->exe));
	is_qemu = is_qemu_name(vm->exe[0] ? vm->exe : argv[0]);
	km_fds_read(pid, &g->fds);
	if ((!is_qemu && !g->fds.kvm_vm) || is_teardown_helper(pid)) {
		km_fds_free(&g->fds);
		km_argv_free(argv);
		return false;
	}
	if (is_qemu)
		km_cmdline_parse(argv, &g->cmd);
	km_argv_free(argv);

	snprintf(vm->name, sizeof(vm->name), "%s", g->cmd.name);
	if (!vm->name[0])
		snprintf(vm->name, sizeof(vm->name), "pid-%d", (int)pid);
	vm->ram_bytes = g->cmd.ram_bytes;
	vm->vcpus = g->fds.kvm_vcpus ? g->fds.kvm_vcpus : g->cmd.vcpus;
	if (g->fds.kvm_vm)
		vm->accel = KM_ACCEL_KVM;
	else
		vm->accel = g->fds.readable ? KM_ACCEL_TCG : g->cmd.accel;
	find_backing(vm);
	judge_process(g, is_qemu);
	return true;
}

bool km_guest_owns_socket(const struct km_guest *g, const char *what)
{
	char name[108];
	char path[PATH_MAX];
	struct stat st;
	struct stat own;

	if (stat(what, &st))
		return false;
	for (unsigned int i = 0; i < g->cmd.nmonitors; i++)
		if (monitor_path(g, &g->cmd.monitor[i], name, path, sizeof(path)) &&
		    !stat(path, &own) && own.st_dev == st.st_dev && own.st_ino == st.st_ino)
			return true;
	return false;
}

void km_guest_ask(struct km_guest *g)
{
	/* A reason not to move it may be known already: the state still is of
	 * interest.  A monitor that is in use is left alone. */
	if (g->monitor_free)
		km_vmprobe_ask(&g->vm, g->listener);
}
