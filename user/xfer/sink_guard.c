// SPDX-License-Identifier: GPL-2.0
/* Its code runs in the guard process, on a copy of struct sink (guard.h). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include "keep.h"
#include "sink_disks.h"
#include "sink_priv.h"

/* What attach.c and destqemu.c say of a QEMU that is not ours. */
static bool attached_line(struct sink *s, const char *line)
{
	struct km_attached *a = s->q.attached;

	if (!strncmp(line, "saved ", 6)) {
		km_qmig_saved_parse(&a->saved, line + 6);
	} else if (!strncmp(line, "begun ", 6)) {
		a->begun = true;
		snprintf(s->q.dir, sizeof(s->q.dir), "%s", line + 6);
	} else if (!strcmp(line, "waits")) {
		a->begun = false;
	} else {
		return false;
	}
	return true;
}

static void on_line(void *ctx, char *line)
{
	struct sink *s = ctx;
	int pid, at = 0;

	if (sscanf(line, "qemu %d %n", &pid, &at) == 1 && at) {
		s->q.pid = pid;
		snprintf(s->q.dir, sizeof(s->q.dir), "%s", line + at);
		snprintf(s->q.monitor, sizeof(s->q.monitor), "%s/qmp", s->q.dir);
	} else if (km_placing_heard(&s->placing, s->q.pid, line) || km_sink_pins_heard(s, line) ||
		   km_sink_disks_line(s, line) || (s->q.attached && attached_line(s, line))) {
		return;
	} else if (!strncmp(line, "session ", 8)) {
		snprintf(s->journal.session, sizeof(s->journal.session), "%s", line + 8);
	} else if (!strcmp(line, "loaded")) {
		s->loaded = true;
	} else if (!strcmp(line, "go")) {
		s->go = true;
	} else if (!strcmp(line, "ran")) {
		s->ran = true;
	}
}

/* Is the process still the QEMU that this move started?  It has the name of its
 * own folder among its arguments; between fork and exec it is still kmigrate. */
static bool is_ours(const struct sink *s)
{
	char path[64], buf[65536], fork_name[16] = "";
	ssize_t n;
	int fd;

	if (s->q.attached)
		return km_destqemu_alive(&s->q);
	if (s->q.pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", s->q.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	if (memmem(buf, (size_t)n, s->q.dir, strlen(s->q.dir)))
		return true;
	snprintf(path, sizeof(path), "/proc/%d/comm", s->q.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, fork_name, sizeof(fork_name) - 1) < 0)
		fork_name[0] = '\0';
	if (fd >= 0)
		close(fd);
	return !strncmp(fork_name, "kmigrate", 8);
}

static void kill_qemu(struct sink *s)
{
	if (s->q.attached)
		km_destqemu_end(&s->q);
	while (is_ours(s)) {
		kill(s->q.pid, SIGKILL);
		usleep(10000);
	}
	s->q.pid = 0;
	km_destqemu_release(&s->q);
}

/* GO came; its owner may have died before, in or after `cont`.  A guest that ran here has moved,
 * whatever became of it since: what the source has of it is the past. */
static enum km_verdict make_run(struct sink *s)
{
	struct km_qmp *q;
	char state[32];
	int rc = -1;

	if (s->ran)
		return KM_VERDICT_RUNNING;
	if (s->paused)
		return is_ours(s) ? KM_VERDICT_RUNNING : KM_VERDICT_DEAD;
	if (!is_ours(s))
		return KM_VERDICT_DEAD;
	if (km_qmp_open(&q, s->q.monitor, KM_QMP_MS, NULL))
		return is_ours(s) ? KM_VERDICT_NONE : KM_VERDICT_DEAD;
	if (!km_qmp_run_state(q, state, NULL))
		rc = !strcmp(state, "running") ?
			     0 :
			     km_qmp_exec(q, "cont", NULL, NULL, KM_QMP_MS, NULL);
	km_qmp_close(q);
	if (!rc)
		return KM_VERDICT_RUNNING;
	if (is_ours(s) && rc != -EREMOTEIO)
		return KM_VERDICT_NONE;
	kill_qemu(s); /* it refuses to run */
	return KM_VERDICT_DEAD;
}

static void note(struct sink *s, enum km_step step, const char *text)
{
	s->journal.step = step;
	s->journal.vm_pid = s->q.pid;
	snprintf(s->journal.note, sizeof(s->journal.note), "kmigrate receive was killed; %.400s",
		 text);
	km_journal_write(&s->journal, false, NULL);
	syslog(LOG_WARNING, "move %s of guest %s: %s", s->journal.id, s->journal.vm_name,
	       s->journal.note);
}

static void on_orphaned(void *ctx, const int *fds, unsigned int nfds)
{
	struct sink *s = ctx;
	enum km_verdict v = KM_VERDICT_DEAD;
	bool waits = false;

	if (s->q.attached) {
		s->q.attached->pidfd = nfds ? fds[0] : -1;
		s->q.qmp = NULL; /* our copy of it is closed */
		waits = !s->q.attached->begun;
	}
	if (s->go)
		v = make_run(s);
	else
		kill_qemu(s);
	km_sink_disks_orphaned(s, !s->go);
	km_placing_end(&s->placing, &s->placed);
	if (waits)
		km_sink_pins_undo(s);
	if (v == KM_VERDICT_RUNNING && s->q.attached)
		km_destqemu_release(&s->q);
	if (v == KM_VERDICT_RUNNING)
		note(s, KM_STEP_MOVED,
		     is_ours(s) ? "the guest runs here" : "the guest ran here, its QEMU is gone");
	else if (v == KM_VERDICT_DEAD && waits)
		note(s, KM_STEP_STAYED, "the QEMU here waits as before");
	else if (v == KM_VERDICT_DEAD)
		note(s, KM_STEP_STAYED, "its QEMU is gone, the guest belongs to the source");
	else
		note(s, KM_STEP_GO, "its QEMU's monitor does not answer");
	if (v == KM_VERDICT_NONE)
		return;
	if (!s->loaded || km_outcome_serve(s->o->listen_fd, s->o->creds, s->journal.session, v,
					   "kmigrate receive was killed", 4 * (int)s->o->peer_ms))
		km_keep_wipe(&s->journal); /* nobody will ask */
}

int km_sink_guard_start(struct sink *s, struct km_err *err)
{
	static const struct km_guard_ops ops = { .line = on_line, .orphaned = on_orphaned };

	return km_guard_start(&s->guard, &ops, s, s->o->listen_fd, err);
}
