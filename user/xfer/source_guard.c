// SPDX-License-Identifier: GPL-2.0
/* Its code runs in the guard process, on a copy of struct source (guard.h). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>
#include "drain.h"
#include "rundir.h"
#include "source_disks.h"
#include "source_priv.h"

static const char *after(const char *line, const char *word)
{
	size_t n = strlen(word);

	return strncmp(line, word, n) ? NULL : line + n;
}

static void on_line(void *ctx, char *line)
{
	struct source *s = ctx;
	const char *rest;

	if ((rest = after(line, "session ")))
		snprintf(s->journal.session, sizeof(s->journal.session), "%s", rest);
	else if ((rest = after(line, "dir ")))
		snprintf(s->dir, sizeof(s->dir), "%s", rest);
	else if (km_placing_heard(&s->placing, s->vm->pid, line))
		return;
	else if ((rest = after(line, "saved ")))
		km_qmig_saved_parse(&s->saved, rest);
	else if ((rest = after(line, "weight ")))
		km_weight_parse(&s->weight, rest);
	else if ((rest = after(line, "quota ")))
		km_quota_parse(&s->quota, rest);
	else if (km_source_disks_line(s, line))
		return;
	else if (!strcmp(line, "go"))
		s->go_sent = true;
}

static void note(struct source *s, enum km_step step, const char *text)
{
	s->journal.step = step;
	snprintf(s->journal.note, sizeof(s->journal.note), "kmigrate run was killed; %.400s", text);
	km_journal_write(&s->journal, false, NULL);
	syslog(LOG_WARNING, "move %s of guest %s: %s", s->journal.id, s->vm->name, s->journal.note);
}

static void on_silent(struct source *s)
{
	note(s, s->journal.step, KM_SILENT);
}

static enum km_outcome back(struct source *s)
{
	struct km_qmp *q = NULL;
	enum km_outcome o;

	s->on_silent = on_silent;
	o = km_source_back(s, &q);
	if (!q)
		return o;
	km_source_disks_orphaned(s, q);
	if (s->saved.caps)
		km_qmig_restore(q, &s->saved, NULL);
	km_qmp_close(q);
	return o;
}

/* The connections to the destination are closed by the death of their owner: without GO it gives
 * up, by itself or, where it would wait for a link to come back, when it is told. */
static void on_orphaned(void *ctx, const int *fds, unsigned int nfds)
{
	struct source *s = ctx;
	enum km_verdict v = KM_VERDICT_DEAD;
	char why[KM_ERR_MAX] = "";

	km_quota_end(&s->quota, NULL);
	km_weight_end(&s->weight, NULL);
	km_drain_all(fds, nfds); /* QEMU's sockets, see drain.h */
	if (s->go_sent)
		v = km_outcome_ask(s->o->host, s->o->port, s->o->creds, s->journal.session,
				   (int)s->o->peer_ms, why);
	if (v == KM_VERDICT_NONE)
		note(s, KM_STEP_GO, "the destination does not say whether the guest runs there");
	else if (v == KM_VERDICT_RUNNING)
		note(s, KM_STEP_MOVED, "the guest runs at the destination");
	else if (back(s) == KM_OUT_STAYED)
		note(s, KM_STEP_STAYED, "the guest stays here");
	else
		note(s, KM_STEP_LOST, "QEMU does not run the guest here any more");
	km_placing_end(&s->placing, &s->run->placed);
	if (!s->go_sent && s->o->retry_ms && s->journal.session[0])
		km_redial_give_up(s->o->host, s->o->port, s->o->creds, s->journal.session,
				  "kmigrate run was killed");
	km_source_disks_orphaned(s, NULL);
	km_rundir_remove(s->dir);
}

int km_source_guard_start(struct source *s, struct km_err *err)
{
	static const struct km_guard_ops ops = { .line = on_line, .orphaned = on_orphaned };

	return km_guard_start(&s->guard, &ops, s, s->qemu_fd, err);
}
