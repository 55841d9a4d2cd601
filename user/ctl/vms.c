// SPDX-License-Identifier: GPL-2.0
#include "vms.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guest.h"
#include "vmprobe.h"

static int by_pid(const void *a, const void *b)
{
	const struct km_guest *x = a;
	const struct km_guest *y = b;

	return (x->vm.pid > y->vm.pid) - (x->vm.pid < y->vm.pid);
}

static void free_guests(struct km_guest *g, size_t n)
{
	for (size_t i = 0; i < n; i++)
		km_fds_free(&g[i].fds);
	free(g);
}

static int find_guests(struct km_guest **out, size_t *n, struct km_err *err)
{
	struct km_guest *all = NULL;
	struct km_guest *one = malloc(sizeof(*one));
	struct dirent *d;
	DIR *dir = opendir("/proc");
	int rc = 0;

	*n = 0;
	if (!dir || !one)
		rc = km_err_set(err, dir ? -ENOMEM : -errno, "can't list /proc");
	while (!rc && (d = readdir(dir))) {
		struct km_guest *more;

		if (!isdigit((unsigned char)d->d_name[0]) ||
		    !km_guest_examine((pid_t)atoi(d->d_name), one))
			continue;
		more = realloc(all, (*n + 1) * sizeof(*all));
		if (!more) {
			km_fds_free(&one->fds);
			rc = km_err_set(err, -ENOMEM, "out of memory");
			break;
		}
		all = more;
		all[(*n)++] = *one;
	}
	if (dir)
		closedir(dir);
	free(one);
	if (rc) {
		free_guests(all, *n);
		return rc;
	}
	if (*n)
		qsort(all, *n, sizeof(*all), by_pid);
	*out = all;
	return 0;
}

int km_vms_list(struct km_vm **vms, size_t *n, enum km_vms_look look, struct km_err *err)
{
	struct km_guest *all;
	int rc = find_guests(&all, n, err);

	*vms = NULL;
	if (rc)
		return rc;
	/* calloc(0) may be NULL: an empty list still is a list. */
	*vms = calloc(*n + 1, sizeof(**vms));
	for (size_t i = 0; *vms && i < *n; i++) {
		if (look >= KM_VMS_MONITORS)
			km_guest_choose_monitor(&all[i]);
		if (look == KM_VMS_ASK)
			km_guest_ask(&all[i]);
		(*vms)[i] = all[i].vm;
	}
	free_guests(all, *n);
	return *vms ? 0 : km_err_set(err, -ENOMEM, "out of memory");
}

static bool parse_pid(const char *what, pid_t *pid)
{
	char *end;
	long v;

	if (!isdigit((unsigned char)*what))
		return false;
	errno = 0;
	v = strtol(what, &end, 10);
	if (errno || *end || v <= 0 || v > INT_MAX)
		return false;
	*pid = (pid_t)v;
	return true;
}

static struct km_guest *find_pid(struct km_guest *all, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].vm.pid == pid)
			return &all[i];
	return NULL;
}

static int find_name(struct km_guest *all, size_t n, const char *what, struct km_guest **found,
		     struct km_err *err)
{
	char pids[256] = "";
	size_t used = 0;
	unsigned int hits = 0;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].vm.name, what))
			continue;
		*found = &all[i];
		hits++;
		if (used < sizeof(pids) - 16)
			used += (size_t)sprintf(pids + used, " %d", (int)all[i].vm.pid);
	}
	if (hits == 1)
		return 0;
	*found = NULL;
	if (hits)
		return km_err_set(err, -EEXIST, "%u guests are named %s: use a pid, one of%s", hits,
				  what, pids);
	return km_err_set(err, -ENOENT, "no guest %s on this host: see `kmigrate vms`", what);
}

/* A socket that is none of the command lines' (-readconfig, a monitor that was
 * added later): the kernel knows who listens. */
static int find_listener(struct km_guest *all, size_t n, const char *what, struct km_guest **found,
			 struct km_err *err)
{
	int pid = km_vmprobe_listener(what, err);

	if (pid < 0)
		return pid;
	*found = find_pid(all, n, pid);
	if (!*found)
		return km_err_set(err, -ENOENT, "%s belongs to process %d, which is no guest", what,
				  pid);
	return 0;
}

static int find_socket(struct km_guest *all, size_t n, const char *what, struct km_guest **found,
		       struct km_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < n && !*found; i++)
		if (km_guest_owns_socket(&all[i], what))
			*found = &all[i];
	if (!*found)
		rc = find_listener(all, n, what, found, err);
	if (rc)
		return rc;
	snprintf((*found)->vm.qmp, sizeof((*found)->vm.qmp), "%s", what);
	(*found)->monitor_free = true;
	(*found)->listener = 0;
	return 0;
}

int km_vms_find(const char *what, struct km_vm *vm, struct km_err *err)
{
	struct km_guest *all;
	struct km_guest *found = NULL;
	pid_t pid;
	size_t n;
	int rc = find_guests(&all, &n, err);

	if (rc)
		return rc;
	if (strchr(what, '/'))
		rc = find_socket(all, n, what, &found, err);
	else if (parse_pid(what, &pid))
		found = find_pid(all, n, pid);
	if (!rc && !found)
		rc = find_name(all, n, what, &found, err);
	if (!rc) {
		if (!found->monitor_free)
			km_guest_choose_monitor(found);
		km_guest_ask(found);
		*vm = found->vm;
	}
	free_guests(all, n);
	return rc;
}
