// SPDX-License-Identifier: GPL-2.0
/* When a source's QEMU counts as dead, and its guest as whole at the destination. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include "fakeqmp.h"
#include "ktap.h"
#include "xfer/cond.h"
#include "xfer/source_priv.h"

/* A move at the moment when everything is listed, and a process that stands for its QEMU. */
struct rig {
	struct fake monitor;
	struct km_source_opts o;
	struct km_vm vm;
	struct km_run run;
	struct source s;
};

static bool hang_up; /* the monitor does, after its greeting */

static void serve(struct fake *f, int fd)
{
	char line[4096], id[32];

	fake_hello(f, fd);
	while (!hang_up && !fake_read(f, fd, line, sizeof(line), id))
		fake_answer(fd, id, "{}");
}

static void set_up(struct rig *r, bool ends)
{
	struct km_err err;

	memset(r, 0, sizeof(*r));
	hang_up = ends;
	r->o.peer_ms = 300;
	r->vm.pid = fork();
	if (!r->vm.pid)
		for (;;)
			pause();
	fake_start(&r->monitor, serve);
	r->s = (struct source){ .o = &r->o, .vm = &r->vm, .run = &r->run, .relay = true };
	pthread_mutex_init(&r->s.m.lock, NULL);
	km_cond_init(&r->s.m.cond);
	if (km_qmp_open(&r->s.qmp, r->monitor.path, 5000, &err))
		abort();
	if (ends) { /* after its greeting, at some time */
		struct pollfd p = { .fd = km_qmp_fd(r->s.qmp), .events = POLLRDHUP };

		poll(&p, 1, 10000);
	}
	km_source_died_watch(&r->s);
	r->s.m.all_listed = r->s.loaded = true;
	strcpy(r->run.held, "settings");
}

/* Without a pidfd, as in valgrind 3.19, nobody is known to be dead. */
static bool can_tell(const struct rig *r)
{
	return r->s.qemu_fd >= 0;
}

static bool whole_by(struct rig *r, int rc)
{
	bool is = km_source_died_whole(&r->s, rc);

	return is == r->run.source_died && is == !r->run.held[0] && is;
}

static bool whole(struct rig *r)
{
	return whole_by(r, -EPIPE);
}

static void tear_down(struct rig *r)
{
	kill(r->vm.pid, SIGKILL);
	waitpid(r->vm.pid, NULL, 0);
	close(r->s.qemu_fd);
	km_qmp_close(r->s.qmp);
	fake_stop(&r->monitor);
}

static void dies(bool *ok)
{
	struct rig r;

	set_up(&r, true);
	CHECK(can_tell(&r) || getenv("KM_SEEDS")); /* that valgrind.sh sets */
	kill(r.vm.pid, SIGKILL);		   /* nobody waits for it: a zombie is dead */
	CHECK(whole(&r) == can_tell(&r));
	tear_down(&r);
}

/* It only looks dead: whoever gave GO now would have two guests run. */
static void lives(bool *ok)
{
	struct rig r;

	set_up(&r, true);
	CHECK(!whole(&r));
	tear_down(&r);
	set_up(&r, true);
	kill(r.vm.pid, SIGSTOP);
	CHECK(!whole(&r));
	tear_down(&r);
	set_up(&r, false);
	CHECK(!whole(&r));
	tear_down(&r);
}

static void not_all(bool *ok)
{
	struct rig r;

	for (int missing = 0; missing < 5; missing++) {
		set_up(&r, true);
		kill(r.vm.pid, SIGKILL);
		if (missing == 0)
			r.s.m.all_listed = false;
		if (missing == 1)
			r.s.loaded = false;
		if (missing == 2)
			r.s.m.failed = true;
		if (missing == 3)
			r.s.relay = false;
		if (missing == 4) {
			close(r.s.qemu_fd);
			r.s.qemu_fd = -1;
		}
		CHECK(!whole(&r));
		tear_down(&r);
	}
}

static void *load(void *arg)
{
	struct rig *r = arg;

	usleep(100000);
	r->s.loaded = true;
	km_move_wake(&r->s.m);
	return NULL;
}

static void loaded_later(bool *ok)
{
	pthread_t t;
	struct rig r;

	set_up(&r, true);
	kill(r.vm.pid, SIGKILL);
	r.s.loaded = false;
	r.o.peer_ms = 10000; /* it does not take that long */
	pthread_create(&t, NULL, load, &r);
	CHECK(whole(&r) == can_tell(&r));
	pthread_join(t, NULL);
	tear_down(&r);
}

static void *kill_later(void *arg)
{
	struct rig *r = arg;

	usleep(100000);
	kill(r->vm.pid, SIGKILL);
	return NULL;
}

/* As the kernel ends a process: memory first, then files. */
static void memory_first(bool *ok)
{
	pthread_t t;
	struct rig r;

	set_up(&r, false);
	pthread_create(&t, NULL, kill_later, &r);
	CHECK(whole_by(&r, -ESRCH) == can_tell(&r));
	pthread_join(t, NULL);
	tear_down(&r);
	set_up(&r, false);
	CHECK(!whole_by(&r, -ESRCH)); /* it lives */
	tear_down(&r);
}

static const struct ktap_case cases[] = {
	{ "source's QEMU: it dies, and the destination has all of the guest", dies },
	{ "source's QEMU: it only looks dead", lives },
	{ "source's QEMU: it dies, and not all is there", not_all },
	{ "source's QEMU: it dies while the destination loads", loaded_later },
	{ "source's QEMU: its memory is gone, and its monitor not yet", memory_first },
};
KTAP_MAIN(cases)
