// SPDX-License-Identifier: GPL-2.0
/*
 * The source of a move.
 *
 *   SETUP --migrate--> PRECOPY --guest stopped--> SWITCHOVER --loaded--> COMMIT --RUNNING--> DONE
 *      \                 \                          \                       \
 *       +-----------------+--------------------------+--> back: the guest    +--> in doubt, unless
 *                                                         runs here              the destination
 *                                                                                says which
 *
 * A link that breaks in PRECOPY is redialled (source_redial.c).
 *
 * COMMIT has two steps.  First the source QEMU may complete: until then its
 * return path lacks SHUT, and it resumes the guest by itself when this process
 * dies (retpath.h).  Once it has said "completed" it does not resume by itself
 * (migration_iteration_finish()), so GO can't make two running guests.  Until
 * GO is sent every failure goes back (I4); after it none does (I5), except
 * when the destination answers that its QEMU is dead.  When GO's answer is lost
 * the destination is asked again (outcome.h); when this process is killed its
 * guard does the same (source_guard.c).  A source QEMU that dies before it has completed, when
 * the destination has all of the guest, counts as one that has (source_died.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "cond.h"
#include "fault.h"
#include "pace.h"
#include "rundir.h"
#include "source_disks.h"
#include "source_priv.h"

/* The source QEMU lets go of the guest. */
static int complete(struct source *s, struct km_err *err)
{
	int rc = s->relay && !s->run->source_died ? km_source_release_shut(s, err) : 0;

	while (!rc && !s->qemu_done && !s->run->source_died)
		rc = km_source_cycle(s, err);
	if (rc && km_source_died_whole(s, rc))
		rc = 0;
	return rc ? rc : km_source_disks_sure(s, err);
}

/* The last moment to go back: both records are made before GO can be sent. */
static int decide(struct source *s, struct km_err *err)
{
	int rc;

	s->journal.step = KM_STEP_GO;
	rc = km_journal_write(&s->journal, false, err);
	if (!rc && km_guard_say(&s->guard, "go"))
		rc = km_err_set(err, -EPIPE, "the guard process is gone");
	return rc;
}

static int ask_again(struct source *s, struct km_err *err)
{
	char why[KM_ERR_MAX];

	switch (km_outcome_ask(s->o->host, s->o->port, s->o->creds, s->journal.session,
			       (int)s->o->peer_ms, why)) {
	case KM_VERDICT_RUNNING:
		s->running = true;
		return 0;
	case KM_VERDICT_DEAD:
		s->dead = true;
		return km_err_set(err, -EREMOTEIO, "the destination's QEMU is gone");
	case KM_VERDICT_NONE:
		break;
	}
	return km_err_set(err, -ECOMM,
			  "GO was sent and its answer lost (%.200s); when the destination can be "
			  "reached again: kmigrate resolve %s",
			  why, s->run->id);
}

/* The commit point.  0: the guest is at the destination. */
static int commit(struct source *s, struct km_err *err)
{
	int rc;

	s->run->phase = KM_PHASE_COMMIT;
	rc = complete(s, err);
	km_fault("completed");
	if (!rc)
		rc = decide(s, err);
	if (rc)
		return rc;
	km_fault("decided");
	km_mark(&s->m.marks, KM_MARK_GO_SENT);
	s->go_sent = true;
	rc = km_send(&s->m.control, KM_OP_GO, 0, NULL, 0, err);
	km_fault("go-sent");
	while (!rc && !s->running && !s->dead && !s->m.failed)
		km_move_wait(&s->m, 50);
	if (s->running || s->dead) {
		km_send(&s->m.control, KM_OP_BYE, 0, NULL, 0, NULL);
		if (s->dead)
			return km_err_set(err, -EREMOTEIO,
					  "the guest would not start at the destination: %s",
					  s->why_dead);
	} else {
		rc = ask_again(s, err);
		if (rc)
			return rc;
		km_source_pause_answered(s, NULL, 0);
	}
	s->run->pause_ms = s->t_stop > 0 ? km_now_ms() - s->t_stop : 0;
	km_source_pause_report(s);
	km_source_impact_moved(s);
	return 0;
}

static int move(struct source *s, struct km_err *err)
{
	int rc = km_source_set_up(s, err);

	s->run->setup_ms = km_now_ms() - s->t0 - s->run->disks.ms;
	s->run->phase = KM_PHASE_PRECOPY;
	km_source_impact_phase(s);
	km_fault("set-up");
	while (!rc && !(s->loaded && (s->relay || s->qemu_done)))
		rc = km_source_cycle(s, err);
	if (rc && km_source_died_whole(s, rc))
		rc = 0;
	km_fault("loaded");
	if (!rc && s->o->verify && s->relay && !s->run->source_died)
		rc = km_source_verify(s, err);
	if (rc && rc != -EILSEQ && km_source_died_whole(s, rc))
		rc = 0;
	return rc ? rc : commit(s, err);
}

/* ---- the end ---- */

/* Every thread of the move wakes; those that read from QEMU go on until it closes. */
static void wake_all(struct source *s, int rc, const struct km_err *err)
{
	struct km_move *m = &s->m;

	if (rc)
		km_move_fail(m, err);
	m->finished = true;
	m->failed = m->failed || rc;
	km_move_wake(m);
	for (unsigned int i = 0; i < m->nlanes; i++)
		km_conn_shutdown(&m->lanes[i].conn);
	if (m->control.fd > 0 && (rc || !s->arrival_promised))
		shutdown(m->control.fd, SHUT_RD);
}

/* Should QEMU not have closed its sockets by now, nobody waits for it. */
static void cut_off_qemu(struct km_move *m)
{
	for (unsigned int i = 0; i < m->nchannels; i++)
		shutdown(m->channels[i].fd, SHUT_RDWR);
	if (m->main_fd > 0)
		shutdown(m->main_fd, SHUT_RDWR);
}

static enum km_outcome outcome(struct source *s, int rc)
{
	if (!rc)
		return KM_OUT_MOVED;
	if (s->go_sent && !s->dead)
		return KM_OUT_DOUBT;
	/* Without its monitor nothing was done to QEMU. */
	return s->qmp ? km_source_back(s, &s->qmp) : KM_OUT_STAYED;
}

static void finish(struct source *s, int rc, const struct km_err *err)
{
	static const enum km_step step[] = {
		[KM_OUT_MOVED] = KM_STEP_MOVED,
		[KM_OUT_STAYED] = KM_STEP_STAYED,
		[KM_OUT_DOUBT] = KM_STEP_GO,
		[KM_OUT_LOST] = KM_STEP_LOST,
	};
	struct km_err held = { 0 };

	if (rc && !s->go_sent && s->m.control.fd > 0)
		km_send(&s->m.control, KM_OP_ABORT, 0, err->text, strlen(err->text), NULL);
	if (s->redialling)
		s->run->redial_ms += km_now_ms() - s->t_broken;
	km_source_throttle_end(s);
	km_pinger_stop(&s->pinger);
	wake_all(s, rc, err);
	km_source_module_close(s);
	km_source_disks_cut(s);
	s->run->outcome = outcome(s, rc);
	km_source_disks_end(s);
	km_holding_end(&s->holding, &s->run->hold);
	km_placing_end(&s->placing, &s->run->placed);
	km_weight_end(&s->weight, &s->run->weight);
	if (s->qmp && s->saved.caps && !s->run->source_died &&
	    km_qmig_restore(s->qmp, &s->saved, &held))
		snprintf(s->run->held, sizeof(s->run->held), "%s", held.text);
	if (rc)
		cut_off_qemu(&s->m);
	if (!s->journal.id[0])
		return;
	s->journal.step = step[s->run->outcome];
	snprintf(s->journal.note, sizeof(s->journal.note), "%s", rc ? err->text : "");
	km_journal_write(&s->journal, false, NULL);
	km_guard_dismiss(&s->guard);
}

static void tear_down(struct source *s, const struct km_err *why)
{
	struct km_move *m = &s->m;

	km_source_redial_end(s, why);
	km_intake_join(m);
	km_senders_join(m);
	if (s->control)
		pthread_join(s->control, NULL);
	for (unsigned int i = 0; i < m->nlanes; i++) {
		km_conn_close(&m->lanes[i].conn);
		km_inflight_free(&m->lanes[i].inflight);
	}
	for (unsigned int i = 0; i < m->nchannels; i++)
		close(m->channels[i].fd);
	if (m->main_fd > 0)
		close(m->main_fd);
	if (m->control.fd > 0)
		km_conn_close(&m->control);
	if (s->listen_fd > 0)
		close(s->listen_fd);
	if (s->qemu_fd >= 0)
		close(s->qemu_fd);
	if (s->word_fd > 0)
		close(s->word_fd);
	km_rundir_remove(s->dir);
	km_source_disks_free(s);
	km_source_pins_free(s);
	km_qmp_close(s->qmp);
	km_guestmem_close(m->mem);
	km_ledger_free(m->ledger);
	km_talk_free(&m->talk);
}

static void on_silent(struct source *s)
{
	snprintf(s->journal.note, sizeof(s->journal.note), "%s", KM_SILENT);
	if (s->journal.id[0])
		km_journal_write(&s->journal, false, NULL);
	if (s->o->tick)
		s->o->tick(s->o->ctx, s->run, km_now_ms() - s->t0);
}

static void init(struct source *s, const struct km_source_opts *o, const struct km_vm *vm,
		 struct km_run *run)
{
	s->o = o;
	s->vm = vm;
	s->run = run;
	s->relay = !strcmp(o->engine, "relay");
	s->t0 = km_now_ms();
	run->throttle.wanted = km_source_may_throttle(s);
	s->m.pid = vm->pid;
	km_source_died_watch(s);
	s->on_silent = on_silent;
	s->m.delta_bytes = o->delta_bytes;
	km_talk_init(&s->m.talk, &s->m.control, s->relay && o->retry_ms);
	s->m.backlog_cap = km_pace_backlog_pages(&s->pace, o->max_pause_ms);
	s->m.content_until = UINT64_MAX;
	s->m.ease_pages = km_pace_ease_pages(&s->pace, o->max_pause_ms);
	s->m.take_pages = KM_WIRE_PAGES_MAX;
	s->word_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* without one it goes, too */
	km_clocks_init(&s->clocks, true);
	pthread_mutex_init(&s->rp_lock, NULL);
	pthread_mutex_init(&s->m.lock, NULL);
	km_cond_init(&s->m.cond);
	km_journal_new_id(run->id);
}

static int draw_secret(struct km_move *m, struct km_err *err)
{
	static const uint8_t zeros[KM_PAGE_SIZE];

	if (getentropy(m->secret, sizeof(m->secret)))
		return km_err_set(err, -errno, "no random numbers: %s", strerror(errno));
	m->zero_sum = km_sum_of(m->secret, zeros);
	return 0;
}

int km_source_run(const struct km_source_opts *o, const struct km_vm *vm, struct km_run *run,
		  struct km_err *err)
{
	static const struct km_err none;
	struct source *s = calloc(1, sizeof(*s));
	uint64_t cpu_from_ns = km_cpu_ns();
	int rc;

	if (!s)
		return km_err_set(err, -ENOMEM, "out of memory");
	init(s, o, vm, run);
	s->m.ledger = km_ledger_new(o->streams);
	if (!s->m.ledger)
		rc = km_err_set(err, -ENOMEM, "out of memory");
	else
		rc = draw_secret(&s->m, err);
	if (!rc)
		rc = move(s, err);
	finish(s, rc, err);
	km_source_snapshot(s);
	run->total_ms = km_now_ms() - s->t0;
	if (!rc) {
		run->phase = KM_PHASE_DONE;
		km_source_arrival_await(s);
	}
	km_source_impact_close(s);
	tear_down(s, rc ? err : &none);
	run->source_cpu_ms = (double)(km_cpu_ns() - cpu_from_ns) / 1e6;
	free(s);
	return rc;
}
