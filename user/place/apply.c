// SPDX-License-Identifier: GPL-2.0
#include "apply.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Numbers of threads come again: is it that process's still? */
static bool is_there(pid_t pid, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)tid);
	return !access(path, F_OK);
}

static int get(pid_t tid, struct km_cpus *cpus)
{
	memset(cpus, 0, sizeof(*cpus));
	return sched_getaffinity(tid, sizeof(*cpus), (cpu_set_t *)cpus) ? -errno : 0;
}

static int put(pid_t tid, const struct km_cpus *cpus)
{
	return sched_setaffinity(tid, sizeof(*cpus), (const cpu_set_t *)cpus) ? -errno : 0;
}

static struct km_applied_thread *find(struct km_applied *a, pid_t pid, pid_t tid)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->threads[i].tid == tid && a->threads[i].pid == pid)
			return &a->threads[i];
	return NULL;
}

int km_place_note(struct km_applied *a, const struct km_applied_thread *t)
{
	struct km_applied_thread *more;

	if (find(a, t->pid, t->tid))
		return 0;
	more = realloc(a->threads, (a->n + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	a->threads = more;
	a->threads[a->n++] = *t;
	return 0;
}

int km_place_thread(struct km_applied *a, pid_t pid, pid_t tid, const struct km_cpus *cpus,
		    struct km_err *err)
{
	struct km_applied_thread t = { .pid = pid, .tid = tid };
	char text[KM_CPUS_TEXT];
	int rc;

	if (!is_there(pid, tid) || get(tid, &t.before))
		return 0;
	t.set = t.before;
	/* First: once it is changed there must be a way back. */
	if (km_place_note(a, &t))
		return km_err_set(err, -ENOMEM, "out of memory");
	rc = put(tid, cpus);
	if (!rc)
		rc = get(tid, &find(a, pid, tid)->set);
	if (!rc || rc == -ESRCH)
		return 0;
	return km_err_set(err, rc, "can't place thread %d of process %d on CPUs %.100s: %s",
			  (int)tid, (int)pid, km_cpus_format(cpus, text), strerror(-rc));
}

unsigned int km_place_restore(struct km_applied *a)
{
	unsigned int left = 0;

	while (a->n) {
		const struct km_applied_thread *t = &a->threads[--a->n];
		struct km_cpus now;

		if (!is_there(t->pid, t->tid) || get(t->tid, &now))
			continue;
		if (!km_cpus_equal(&now, &t->set))
			left++;
		else if (put(t->tid, &t->before) && is_there(t->pid, t->tid))
			left++; /* its cgroup has changed */
	}
	free(a->threads);
	a->threads = NULL;
	return left;
}
