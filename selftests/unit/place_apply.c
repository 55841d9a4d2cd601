// SPDX-License-Identifier: GPL-2.0
/* Placing threads and putting them back, with threads of the test's own. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ktap.h"
#include "xfer/placing.h"

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

static struct km_placing_wish wish;
static struct km_guard nobody;

/* What was started since, whatever its name: this QEMU has no debug-threads. */
static void by_age(bool *ok)
{
	struct km_placing p = { 0 };
	struct km_placed facts = { 0 };

	start(&helpers[2]);
	wish = (struct km_placing_wish){ .chosen = true, .own = mine, .qemu = first };
	km_placing_begin(&p, &wish, getpid(), &nobody, &facts);
	start(&helpers[0]);
	km_placing_look(&p, &facts);
	CHECK(facts.on && facts.qemu_threads == 1 && !facts.why_not[0]);
	CHECK(is_on(helpers[0].tid, &first) && is_on(helpers[2].tid, &mine));
	km_placing_end(&p, &facts);
	CHECK(facts.put_back && !facts.left && is_on(helpers[0].tid, &mine));
	stop(&helpers[0]);
	stop(&helpers[2]);
}

static void by_name(bool *ok)
{
	struct helper vcpu = { .name = "CPU 0/KVM" };
	struct km_placing p = { 0 };
	struct km_placed facts = { 0 };

	start(&vcpu);
	wish = (struct km_placing_wish){ .chosen = true, .own = mine, .qemu = first };
	km_placing_begin(&p, &wish, getpid(), &nobody, &facts);
	for (int i = 0; i < HELPERS; i++)
		start(&helpers[i]);
	km_placing_look(&p, &facts);
	CHECK(facts.qemu_threads == 2);
	CHECK(is_on(helpers[0].tid, &first) && is_on(helpers[1].tid, &first));
	CHECK(is_on(helpers[2].tid, &mine) && is_on(vcpu.tid, &mine) && is_on(getpid(), &mine));
	km_placing_end(&p, &facts);
	for (int i = 0; i < HELPERS; i++) {
		CHECK(is_on(helpers[i].tid, &mine));
		stop(&helpers[i]);
	}
	stop(&vcpu);
}

static void own_threads(bool *ok)
{
	struct km_placing p = { 0 };
	struct km_placed facts = { 0 };

	start(&helpers[0]);
	wish = (struct km_placing_wish){ .chosen = true, .own = first, .qemu = mine };
	km_placing_begin(&p, &wish, getpid(), &nobody, &facts);
	CHECK(facts.on && is_on(getpid(), &first) && is_on(helpers[0].tid, &first));
	start(&helpers[1]);
	CHECK(is_on(helpers[1].tid, &first)); /* inherited */
	km_placing_end(&p, &facts);
	CHECK(is_on(getpid(), &mine) && is_on(helpers[0].tid, &mine) && facts.put_back);
	km_placing_end(&p, &facts);
	CHECK(!facts.left);
	stop(&helpers[0]);
	stop(&helpers[1]);

	/* Nothing is chosen, or wanted: nothing is touched, and why is told. */
	memset(&facts, 0, sizeof(facts));
	wish = (struct km_placing_wish){ .own = first, .why_not = "no topology" };
	km_placing_begin(&p, &wish, getpid(), &nobody, &facts);
	km_placing_look(&p, &facts);
	CHECK(facts.wanted && !facts.on && !strcmp(facts.why_not, "no topology"));
	wish = (struct km_placing_wish){ .off = true, .chosen = true, .own = first };
	km_placing_begin(&p, &wish, getpid(), &nobody, &facts);
	km_placing_look(&p, &facts);
	CHECK(!facts.wanted && is_on(getpid(), &mine));
	km_placing_end(&p, &facts);
	CHECK(!facts.put_back);
}

/* The guard hears it before, and puts back what is left in its owner's place. */
static void guarded(bool *ok)
{
	struct km_placing owner = { 0 }, guard = { 0 };
	struct km_placed facts = { 0 };
	struct km_guard g = { .pid = getpid() };
	char line[4096] = "";
	int fd[2];

	CHECK(!pipe(fd));
	g.fd = fd[1];
	wish = (struct km_placing_wish){ .chosen = true, .own = mine, .qemu = first };
	km_placing_begin(&owner, &wish, getpid(), &g, &facts);
	start(&helpers[0]);
	km_placing_look(&owner, &facts);
	CHECK(is_on(helpers[0].tid, &first));
	CHECK(read(fd[0], line, sizeof(line) - 1) > 0);
	line[strcspn(line, "\n")] = '\0';
	CHECK(km_placing_heard(&guard, getpid(), line) && guard.qemus.n == 1);
	CHECK(km_placing_heard(&guard, getpid(), line) && guard.qemus.n == 1);
	CHECK(!km_placing_heard(&guard, getpid(), "session 7") && guard.qemus.n == 1);
	km_placing_end(&guard, &facts);
	CHECK(is_on(helpers[0].tid, &mine));
	stop(&helpers[0]);
	close(fd[0]);
	close(fd[1]);
	/* Without a guard who would know the way back, QEMU's threads stay where they are. */
	start(&helpers[1]);
	owner.looked_at = 0;
	km_placing_look(&owner, &facts);
	CHECK(is_on(helpers[1].tid, &mine));
	km_placing_end(&owner, &facts);
	stop(&helpers[1]);
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
	{ "QEMU's migration threads by name, and no others", by_name },
	{ "QEMU's migration threads, without names", by_age },
	{ "threads of our own", own_threads },
	{ "the guard puts back what is left", guarded },
	{ "threads that have ended", ended },
	{ "what others change meanwhile", others_change },
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	sched_getaffinity(0, sizeof(mine), (cpu_set_t *)&mine);
	km_cpus_add(&first, km_cpus_next(&mine, 0));
	if (km_cpus_count(&mine) < 2) {
		printf("1..0 # SKIP one CPU only: nothing can be moved\n");
		return 4;
	}
	return ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
}
