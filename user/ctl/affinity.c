// SPDX-License-Identifier: GPL-2.0
#include "affinity.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A thread that has just ended counts for nothing. */
static void add_thread(pid_t tid, struct km_cpus *s)
{
	struct km_cpus one = { 0 };

	if (!sched_getaffinity(tid, sizeof(one), (cpu_set_t *)&one))
		km_cpus_or(s, &one);
}

int km_affinity_of(pid_t pid, struct km_cpus *s)
{
	const struct dirent *e;
	char path[64];
	DIR *dir;

	memset(s, 0, sizeof(*s));
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			add_thread((pid_t)atoi(e->d_name), s);
	closedir(dir);
	return km_cpus_empty(s) ? -ESRCH : 0;
}
