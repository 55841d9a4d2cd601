// SPDX-License-Identifier: GPL-2.0
/* A destination QEMU of our own: its command line, its process, its last words. */
#include "destqemu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "qmigrate.h"
#include "rundir.h"

#define ARGS_MAX     1024
#define OWN_ARGS_MAX 8

/* Options of the source's command line that must not be repeated: they belong
 * to that process, or km_destqemu_start() gives its own. */
static int skip_args(const char *arg, const char *value)
{
	static const char *const bare[] = { "-S", "-daemonize" };
	static const char own_qmp[] = "unix:" KM_RUN_DIR "/";
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

char *km_destqemu_replaced(const char *arg, const struct km_opt_list *replace)
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

void km_destqemu_free_args(struct km_destqemu *d)
{
	for (size_t i = 0; d->args && d->args[i]; i++)
		free(d->args[i]);
	free(d->args);
	d->args = NULL;
}

static int add(char **args, size_t *n, char *arg, struct km_err *err)
{
	args[*n] = arg;
	if (!arg)
		return km_err_set(err, -ENOMEM, "out of memory for QEMU's arguments");
	(*n)++;
	return 0;
}

/* The source's, as they are to be here. */
static int repeat(char **args, const json_t *argv, const struct km_destqemu_wish *o,
		  struct km_err *err)
{
	size_t n = 0, count = json_array_size(argv);
	int rc = add(args, &n, strdup(o->exe), err);

	for (size_t i = 1; !rc && i < count; i++) {
		const char *a = json_string_value(json_array_get(argv, i));
		int skip = a ? skip_args(a, json_string_value(json_array_get(argv, i + 1))) : 1;

		if (skip)
			i += (size_t)skip - 1;
		else
			rc = add(args, &n, km_destqemu_replaced(a, o->replace), err);
	}
	return rc;
}

/* Ours come last, and are not asked about. */
static int append(char **args, const struct km_opt_list *more, struct km_err *err)
{
	static const char *const own[] = { "-S", "-incoming", "defer" };
	size_t n = 0;
	int rc = 0;

	while (args[n])
		n++;
	for (unsigned int i = 0; !rc && i < more->n; i++)
		rc = add(args, &n, strdup(more->v[i]), err);
	for (unsigned int i = 0; !rc && i < sizeof(own) / sizeof(*own); i++)
		rc = add(args, &n, strdup(own[i]), err);
	return rc;
}

int km_destqemu_prepare(struct km_destqemu *d, const json_t *argv, const struct km_destqemu_wish *o,
			struct km_err *err)
{
	size_t count = json_array_size(argv);
	int rc;

	if (count > ARGS_MAX)
		return km_err_set(err, -E2BIG, "the source's QEMU has %zu arguments", count);
	d->args = calloc(count + o->append->n + OWN_ARGS_MAX, sizeof(*d->args));
	if (!d->args)
		return km_err_set(err, -ENOMEM, "out of memory for QEMU's arguments");
	rc = repeat(d->args, argv, o, err);
	if (!rc)
		rc = km_allow_judge(o->allow, d->args, err);
	if (!rc && access(o->exe, X_OK))
		rc = km_err_set(err, -ENOENT, "%s is not a QEMU that this host has", o->exe);
	return rc ? rc : append(d->args, o->append, err);
}

static int add_monitor(struct km_destqemu *d, struct km_err *err)
{
	size_t n = 0;
	char *where;
	int rc;

	while (d->args[n])
		n++;
	rc = add(d->args, &n, strdup("-qmp"), err);
	if (!rc && asprintf(&where, "unix:%s/qmp,server=on,wait=off", d->dir) < 0)
		where = NULL;
	return rc ? rc : add(d->args, &n, where, err);
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
	char words[256];
	int rc = -ENOENT;

	snprintf(d->monitor, sizeof(d->monitor), "%s/qmp", d->dir);
	for (int i = 0; i < 6000; i++) {
		rc = km_qmp_open(&d->qmp, d->monitor, KM_QMP_MS, err);
		if (!rc)
			return 0;
		if (!km_destqemu_alive(d)) {
			km_destqemu_last_words(d, words, sizeof(words));
			return km_err_set(err, -ECHILD, "the destination QEMU did not start: %s",
					  words);
		}
		usleep(5000);
	}
	return km_err_set(err, rc, "the destination QEMU's monitor does not answer");
}

int km_destqemu_start(struct km_destqemu *d, const struct km_guard *guard, struct km_err *err)
{
	char log[192];
	int rc = km_rundir_make(d->dir, sizeof(d->dir), "in", err);

	if (rc)
		return rc;
	snprintf(log, sizeof(log), "%s/log", d->dir);
	rc = add_monitor(d, err);
	if (!rc) {
		d->pid = fork();
		if (!d->pid)
			exec_qemu(d->args, d->dir, log, guard);
		if (d->pid < 0)
			rc = km_err_set(err, -errno, "cannot start QEMU: %s", strerror(errno));
	}
	km_destqemu_free_args(d);
	return rc ? rc : wait_for_monitor(d, err);
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

	if (d->attached) {
		snprintf(buf, len, "its own log may say why");
		return;
	}
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
