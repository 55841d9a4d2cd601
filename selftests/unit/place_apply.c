// SPDX-License-Identifier: GPL-2.0
/* Placing threads and putting them back, with threads of the test's own. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ktap.h"
#include "place/apply.h"

#define HELPERS 3
static struct helper {
	pthread_t thread;
	pid_t tid;
	const char *name;
	pthread_barrier_t ready, end;
} helpers[HELPERS] = { { .name = "live_migration" }, { .name = "multifdsend_0" }, { .name = "x" } };

static void *help(void *arg)
{
	struct helper *h = arg;

	h->tid = gettid();
	pthread_setname_np(pthread_self(), h->name);
	pthread_barrier_wait(&h->ready);
	pthread_barrier_wait(&h->end);
	return NULL;
}

static void start(struct helper *h)
{
	pthread_barrier_init(&h->ready, NULL, 2);
	pthread_barrier_init(&h->end, NULL, 2);
	pthread_create(&h->thread, NULL, help, h);
	pthread_barrier_wait(&h->ready);
}

/* The kernel lets a joined thread's number go a moment later. */
static void stop(struct helper *h)
{
	char path[64];

	pthread_barrier_wait(&h->end);
	pthread_join(h->thread, NULL);
	pthread_barrier_destroy(&h->ready);
	pthread_barrier_destroy(&h->end);
	snprintf(path, sizeof(path), "/proc/self/task/%d", h->tid);
	while (!access(path, F_OK))
		sched_yield();
}

static struct km_cpus mine, first; /* what the test may use, and one CPU of it */

static bool is_on(pid_t tid, const struct km_cpus *want)
{
	struct km_cpus now = { 0 };

	return !sched_getaffinity(tid, sizeof(now), (cpu_set_t *)&now) && km_cpus_equal(&now, want);
}

static void by_kind(bool *ok)
{
	struct km_applied a = { 0 };
	struct km_err err = { 0 };

	for (int i = 0; i < HELPERS; i++)
		start(&helpers[i]);
	CHECK(!km_place_kind(&a, getpid(), KM_THREAD_MIGRATION, &first, &err) && a.n == 2);
	CHECK(is_on(helpers[0].tid, &first) && is_on(helpers[1].tid, &first));
	CHECK(is_on(helpers[2].tid, &mine) && is_on(getpid(), &mine));
	/* Again: nobody is new. */
	CHECK(!km_place_kind(&a, getpid(), KM_THREAD_MIGRATION, &first, &err) && a.n == 2);
	CHECK(!km_place_restore(&a) && !a.n && !a.threads);
	for (int i = 0; i < HELPERS; i++) {
		CHECK(is_on(helpers[i].tid, &mine));
		stop(&helpers[i]);
	}
	CHECK(km_place_kind(&a, 0x7ffffffe, KM_THREAD_MIGRATION, &first, &err) == -ESRCH);
}

static void ended(bool *ok)
{
	struct km_applied a = { 0 };
	struct km_err err = { 0 };

	start(&helpers[0]);
	start(&helpers[1]);
	CHECK(!km_place_thread(&a, getpid(), helpers[0].tid, &first, &err));
	CHECK(!km_place_thread(&a, getpid(), helpers[1].tid, &first, &err) && a.n == 2);
	stop(&helpers[1]);
	CHECK(!km_place_thread(&a, getpid(), helpers[1].tid, &first, &err) && a.n == 2);
	/* It exists, but in another process: its number was given again. */
	CHECK(!km_place_thread(&a, 1, getpid(), &first, &err) && a.n == 2 &&
	      is_on(getpid(), &mine));
	a.threads[1].tid = getpid();
	a.threads[1].pid = 1;
	a.threads[1].set = mine;
	a.threads[1].before = first;
	CHECK(!km_place_restore(&a) && is_on(helpers[0].tid, &mine) && is_on(getpid(), &mine));
	stop(&helpers[0]);
}

static void others_change(bool *ok)
{
	struct km_applied a = { 0 };
	struct km_err err = { 0 };
	struct km_cpus none = { 0 }, second = mine;

	km_cpus_add(&none, KM_CPUS_MAX - 1);
	start(&helpers[0]);
	/* A CPU that isn't there: an error, and nothing has changed. */
	CHECK(km_place_thread(&a, getpid(), helpers[0].tid, &none, &err) == -EINVAL);
	CHECK(strstr(err.text, "8191") && is_on(helpers[0].tid, &mine) && !km_place_restore(&a));
	/* Placed twice: the way back is to where it was at first. */
	km_cpus_sub(&second, &first);
	CHECK(!km_place_thread(&a, getpid(), helpers[0].tid, &first, &err));
	CHECK(!km_place_thread(&a, getpid(), helpers[0].tid, &second, &err) && a.n == 1);
	CHECK(is_on(helpers[0].tid, &second) && !km_place_restore(&a));
	CHECK(is_on(helpers[0].tid, &mine));
	/* An administrator moves it meanwhile: it stays there. */
	CHECK(!km_place_thread(&a, getpid(), helpers[0].tid, &first, &err));
	CHECK(!sched_setaffinity(helpers[0].tid, sizeof(second), (cpu_set_t *)&second));
	CHECK(km_place_restore(&a) == 1 && is_on(helpers[0].tid, &second));
	stop(&helpers[0]);
}

static const struct ktap_case cases[] = {
	{ "migration threads, and no others", by_kind },
	{ "threads that have ended", ended },
	{ "what others change meanwhile", others_change },
};

int main(void)
{
	sched_getaffinity(0, sizeof(mine), (cpu_set_t *)&mine);
	km_cpus_add(&first, km_cpus_next(&mine, 0));
	if (km_cpus_count(&mine) < 2) {
		printf("1..0 # SKIP one CPU only: nothing can be moved\n");
		return 4;
	}
	return ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
}
