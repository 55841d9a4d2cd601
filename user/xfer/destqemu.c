// SPDX-License-Identifier: GPL-2.0
#include "destqemu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "frame.h"
#include "qmigrate.h"

#define ARGS_MAX 1024
#define RUN_DIR	 "/run/kmigrate"

/* Options of the source's command line that must not be repeated: they belong
 * to that process, or km_destqemu_start() gives its own. */
static int skip_args(const char *arg, const char *value)
{
	static const char *const bare[] = { "-S", "-daemonize" };
	static const char own_qmp[] = "unix:" RUN_DIR "/";
	static const char *const valued[] = { "-incoming", "-pidfile", "-loadvm" };

	while (arg[0] == '-' && arg[1] == '-')
		arg++; /* QEMU takes both forms */
	for (size_t i = 0; i < 2; i++)
		if (!strcmp(arg, bare[i]))
			return 1;
	for (size_t i = 0; i < 3; i++)
		if (!strcmp(arg, valued[i]))
			return 2;
	/* The monitor that an earlier move added for itself. */
	if (!strcmp(arg, "-qmp") && value && !strncmp(value, own_qmp, sizeof(own_qmp) - 1))
		return 2;
	return 0;
}

static char *replaced(const char *arg, const struct km_opt_list *replace)
{
	char *s = strdup(arg);

	for (unsigned int i = 0; s && i < replace->n; i++) {
		const char *eq = strchr(replace->v[i], '=');
		size_t from = eq ? (size_t)(eq - replace->v[i]) : 0;
		char *at, *t;

		if (!from)
			continue;
		for (size_t pos = 0;;) {
			char key[PATH_MAX];

			snprintf(key, sizeof(key), "%.*s", (int)from, replace->v[i]);
			at = strstr(s + pos, key);
			if (!at)
				break;
			pos = (size_t)(at - s) + strlen(eq + 1);
			if (asprintf(&t, "%.*s%s%s", (int)(at - s), s, eq + 1, at + from) < 0)
				t = NULL;
			free(s);
			s = t;
			if (!s)
				break;
		}
	}
	return s;
}

static int build_argv(char **out, const char *exe, const json_t *argv, const char *dir,
		      const struct km_opt_list *replace, const struct km_opt_list *append,
		      struct km_err *err)
{
	size_t n = 0, count = json_array_size(argv);

	if (count > ARGS_MAX - 16)
		return km_err_set(err, -E2BIG, "the source's QEMU has %zu arguments", count);
	out[n++] = strdup(exe);
	for (size_t i = 1; i < count; i++) {
		const char *a = json_string_value(json_array_get(argv, i));
		int skip = a ? skip_args(a, json_string_value(json_array_get(argv, i + 1))) : 1;

		if (skip) {
			i += (size_t)skip - 1;
			continue;
		}
		out[n++] = replaced(a, replace);
	}
	for (unsigned int i = 0; i < append->n && n < ARGS_MAX - 8; i++)
		out[n++] = strdup(append->v[i]);
	out[n++] = strdup("-S");
	out[n++] = strdup("-incoming");
	out[n++] = strdup("defer");
	out[n++] = strdup("-qmp");
	if (asprintf(&out[n++], "unix:%s/qmp,server=on,wait=off", dir) < 0)
		out[n - 1] = NULL;
	out[n] = NULL;
	for (size_t i = 0; i < n; i++)
		if (!out[i])
			return km_err_set(err, -ENOMEM, "out of memory for QEMU's arguments");
	return 0;
}

static void exec_qemu(char **argv, const char *dir, const char *log, const struct km_guard *guard)
{
	int null = open("/dev/null", O_RDWR), fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (km_guard_say(guard, "qemu %d %s", getpid(), dir))
		_exit(126); /* nobody to watch over it */
	setsid();
	dup2(null, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	closefrom(3);
	signal(SIGPIPE, SIG_DFL);
	execv(argv[0], argv);
	dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int wait_for_monitor(struct km_destqemu *d, struct km_err *err)
{
	char path[192], words[256];
	int rc = -ENOENT;

	snprintf(path, sizeof(path), "%s/qmp", d->dir);
	for (int i = 0; i < 300; i++) {
		rc = km_qmp_open(&d->qmp, path, KM_QMP_MS, err);
		if (!rc)
			return 0;
		if (!km_destqemu_alive(d)) {
			km_destqemu_last_words(d, words, sizeof(words));
			return km_err_set(err, -ECHILD, "the destination QEMU did not start: %s",
					  words);
		}
		usleep(100000);
	}
	return km_err_set(err, rc, "the destination QEMU's monitor does not answer");
}

int km_destqemu_start(struct km_destqemu *d, const char *exe, const json_t *argv,
		      const struct km_opt_list *replace, const struct km_opt_list *append,
		      const struct km_guard *guard, struct km_err *err)
{
	char *args[ARGS_MAX] = { NULL }, log[192];
	const char *base = strrchr(exe, '/');
	int rc;

	/* The one program a source may have started here. */
	if (strncmp(base ? base + 1 : exe, "qemu-system-", 12) || access(exe, X_OK))
		return km_err_set(err, -ENOENT, "%s is not a QEMU that this host has", exe);
	mkdir(RUN_DIR, 0700);
	snprintf(d->dir, sizeof(d->dir), RUN_DIR "/in-XXXXXX");
	if (!mkdtemp(d->dir))
		return km_err_set(err, -errno, "cannot make %s: %s", d->dir, strerror(errno));
	snprintf(log, sizeof(log), "%s/log", d->dir);
	rc = build_argv(args, exe, argv, d->dir, replace, append, err);
	if (!rc) {
		d->pid = fork();
		if (!d->pid)
			exec_qemu(args, d->dir, log, guard);
		if (d->pid < 0)
			rc = km_err_set(err, -errno, "cannot start QEMU: %s", strerror(errno));
	}
	for (size_t i = 0; args[i]; i++)
		free(args[i]);
	return rc ? rc : wait_for_monitor(d, err);
}

static int dial_unix(const char *path, struct km_err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un))) {
		km_err_set(err, -errno, "cannot connect to %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return err && err->code ? err->code : -EIO;
	}
	return fd;
}

int km_destqemu_listen_relay(struct km_destqemu *d, unsigned int channels, const uint8_t uuid[16],
			     struct km_err *err)
{
	uint8_t init[KM_MULTIFD_INIT_BYTES];
	char path[192], uri[208];
	int rc = km_qmig_prepare_dest(d->qmp, true, channels, err);

	snprintf(path, sizeof(path), "%s/mig", d->dir);
	snprintf(uri, sizeof(uri), "unix:%s", path);
	if (!rc)
		rc = km_qmig_incoming(d->qmp, uri, err);
	if (rc)
		return rc;
	d->main_fd = dial_unix(path, err); /* QEMU 7.2: the first connection is the main one */
	if (d->main_fd < 0)
		return d->main_fd;
	for (; d->nchannels < channels; d->nchannels++) {
		struct km_multifd_init i = { .id = (uint8_t)d->nchannels };
		int fd = dial_unix(path, err);

		if (fd < 0)
			return fd;
		d->channel_fd[d->nchannels] = fd;
		memcpy(i.uuid, uuid, sizeof(i.uuid));
		km_multifd_init_build(init, &i);
		rc = km_write_full(fd, init, sizeof(init));
		if (rc)
			return km_err_set(err, rc, "the destination QEMU refused a channel");
	}
	return 0;
}

int km_destqemu_listen_tcp(struct km_destqemu *d, unsigned int *port, struct km_err *err)
{
	struct km_qmig_status s;
	int rc = km_qmig_prepare_dest(d->qmp, false, 0, err);

	if (!rc)
		rc = km_qmig_incoming(d->qmp, "tcp:0.0.0.0:0", err);
	if (!rc)
		rc = km_qmig_query(d->qmp, &s, err);
	if (!rc && !s.port)
		rc = km_err_set(err, -EPROTO, "the destination QEMU does not say its port");
	*port = rc ? 0 : s.port;
	return rc;
}

static int write_channel(struct km_destqemu *d, unsigned int i, struct km_multifd_packet *p,
			 const uint8_t *data, struct km_err *err)
{
	uint8_t head[KM_MULTIFD_PACKET_BYTES];
	int rc;

	p->packet_num = d->packets++;
	km_multifd_packet_build(head, p);
	rc = km_write_full(d->channel_fd[i], head, sizeof(head));
	if (!rc && p->npages)
		rc = km_write_full(d->channel_fd[i], data, KM_PAGE_SIZE);
	return rc ? km_err_set(err, rc, "the destination QEMU closed a multifd channel") : 0;
}

int km_destqemu_sync(struct km_destqemu *d, struct km_err *err)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < d->nchannels; i++) {
		struct km_multifd_packet p = { .sync = true };

		rc = write_channel(d, i, &p, NULL, err);
	}
	return rc;
}

int km_destqemu_page(struct km_destqemu *d, const char *block, uint64_t index, const uint8_t *data,
		     struct km_err *err)
{
	static const uint8_t zeros[KM_PAGE_SIZE];
	struct km_multifd_packet p = { .npages = 1 };

	snprintf(p.block, sizeof(p.block), "%s", block);
	p.offset[0] = index << KM_PAGE_SHIFT;
	return write_channel(d, 0, &p, data ? data : zeros, err);
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

	return d->pid > 0 && !waitid(P_PID, (id_t)d->pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

/* "qemu-system-x86_64: what": the caller says whose words they are. */
static const char *without_name(const char *line)
{
	const char *colon = strstr(line, ": ");

	return !strncmp(line, "qemu-system-", 12) && colon ? colon + 2 : line;
}

/* A load that fails is told in three lines, the reason first. */
void km_destqemu_last_words(const struct km_destqemu *d, char *buf, size_t len)
{
	enum { LINES = 3 };
	char path[192], line[LINES][512];
	unsigned int n = 0, from;
	size_t used = 0;
	FILE *f;

	snprintf(buf, len, "it said nothing");
	snprintf(path, sizeof(path), "%s/log", d->dir);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line[n % LINES], sizeof(line[0]), f)) {
		line[n % LINES][strcspn(line[n % LINES], "\n")] = '\0';
		n += line[n % LINES][0] != '\0';
	}
	fclose(f);
	from = n > LINES ? n - LINES : 0;
	for (unsigned int i = from; i < n && used < len; i++)
		used += (size_t)snprintf(buf + used, len - used, "%s%s", i > from ? "; " : "",
					 without_name(line[i % LINES]));
}

void km_destqemu_release(struct km_destqemu *d)
{
	static const char *const names[] = { "qmp", "mig", "log" };
	char path[192];

	km_qmp_close(d->qmp);
	d->qmp = NULL;
	if (d->main_fd > 0)
		close(d->main_fd);
	for (unsigned int i = 0; i < d->nchannels; i++)
		close(d->channel_fd[i]);
	d->main_fd = 0;
	d->nchannels = 0;
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
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
