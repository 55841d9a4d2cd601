// SPDX-License-Identifier: GPL-2.0
/*
 * The destination of a move.
 *
 *   IDLE --HELLO--> READY --BLOCKS--> FILLING --loaded--> LOADED --GO--> RUNNING
 *     \               \                  \                   \
 *      +---------------+------------------+-------------------+--> GONE
 *
 * In READY and FILLING, up to FENCE, a source whose link broke is waited for
 * (sink_door.c).  Else, before GO, every failure, and the source's silence, ends in GONE: QEMU is
 * killed (I4), but for one that was attached to in IDLE, which waits on
 * (attach.h).  GO is the commit point (I5); after it QEMU is never killed but
 * where it refuses to run, and then the source is told DEAD.  A source that has
 * not said BYE may not know: it can ask again (outcome.h), now, or any later
 * `kmigrate receive`, which answers from the journal.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "clock.h"
#include "cond.h"
#include "fault.h"
#include "keep.h"
#include "sink_disks.h"
#include "sink_priv.h"

int km_sink_fail(struct sink *s, const struct km_err *err)
{
	pthread_mutex_lock(&s->lock);
	if (!s->failed && !s->done) {
		s->err = *err;
		s->failed = true;
		/* Wakes the reader.  The streams stay open until FAILED is said: it
		 * tells the source more than their end would. */
		shutdown(s->control.fd, SHUT_RD);
		if (s->q.main_fd > 0)
			shutdown(s->q.main_fd, SHUT_RDWR);
	}
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
	return err->code ? err->code : -EIO;
}

/* The watcher ends by itself once the move has failed, or QEMU is loaded. */
static void stop_watch(struct sink *s)
{
	if (s->watch)
		pthread_join(s->watch, NULL);
	s->watch = 0;
}

/* ---- GO ---- */

static int journal(struct sink *s, enum km_step step, const char *note, struct km_err *err)
{
	s->journal.step = step;
	s->journal.vm_pid = step == KM_STEP_STAYED ? 0 : s->q.pid;
	snprintf(s->journal.note, sizeof(s->journal.note), "%s", note);
	return km_journal_write(&s->journal, false, err);
}

/* The commit.  Returns 1 when the guest is here.  A record that can't be made
 * (disk full) is no reason to lose a guest that may run: the source has made its
 * own before it sent GO. */
static int got_go(struct sink *s, struct km_err *err)
{
	uint8_t marks[KM_MARKS_WIRE_BYTES];
	int rc;

	if (!s->loaded)
		return km_err_set(err, -EPROTO, "GO before the guest was loaded");
	km_mark(&s->marks, KM_MARK_GO);
	stop_watch(s);
	s->go = true;
	km_guard_say(&s->guard, "go");
	km_fault("go-heard");
	rc = s->paused ? 0 : km_destqemu_go(&s->q, err);
	if (rc) {
		km_destqemu_end(&s->q);
		km_send_json(&s->control, KM_OP_DEAD, json_pack("{s:s}", "error", err->text), NULL);
		return rc;
	}
	km_mark(&s->marks, KM_MARK_RUNS);
	s->marks.cpu_ms = (km_cpu_ns() - s->cpu_from_ns) / 1000000;
	km_marks_build(&s->marks, marks);
	km_fault("cont-done");
	s->done = true;
	s->ran = true;
	km_guard_say(&s->guard, "ran");
	km_send(&s->control, KM_OP_RUNNING, 0, marks, sizeof(marks), NULL);
	km_fault("running-said");
	journal(s, KM_STEP_MOVED, "", NULL);
	return 1;
}

/* ---- the control connection ---- */

static int got_fence(struct sink *s, const uint8_t *buf, size_t len, struct km_err *err)
{
	int rc = km_sink_no_more_returns(s, err);

	if (!rc)
		rc = km_sink_wait_fence(s, buf, len, err);
	if (!rc && s->verifies)
		rc = km_verifier_look(&s->verify, err);
	return rc;
}

static int got(struct sink *s, const struct km_msg *m, const uint8_t *buf, struct km_err *err)
{
	int rc = km_talk_check(&s->talk, m, err);

	if (rc)
		return rc;
	if (s->relay && !s->mem && m->op != KM_OP_BLOCKS && m->op != KM_OP_MAIN &&
	    m->op != KM_OP_ABORT)
		return km_err_set(err, -EPROTO, "%s before BLOCKS", km_op_name(m->op));
	switch (m->op) {
	case KM_OP_BLOCKS:
		if (s->relay && !s->mem)
			return km_sink_open_blocks(s, buf, m->len, err);
		break;
	case KM_OP_MAIN:
		if (!s->relay)
			break;
		/* Before QEMU has it all, and says that it is loaded. */
		km_mark(&s->marks, KM_MARK_RECEIVED);
		rc = km_write_full(s->q.main_fd, buf, m->len);
		return rc ? km_err_set(err, rc, "the destination QEMU closed its main channel") : 0;
	case KM_OP_FENCE:
		return got_fence(s, buf, m->len, err);
	case KM_OP_SYNC:
		pthread_mutex_lock(&s->inject);
		rc = km_destqemu_sync(&s->q, err);
		pthread_mutex_unlock(&s->inject);
		return rc;
	case KM_OP_VERIFY:
		if (!s->loaded)
			break;
		if (m->len)
			return km_verifier_check(&s->verify, buf, m->len, err);
		return km_send_json(&s->control, KM_OP_VERIFIED, km_verifier_json(&s->verify), err);
	case KM_OP_GO:
		return got_go(s, err);
	case KM_OP_ABORT:
		s->understood = true;
		return km_err_set(err, -ECANCELED, "the source gave up: %.300s", buf);
	default:
		break;
	}
	return km_err_set(err, -EPROTO, "unexpected %s", km_op_name(m->op));
}

static int serve(struct sink *s, struct km_err *err)
{
	struct km_msg m;
	int rc;

	do {
		rc = km_sink_set_up(s, err);
	} while (rc == -EAGAIN);
	s->heard_ms = km_now_ms();
	if (!rc)
		km_holding_begin(&s->holding, &s->o->hold, s->q.pid, &s->held);
	while (!rc) {
		rc = km_sink_next(s, &m, err);
		if (!rc)
			rc = got(s, &m, s->control.buf, err);
		if (!rc)
			km_talk_done(&s->talk, &m);
	}
	if (s->go) /* RUNNING or DEAD was said */
		s->understood = !km_recv(&s->control, &m, NULL) && m.op == KM_OP_BYE;
	if (rc > 0 && s->understood)
		km_sink_arrival_say(s);
	if (rc > 0)
		return 0;
	/* Our own first error says more than the connection it broke. */
	if (s->failed)
		*err = s->err;
	s->failed = true;
	return err->code ? err->code : -EIO;
}

/* ---- the end ---- */

static void stop_threads(struct sink *s)
{
	km_pinger_stop(&s->pinger);
	if (s->q.main_fd > 0)
		shutdown(s->q.main_fd, SHUT_RDWR);
	for (unsigned int i = 0; i < s->nlanes; i++) {
		if (s->lanes[i].s)
			km_conn_shutdown(&s->lanes[i].conn);
		if (s->lanes[i].thread)
			pthread_join(s->lanes[i].thread, NULL);
		if (s->lanes[i].s)
			km_conn_close(&s->lanes[i].conn);
	}
	if (s->rp)
		pthread_join(s->rp, NULL);
	stop_watch(s);
}

/* Errors that are no consequence of QEMU's death, but may be its cause: the source was silent, or
 * sent what can't be used. */
static bool is_sources(const struct km_err *err)
{
	return err->code == -ETIMEDOUT || err->code == -EPROTO || err->code == -EBADMSG ||
	       err->code == -ERANGE || err->code == -EILSEQ;
}

/* When QEMU has died, what it said last explains more than the socket that broke.  It may
 * still be on its way out: its sockets close first. */
static void add_last_words(struct sink *s, struct km_err *err)
{
	char words[256];

	if (s->q.pid <= 0 || s->understood || is_sources(err))
		return;
	for (int i = 0; i < 20 && km_destqemu_alive(&s->q); i++)
		usleep(10000);
	if (km_destqemu_alive(&s->q))
		return;
	km_destqemu_last_words(&s->q, words, sizeof(words));
	km_err_set(err, -ECHILD, "the destination QEMU ended: %s", words);
}

/* FAILED is said after a QEMU is certainly gone: it means what it says. REFUSE is, too. */
static void give_up(struct sink *s, struct km_err *err)
{
	add_last_words(s, err);
	km_destqemu_end(&s->q);
	km_sink_disks_kill(s);
	stop_watch(s);
	km_sink_disks_end(s, s->go); /* after GO it may have run, and written */
	if (s->control.fd > 0)
		km_send_json(&s->control, s->refused ? KM_OP_REFUSE : KM_OP_FAILED,
			     json_pack("{s:s,s:b}", "error", err->text, "pins",
				       s->refused == KM_REFUSED_PINS),
			     NULL);
	if (s->journal.id[0])
		journal(s, KM_STEP_STAYED, err->text, NULL);
}

int km_sink_serve(const struct km_sink_opts *o, struct km_sink_result *res, struct km_err *err)
{
	struct sink *s = calloc(1, sizeof(*s));
	int rc = s ? 0 : km_err_set(err, -ENOMEM, "out of memory");

	if (rc)
		return rc;
	s->o = o;
	s->cpu_from_ns = km_cpu_ns();
	s->door = (struct km_door){
		.listen_fd = o->listen_fd,
		.creds = o->creds,
		.refused = o->refused,
		.ctx = o->ctx,
	};
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->inject, NULL);
	km_clocks_init(&s->clocks, false);
	km_cond_init(&s->cond);
	if (o->attach)
		km_destqemu_adopt(&s->q, o->attach, &s->guard);
	rc = serve(s, err);
	res->waits = rc && o->attach && !o->attach->begun && km_destqemu_alive(&s->q);
	res->outcome = rc ? KM_OUT_STAYED : KM_OUT_MOVED;
	if (rc)
		give_up(s, err);
	else
		km_sink_disks_end(s, true);
	km_sink_arrival_close(s);
	if (res->waits)
		km_sink_pins_undo(s);
	km_door_clear(&s->door);
	stop_threads(s);
	km_holding_end(&s->holding, &s->held);
	km_placing_end(&s->placing, &s->placed);
	res->hold = s->held;
	res->placed = s->placed;
	res->refused = s->refused != KM_REFUSED_NOT;
	res->pinned = km_sink_pins_count(s);
	res->pid = rc ? 0 : s->q.pid;
	km_destqemu_release(&s->q);
	snprintf(res->vm_name, sizeof(res->vm_name), "%s", s->journal.vm_name);
	res->pages = s->pages;
	km_conn_close(&s->control);
	if (o->ended)
		o->ended(o->ctx, res, err);
	if (s->loaded && !s->understood)
		s->understood = km_outcome_serve(o->listen_fd, o->creds, s->journal.session,
						 rc ? KM_VERDICT_DEAD : KM_VERDICT_RUNNING,
						 err->text, 4 * (int)o->peer_ms);
	if (s->journal.id[0] && (s->understood || !s->loaded)) /* nobody will ask */
		km_keep_wipe(&s->journal);
	km_guard_dismiss(&s->guard);
	km_sink_disks_free(s);
	km_sink_pins_free(s);
	km_verifier_free(&s->verify);
	km_guestmem_close(s->mem);
	km_ledger_free(s->blocks);
	km_talk_free(&s->talk);
	free(s);
	return rc;
}
