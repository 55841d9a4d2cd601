// SPDX-License-Identifier: GPL-2.0
#include "diskserver.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "qmigrate.h"
#include "rundir.h"

#define FORMAT_MS 60000

const char *km_disk_export_name(char buf[KM_DISK_NAME_MAX], unsigned int nr)
{
	snprintf(buf, KM_DISK_NAME_MAX, "kmigrate-disk%u", nr);
	return buf;
}

static void exec_server(const char *exe, const char *dir, pid_t parent)
{
	char qmp[128], log[128];
	int null = open("/dev/null", O_RDWR), fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	snprintf(qmp, sizeof(qmp), "unix:%s/qmp,server=on,wait=off", dir);
	snprintf(log, sizeof(log), "%s/log", dir);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(null, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	closefrom(3);
	/* Not by Ctrl-C at a terminal: it ends when it is told to. */
	setsid();
	execl(exe, exe, "-machine", "none", "-S", "-nodefaults", "-no-user-config", "-display",
	      "none", "-name", "kmigrate-disks", "-qmp", qmp, NULL);
	dprintf(2, "cannot run %s: %s\n", exe, strerror(errno));
	_exit(127);
}

static bool has_ended(const struct km_diskserver *d)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)d->pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

/* How it ended and what it wrote last: more than the socket that broke says. */
static int why_ended(const struct km_diskserver *d, struct km_err *err)
{
	char path[128], line[256] = "", said[256] = "it said nothing";
	siginfo_t info = { 0 };
	FILE *f;

	waitid(P_PID, (id_t)d->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	snprintf(path, sizeof(path), "%s/log", d->dir);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (line[0] != '\n')
			snprintf(said, sizeof(said), "%.*s", (int)strcspn(line, "\n"), line);
	if (f)
		fclose(f);
	return km_err_set(err, -ECHILD, "the disk server ended (%s %d): %s",
			  info.si_code == CLD_EXITED ? "status" : "signal", info.si_status, said);
}

/* As km_qmp_exec(). */
static int ask(struct km_diskserver *d, const char *cmd, json_t *args, json_t **ret,
	       struct km_err *err)
{
	int rc = km_qmp_exec(d->qmp, cmd, args, ret, KM_QMP_MS, err);

	/* Its sockets close first. */
	for (int i = 0; i < 50 && rc && rc != -EREMOTEIO && rc != -ETIMEDOUT && !has_ended(d); i++)
		usleep(20000);
	return rc && has_ended(d) ? why_ended(d, err) : rc;
}

static int await_monitor(struct km_diskserver *d, struct km_err *err)
{
	char path[128];
	int rc = -ENOENT;

	snprintf(path, sizeof(path), "%s/qmp", d->dir);
	for (int i = 0; i < 600 && !has_ended(d); i++) {
		rc = km_qmp_open(&d->qmp, path, KM_QMP_MS, err);
		if (!rc)
			return 0;
		usleep(50000);
	}
	return has_ended(d) ? why_ended(d, err) :
			      km_err_set(err, rc, "the disk server's monitor does not answer");
}

int km_diskserver_start(struct km_diskserver *d, const char *exe, struct km_err *err)
{
	char uri[128];
	pid_t self = getpid();
	int rc = km_rundir_make(d->dir, sizeof(d->dir), "disks", err);

	if (rc)
		return rc;
	d->pid = fork();
	if (!d->pid)
		exec_server(exe, d->dir, self);
	if (d->pid < 0) {
		d->pid = 0;
		return km_err_set(err, -EAGAIN, "cannot start the disk server");
	}
	rc = await_monitor(d, err);
	snprintf(uri, sizeof(uri), "%s/nbd", d->dir);
	if (!rc)
		rc = ask(d, "nbd-server-start",
			 json_pack("{s:{s:s,s:{s:s}}}", "addr", "type", "unix", "data", "path",
				   uri),
			 NULL, err);
	return rc;
}

/* A file or a device of the host, as a node. */
static json_t *protocol(const char *path, const char *cache)
{
	struct stat st;
	bool device = !stat(path, &st) && S_ISBLK(st.st_mode);
	json_t *o = json_pack("{s:s,s:s,s:s}", "driver", device ? "host_device" : "file",
			      "filename", path, "discard", "unmap");

	/* Around the page cache, where that works: what a flush has to wait for at the
	 * switch-over is then on the disk already. */
	json_object_set_new(o, "cache", json_pack("{s:b}", "direct", !strcmp(cache, "direct")));
	return o;
}

/* ---- making one ---- */

static int await_created(struct km_diskserver *d, struct km_err *err)
{
	json_t *jobs = NULL, *job;
	const char *status, *error;
	int rc = 0;

	for (int ms = 0; ms < FORMAT_MS; ms += 20) {
		rc = ask(d, "query-jobs", NULL, &jobs, err);
		if (rc)
			return rc;
		job = json_array_get(jobs, 0);
		status = json_string_value(json_object_get(job, "status"));
		error = json_string_value(json_object_get(job, "error"));
		if (error)
			rc = km_err_set(err, -EIO, "%.300s", error);
		else if (!status || strcmp(status, "concluded"))
			rc = -EAGAIN;
		json_decref(jobs);
		if (rc != -EAGAIN)
			return rc;
		usleep(20000);
	}
	return km_err_set(err, -ETIMEDOUT, "it takes too long");
}

static int close_node(struct km_diskserver *d, const char *node, struct km_err *err)
{
	return ask(d, "blockdev-del", json_pack("{s:s}", "node-name", node), NULL, err);
}

int km_diskserver_format(struct km_diskserver *d, const char *path, const char *format,
			 uint64_t bytes, struct km_err *err)
{
	struct km_err why = { 0 };
	json_t *node = protocol(path, "writeback");
	int rc;

	json_object_set_new(node, "node-name", json_string("new"));
	rc = ask(d, "blockdev-add", node, NULL, &why);
	if (!rc)
		rc = ask(d, "blockdev-create",
			 json_pack("{s:s,s:{s:s,s:s,s:I}}", "job-id", "new", "options", "driver",
				   format, "file", "new", "size", (json_int_t)bytes),
			 NULL, &why);
	if (!rc)
		rc = await_created(d, &why);
	if (!rc)
		rc = ask(d, "job-dismiss", json_pack("{s:s}", "id", "new"), NULL, &why);
	if (!rc)
		rc = close_node(d, "new", &why);
	return rc ? km_err_set(err, rc, "cannot make the image %.300s: %s", path, why.text) : 0;
}

/* ---- opening one ---- */

static int open_node(struct km_diskserver *d, const char *node, const char *path,
		     const char *format, const char *cache, struct km_err *err)
{
	return ask(d, "blockdev-add",
		   json_pack("{s:s,s:s,s:s,s:s,s:o}", "driver", format, "node-name", node,
			     "discard", "unmap", "detect-zeroes", "unmap", "file",
			     protocol(path, cache)),
		   NULL, err);
}

static int check_size(struct km_diskserver *d, const char *node, uint64_t bytes, struct km_err *err)
{
	json_t *nodes = NULL, *n;
	json_int_t size = -1;
	size_t i;
	int rc = ask(d, "query-named-block-nodes", NULL, &nodes, err);

	if (rc)
		return rc;
	json_array_foreach(nodes, i, n) {
		const char *name = json_string_value(json_object_get(n, "node-name"));

		if (name && !strcmp(name, node))
			size = json_integer_value(
				json_object_get(json_object_get(n, "image"), "virtual-size"));
	}
	json_decref(nodes);
	return (uint64_t)size == bytes ?
		       0 :
		       km_err_set(err, -EMEDIUMTYPE, "it has %lld bytes, the source's %llu",
				  (long long)size, (unsigned long long)bytes);
}

int km_diskserver_export(struct km_diskserver *d, unsigned int nr, const char *path,
			 const char *format, uint64_t bytes, struct km_err *err)
{
	char name[KM_DISK_NAME_MAX];
	struct km_err why = { 0 };
	int rc;

	km_disk_export_name(name, nr);
	/* tmpfs, for one, has no direct way. */
	rc = open_node(d, name, path, format, "direct", &why);
	if (rc == -EREMOTEIO)
		rc = open_node(d, name, path, format, "writeback", &why);
	if (!rc)
		rc = check_size(d, name, bytes, &why);
	if (!rc)
		rc = ask(d, "block-export-add",
			 json_pack("{s:s,s:s,s:s,s:s,s:b}", "type", "nbd", "id", name, "node-name",
				   name, "name", name, "writable", true),
			 NULL, &why);
	return rc ? km_err_set(err, rc, "cannot use the image %.300s: %s", path, why.text) : 0;
}

int km_diskserver_dial(const struct km_diskserver *d, struct km_err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/nbd", d->dir);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&un, sizeof(un)))
		return fd;
	rc = km_err_set(err, -errno, "cannot connect to the disk server: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

/* ---- the end ---- */

/* nbd-server-stop returns when no client and no export is left (blockdev-nbd.c,
 * blk_exp_close_all_type()), and closing an image writes what is still in QEMU. */
int km_diskserver_finish(struct km_diskserver *d, struct km_err *err)
{
	siginfo_t info = { 0 };
	int rc;

	if (!d->pid)
		return 0;
	rc = ask(d, "nbd-server-stop", NULL, NULL, err);
	if (!rc) /* its answer may be lost with it: how it ends says more */
		rc = km_qmp_exec(d->qmp, "quit", NULL, NULL, KM_QMP_MS, err) == -EREMOTEIO ?
			     -EREMOTEIO :
			     0;
	for (int ms = 0; !rc && !has_ended(d); ms += 1) {
		if (ms >= KM_QMP_MS)
			rc = km_err_set(err, -ETIMEDOUT, "the disk server does not end");
		usleep(1000);
	}
	if (rc || waitid(P_PID, (id_t)d->pid, &info, WEXITED | WNOHANG | WNOWAIT))
		return rc;
	return info.si_code == CLD_EXITED && !info.si_status ?
		       0 :
		       km_err_set(err, -EIO, "the disk server did not end in order (%s %d)",
				  info.si_code == CLD_EXITED ? "status" : "signal", info.si_status);
}

void km_diskserver_kill(const struct km_diskserver *d)
{
	if (d->pid > 0)
		kill(d->pid, SIGKILL);
}

void km_diskserver_end(struct km_diskserver *d)
{
	km_diskserver_kill(d);
	if (d->pid > 0)
		waitpid(d->pid, NULL, 0);
	d->pid = 0;
	km_qmp_close(d->qmp);
	d->qmp = NULL;
	km_rundir_remove(d->dir);
}
