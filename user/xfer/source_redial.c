// SPDX-License-Identifier: GPL-2.0
/*
 * A link that breaks in pre-copy, as the thread that runs the move sees to it:
 *
 *   UP --broken--> every thread of the connections is joined, they are closed, pages that may be
 *    ^             lost wait again (ledger.h)
 *    |                |
 *    |             AWAY: redial.h dials; this thread goes on (progress, ^C, --deadline), QEMU waits
 *    |                |
 *    +-- each end says again what the other has not heard (talk.h); new threads
 *
 * The guest works all the time.  Once it is stopped nothing is waited for: it goes on here.
 *
 * Of the time that --retry-for allows there is as much left as the link has held since, and at most
 * all: one that is away for longer than it holds is given up in the end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "fault.h"
#include "source_priv.h"

#define STABLE_MS 1000 /* a link that held for so long is dialled at once */

void km_source_redial_init(struct source *s)
{
	struct km_redial *r = &s->redial;

	r->host = s->o->host;
	r->port = s->o->port;
	r->creds = s->o->creds;
	r->session = s->journal.session;
	r->peer_ms = s->o->peer_ms;
	r->streams = s->o->streams;
	r->paths = s->o->paths;
	r->stream_bytes_per_s = s->o->bandwidth_bytes_per_s / s->o->streams;
}

static void hang_up(struct source *s)
{
	struct km_move *m = &s->m;

	km_pinger_stop(&s->pinger);
	km_talk_down(&m->talk);
	km_senders_join(m);
	if (s->control)
		pthread_join(s->control, NULL);
	s->control = 0;
	pthread_mutex_lock(&m->lock); /* km_move_fail() shuts them down */
	for (unsigned int i = 0; i < m->nlanes; i++) {
		m->closed_bytes += km_conn_written(&m->lanes[i].conn);
		if (s->redial.path_of[i] >= 0)
			s->path_closed_bytes[s->redial.path_of[i]] +=
				km_conn_written(&m->lanes[i].conn);
		km_conn_close(&m->lanes[i].conn);
	}
	m->closed_bytes += km_conn_written(&m->control);
	km_conn_close(&m->control);
	pthread_mutex_unlock(&m->lock);
	km_senders_unsend(m);
}

static int dial(struct source *s, struct km_err *err)
{
	struct km_redial *r = &s->redial;
	double up_ms;

	s->t_broken = km_now_ms();
	up_ms = s->t_broken - s->t_up;
	s->retry_left_ms += up_ms;
	if (s->retry_left_ms > s->o->retry_ms)
		s->retry_left_ms = s->o->retry_ms;
	s->redialling = true;
	s->run->link_away = true;
	snprintf(s->run->why_redialled, sizeof(s->run->why_redialled), "%s", s->m.why_broken.text);
	hang_up(s);
	if (s->retry_left_ms <= 0)
		return km_err_set(err, s->m.why_broken.code,
				  "the link breaks again and again: %.400s", s->m.why_broken.text);
	r->until_ms = s->t_broken + s->retry_left_ms;
	r->tries_fast = up_ms >= STABLE_MS;
	r->heard = s->m.talk.heard;
	return km_redial_start(r, err);
}

/* From here on the threads use them. */
static void take_connections(struct source *s)
{
	struct km_redial *r = &s->redial;
	struct km_move *m = &s->m;

	pthread_mutex_lock(&m->lock);
	m->control = r->control;
	m->control.clocks = &s->clocks;
	for (unsigned int i = 0; i < r->nlanes; i++)
		m->lanes[i].conn = r->lane[i];
	memset(&r->control, 0, sizeof(r->control));
	r->control.fd = -1;
	r->nlanes = 0;
	pthread_mutex_unlock(&m->lock);
}

/* Rounds and rates of before say nothing about those that come. */
static void begin_anew(struct source *s)
{
	km_pace_restart(&s->pace);
	s->flat = (struct km_flat){ 0 };
	s->rounds_stalled = 0;
	s->run->redials++;
	s->run->link_away = false;
}

static void set_broken(struct km_move *m, bool broken, const struct km_err *why)
{
	pthread_mutex_lock(&m->lock);
	m->broken = broken;
	m->why_broken = *why;
	pthread_mutex_unlock(&m->lock);
}

static int resume(struct source *s, struct km_err *err)
{
	struct km_move *m = &s->m;
	int rc;

	s->redialling = false;
	s->t_up = km_now_ms();
	s->run->redial_ms += s->t_up - s->t_broken;
	s->retry_left_ms -= s->t_up - s->t_broken;
	take_connections(s);
	km_fault_once("redialled");
	rc = km_talk_up(&m->talk, s->redial.heard_there, err);
	if (km_conn_broke(rc)) { /* again; the next turn sees to it */
		set_broken(m, true, err);
		return 0;
	}
	begin_anew(s);
	set_broken(m, false, err);
	if (!rc)
		rc = km_pinger_start(&s->pinger, &m->control, err);
	if (!rc)
		rc = pthread_create(&s->control, NULL, km_source_control_main, s) ? -EAGAIN : 0;
	if (!rc)
		rc = km_senders_start(m, err);
	km_move_wake(m);
	return rc;
}

int km_source_redial(struct source *s, struct km_err *err)
{
	struct km_move *m = &s->m;
	struct km_redial *r = &s->redial;

	if (!m->broken)
		return 0;
	if (s->t_stop > 0)
		return km_err_set(err, m->why_broken.code,
				  "%.400s, when the guest had been stopped", m->why_broken.text);
	if (!s->redialling)
		return dial(s, err);
	if (!r->over)
		return 0;
	pthread_join(r->thread, NULL);
	r->thread = 0;
	if (!r->rc)
		return resume(s, err);
	return km_err_set(err, r->rc, "%.200s; redialled for %.0f s in vain: %.200s",
			  m->why_broken.text, (km_now_ms() - s->t_broken) / 1e3, r->err.text);
}

/* The destination may wait for a source that does not come; ABORT has not reached it. */
void km_source_redial_end(struct source *s, const struct km_err *why)
{
	const struct km_redial *r = &s->redial;

	km_redial_end(&s->redial);
	if (!s->m.redials || !why->code || s->go_sent || (s->redialling && r->rc == -EREMOTEIO))
		return;
	if (s->m.broken || km_conn_broke(why->code))
		km_redial_give_up(km_redial_address(r), r->port, r->creds, r->session, why->text);
}
