// SPDX-License-Identifier: GPL-2.0
#include "threads.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../ctl/proc.h"

#define ASK_MS 1000

/* "CPU 3/KVM" (accel/kvm/kvm-accel-ops.c), "IO iothread0", the migration's: "live_migration",
 * "return path" and "multifdsend_1" up to 9.1, "mig/src/main" and the like from then on. */
enum km_thread_kind km_thread_kind_of(const char *name, int *vcpu)
{
	char slash;

	*vcpu = -1;
	if (sscanf(name, "CPU %d%c", vcpu, &slash) == 2 && slash == '/' && *vcpu >= 0)
		return KM_THREAD_VCPU;
	*vcpu = -1;
	if (!strncmp(name, "IO ", 3))
		return KM_THREAD_IOTHREAD;
	if (!strcmp(name, "live_migration") || !strcmp(name, "migration") ||
	    !strcmp(name, "return path") || !strncmp(name, "multifd", 7) ||
	    !strncmp(name, "mig/", 4))
		return KM_THREAD_MIGRATION;
	return KM_THREAD_OTHER;
}

static void make_printable(char *text)
{
	for (char *p = text; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
}

static bool examine(pid_t pid, pid_t tid, struct km_thread *t)
{
	char path[64];
	char *comm;

	memset(t, 0, sizeof(*t));
	t->tid = tid;
	if (sched_getaffinity(tid, sizeof(t->cpus), (cpu_set_t *)&t->cpus))
		return false; /* it has ended */
	snprintf(path, sizeof(path), "task/%d/comm", (int)tid);
	comm = km_proc_read(pid, path, NULL);
	if (comm)
		snprintf(t->name, sizeof(t->name), "%.*s", (int)strcspn(comm, "\n"), comm);
	free(comm);
	make_printable(t->name);
	t->kind = km_thread_kind_of(t->name, &t->vcpu);
	if (tid == pid)
		t->kind = KM_THREAD_MAIN;
	return true;
}

static int by_tid(const void *a, const void *b)
{
	const struct km_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

int km_threads_read(pid_t pid, struct km_thread **t, size_t *n, struct km_err *err)
{
	char path[64];
	struct dirent *d;
	DIR *dir;
	int rc = 0;

	*t = NULL;
	*n = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return km_err_set(err, errno == ENOENT ? -ESRCH : -errno, "process %d: %s",
				  (int)pid, errno == ENOENT ? "no such process" : strerror(errno));
	while (!rc && (d = readdir(dir))) {
		struct km_thread *more;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		more = realloc(*t, (*n + 1) * sizeof(**t));
		if (!more) {
			rc = km_err_set(err, -ENOMEM, "out of memory");
			break;
		}
		*t = more;
		*n += examine(pid, (pid_t)atoi(d->d_name), &more[*n]);
	}
	closedir(dir);
	if (!rc && !*n)
		rc = km_err_set(err, -ESRCH, "process %d: it has ended", (int)pid);
	if (rc) {
		free(*t);
		*t = NULL;
		*n = 0;
		return rc;
	}
	qsort(*t, *n, sizeof(**t), by_tid);
	return 0;
}

unsigned int km_threads_confined(struct km_pin *pins, unsigned int n, const struct km_cpus *all)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++)
		if (!km_cpus_within(all, &pins[i].cpus))
			pins[kept++] = pins[i];
	return kept;
}

int km_threads_cpus(pid_t pid, struct km_cpus *s, struct km_err *err)
{
	struct km_thread *t;
	size_t n;
	int rc = km_threads_read(pid, &t, &n, err);

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; !rc && i < n; i++)
		km_cpus_or(s, &t[i].cpus);
	free(t);
	return rc;
}

static struct km_thread *find(struct km_thread *t, size_t n, json_int_t tid)
{
	for (size_t i = 0; i < n; i++)
		if (t[i].tid == tid)
			return &t[i];
	return NULL;
}

static void name_iothread(struct km_thread *t, const char *id)
{
	snprintf(t->id, sizeof(t->id), "%s", id ? id : "");
	make_printable(t->id);
}

void km_threads_name(struct km_thread *t, size_t n, const json_t *vcpus, const json_t *iothreads)
{
	for (size_t i = 0; i < json_array_size(vcpus); i++) {
		const json_t *j = json_array_get(vcpus, i);
		struct km_thread *one =
			find(t, n, json_integer_value(json_object_get(j, "thread-id")));

		/* With TCG's single thread all vCPUs are in one. */
		if (!one || one->kind == KM_THREAD_MAIN)
			continue;
		one->kind = KM_THREAD_VCPU;
		one->vcpu = (int)json_integer_value(json_object_get(j, "cpu-index"));
	}
	/* "IO mon_iothread" is the monitors', and none that a device could be given. */
	for (size_t i = 0; iothreads && i < n; i++)
		if (t[i].kind == KM_THREAD_IOTHREAD)
			t[i].kind = KM_THREAD_OTHER;
	for (size_t i = 0; i < json_array_size(iothreads); i++) {
		const json_t *j = json_array_get(iothreads, i);
		struct km_thread *one =
			find(t, n, json_integer_value(json_object_get(j, "thread-id")));

		if (one && one->kind == KM_THREAD_OTHER)
			one->kind = KM_THREAD_IOTHREAD;
		if (one && one->kind == KM_THREAD_IOTHREAD)
			name_iothread(one, json_string_value(json_object_get(j, "id")));
	}
}

void km_threads_ask(struct km_thread *t, size_t n, struct km_qmp *q)
{
	json_t *vcpus = NULL, *iothreads = NULL;

	km_qmp_exec(q, "query-cpus-fast", NULL, &vcpus, ASK_MS, NULL);
	km_qmp_exec(q, "query-iothreads", NULL, &iothreads, ASK_MS, NULL);
	km_threads_name(t, n, vcpus, iothreads);
	json_decref(vcpus);
	json_decref(iothreads);
}

static void name_pin(struct km_pin *p, const struct km_thread *t)
{
	p->tid = t->tid;
	p->cpus = t->cpus;
	if (t->kind == KM_THREAD_VCPU)
		snprintf(p->who, sizeof(p->who), "vCPU %d", t->vcpu);
	else if (t->kind == KM_THREAD_MAIN)
		snprintf(p->who, sizeof(p->who), "emulator");
	else if (t->id[0])
		snprintf(p->who, sizeof(p->who), "iothread %s", t->id);
	else
		snprintf(p->who, sizeof(p->who), "iothread %d", (int)t->tid);
}

unsigned int km_threads_pins(const struct km_thread *t, size_t n, struct km_pin *pins)
{
	unsigned int count = 0;

	for (size_t i = 0; i < n; i++)
		if (t[i].kind == KM_THREAD_VCPU || t[i].kind == KM_THREAD_MAIN ||
		    t[i].kind == KM_THREAD_IOTHREAD)
			name_pin(&pins[count++], &t[i]);
	return count;
}

int km_threads_claim(const struct km_thread *t, size_t n, struct km_claim **claims, size_t *nclaims)
{
	const struct km_thread *parent = NULL;
	struct km_claim *more = realloc(*claims, (*nclaims + n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	*claims = more;
	for (size_t i = 0; i < n; i++)
		if (t[i].kind == KM_THREAD_MAIN)
			parent = &t[i];
	for (size_t i = 0; i < n; i++) {
		bool vcpu = t[i].kind == KM_THREAD_VCPU;

		/* Those of a migration will move, and the rest where it was born stays out of
		 * the way with the main thread. */
		if (t[i].kind == KM_THREAD_MIGRATION || (!vcpu && parent && &t[i] != parent &&
							 km_cpus_equal(&t[i].cpus, &parent->cpus)))
			continue;
		more[*nclaims].kind = vcpu ? KM_CLAIM_VCPU : KM_CLAIM_OTHER;
		more[(*nclaims)++].cpus = t[i].cpus;
	}
	return 0;
}
