// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include "fault.h"
#include "goal.h"
#include "multifd.h"
#include "source_disks.h"
#include "source_priv.h"

#define STEER_MS 100
#define PAUSE_MS 200 /* the pause is not made longer by a question; but this one is long */

/* Not while connections are being made. */
static void see_paths(struct source *s)
{
	struct km_run *r = s->run;

	r->npaths = s->o->paths.n;
	for (unsigned int i = 0; i < r->npaths; i++) {
		snprintf(r->path[i].address, sizeof(r->path[i].address), "%s",
			 s->o->paths.address[i]);
		r->path[i].streams = 0;
		r->path[i].wire_bytes = s->path_closed_bytes[i];
	}
	for (unsigned int i = 0; i < s->m.nlanes; i++) {
		int at = s->redial.path_of[i];

		if (at < 0)
			continue;
		r->path[at].streams++;
		r->path[at].wire_bytes += km_conn_written(&s->m.lanes[i].conn);
	}
}

void km_source_snapshot(struct source *s)
{
	struct km_counters *c = &s->run->c;
	struct km_move *m = &s->m;

	c->listed_pages = m->listed;
	c->merged_pages = m->merged;
	c->sent_pages = m->sent;
	c->zero_pages = m->pages.pages[KM_KIND_ZERO];
	c->raw_pages = m->pages.pages[KM_KIND_RAW];
	c->packed_pages = m->pages.pages[KM_KIND_PACKED];
	c->packed_bytes = m->pages.bytes[KM_KIND_PACKED];
	c->delta_pages = m->pages.pages[KM_KIND_DELTA];
	c->delta_bytes = m->pages.bytes[KM_KIND_DELTA];
	c->payload_bytes = m->pages.bytes[KM_KIND_RAW] + c->packed_bytes + c->delta_bytes;
	c->codec_ms = m->pages.codec_ns / 1000000;
	c->same_pages = m->same;
	c->later_pages = m->later;
	c->device_bytes = m->device_bytes;
	c->acked_pages = km_move_acked(m);
	c->backlog_pages = km_move_backlog(m);
	c->resent_pages = m->lost;
	c->wire_bytes = m->closed_bytes + km_conn_written(&m->control);
	for (unsigned int i = 0; i < m->nlanes; i++)
		c->wire_bytes += km_conn_written(&m->lanes[i].conn);
	c->disk_bytes = km_source_disks_wire(s);
	c->wire_bytes += c->disk_bytes;
	if (!s->redialling)
		see_paths(s);
}

/* Zero pages cost the link next to nothing: while most are, it isn't the link that sets the
 * rate. */
static void see_link(struct source *s)
{
	struct km_move *m = &s->m;
	uint64_t payload = s->run->c.payload_bytes;
	uint64_t zero = s->run->c.zero_pages - s->zero_paced;
	uint64_t sent = s->run->c.sent_pages - s->sent_paced;
	double t = km_now_ms();
	uint64_t carried;
	bool busy;

	if (!s->relay || m->broken || t - s->last_pace_at < 20)
		return;
	carried = km_move_carried(m, &busy);
	if (2 * zero > sent)
		busy = false;
	km_pace_see(&s->pace, t, carried, busy);
	s->pace.rtt_ms = km_move_rtt_ms(m);
	km_pace_see_pages(&s->pace, sent > zero ? sent - zero : 0, payload - s->payload_paced);
	s->run->c.goodput_bytes_per_s = (uint64_t)s->pace.bytes_per_s;
	s->last_pace_at = t;
	s->sent_paced += sent;
	s->zero_paced += zero;
	s->payload_paced = payload;
}

/* What QEMU may list until the next look, when it has listed `last` since the one before. Returns
 * its max-bandwidth. */
static uint64_t allow(struct source *s, uint64_t remaining, uint64_t last)
{
	struct km_move *m = &s->m;
	unsigned int pause_ms = km_pace_aim_ms(&s->pace, s->o->max_pause_ms);
	uint64_t ahead = km_pace_ahead_pages(&s->pace, remaining, pause_ms, STEER_MS);
	uint64_t most = km_pace_most_pages(&s->pace, last, ahead, pause_ms, STEER_MS);
	uint64_t content = s->content_paced, limit;

	m->backlog_cap = km_pace_backlog_pages(&s->pace, pause_ms);
	limit = km_pace_qemu_limit(&s->pace, km_move_backlog(m), ahead, pause_ms, STEER_MS);
	m->list_until = content + ahead + (limit ? (m->nchannels + 1) * KM_MULTIFD_PAGES : 0);
	m->pages_until = m->listed + km_pace_middle_pages(&s->pace, remaining, pause_ms);
	m->content_until = most < UINT64_MAX - content ? content + most : UINT64_MAX;
	m->ease_pages = km_pace_ease_pages(&s->pace, pause_ms);
	m->take_pages = km_pace_take_pages(&s->pace, ahead, m->nlanes);
	km_move_wake(m);
	return limit;
}

/* Every 100 ms, as QEMU looks at its own throughput. */
static int set_pace(struct source *s, const struct km_qmig_status *st, struct km_err *err)
{
	struct km_move *m = &s->m;
	uint64_t listed = m->listed_content - s->content_paced;
	double t = km_now_ms();
	uint64_t limit;
	unsigned int ms;

	km_pace_see_qemu(&s->pace, st->mbps * 1e6 / 8, listed, t - s->t_paced);
	s->content_paced += listed;
	s->t_paced = t;
	km_pace_see_zeros(&s->pace, m->listed - m->listed_content);
	km_pace_rounds(&s->pace, st->rounds, s->o->max_pause_ms);
	if (st->rounds != s->rounds_cooled) {
		s->rounds_cooled = st->rounds;
		km_ledger_cool(m->ledger);
	}
	limit = allow(s, st->remaining_bytes / KM_PAGE_SIZE, listed);
	ms = km_pace_downtime_ms(&s->pace, km_move_backlog(m),
				 km_pace_aim_ms(&s->pace, s->o->max_pause_ms));
	if (ms == s->downtime_ms && limit == s->qemu_limit)
		return 0;
	s->downtime_ms = ms;
	s->qemu_limit = limit;
	return km_qmig_set_pace(s->qmp, ms, limit, err);
}

static int steer(struct source *s, struct km_err *err)
{
	struct km_counters *c = &s->run->c;
	struct km_qmig_status st;
	int rc = km_qmig_query(s->qmp, &st, err);

	if (rc)
		return rc;
	c->rounds = st.rounds;
	c->qemu_remaining_bytes = st.remaining_bytes;
	c->dirty_pages_per_s = st.dirty_pages_per_s;
	s->qemu_bytes_per_s = (uint64_t)(st.mbps * 1e6 / 8);
	if (!strcmp(st.status, "completed"))
		s->qemu_done = true;
	if (!strcmp(st.status, "pre-switchover"))
		s->at_switchover = true;
	if (!strcmp(st.status, "failed") || !strcmp(st.status, "cancelled"))
		return km_err_set(err, -EREMOTEIO, "the source QEMU ended the migration: %s",
				  st.error[0] ? st.error : st.status);
	if (!s->relay || s->t_stop > 0)
		return 0;
	return set_pace(s, &st, err);
}

static void see_events(struct source *s, int wait_ms)
{
	json_t *ev;

	while (!km_qmp_event(s->qmp, &ev, wait_ms, NULL)) {
		const char *name = json_string_value(json_object_get(ev, "event"));
		const char *st =
			json_string_value(json_object_get(json_object_get(ev, "data"), "status"));

		if (name)
			km_source_pause_event(s, name, ev);
		if (name && !strcmp(name, "STOP") && !(s->t_stop > 0)) {
			s->t_stop = (double)s->m.marks.ns[KM_MARK_STOPPED] / 1e6;
			s->run->phase = KM_PHASE_SWITCHOVER;
			km_move_wake(&s->m);
			km_source_impact_phase(s);
			km_fault("stopped");
		}
		if (name && !strcmp(name, "MIGRATION") && st && !strcmp(st, "completed"))
			s->qemu_done = true;
		if (name && !strcmp(name, "MIGRATION") && st && !strcmp(st, "pre-switchover"))
			s->at_switchover = true;
		json_decref(ev);
		wait_ms = 0;
	}
}

/* Of a pause no millisecond is slept through: the destination's word ends it, as does QEMU's. */
static void await_word(struct source *s)
{
	struct pollfd p[] = { { .fd = km_qmp_fd(s->qmp), .events = POLLIN },
			      { .fd = s->word_fd, .events = POLLIN } };
	eventfd_t n;

	if (poll(p, 2, 2) > 0 && p[1].revents)
		eventfd_read(s->word_fd, &n);
}

int km_source_cycle(struct source *s, struct km_err *err)
{
	bool paused = s->t_stop > 0;
	double t;
	int rc = 0;

	if (paused)
		await_word(s);
	see_events(s, paused ? 0 : 20);
	if (s->m.failed) {
		*err = s->m.err;
		return err->code;
	}
	rc = km_source_redial(s, err);
	if (!rc && s->at_switchover)
		rc = km_source_disks_finish(s, err);
	if (rc)
		return rc;
	t = km_now_ms();
	if (t - s->t_query >= STEER_MS) {
		s->t_query = t;
		if (!(s->t_stop > 0) || t - s->t_stop >= PAUSE_MS)
			rc = steer(s, err);
		if (!rc && !(s->t_stop > 0))
			rc = km_source_stall(s, err);
		if (!rc)
			rc = km_source_disks_tend(s, err);
		km_placing_look(&s->placing, &s->run->placed);
	}
	km_source_snapshot(s);
	see_link(s);
	if (!paused)
		km_source_scout(s);
	km_source_throttle(s);
	if (!rc && s->o->deadline_ms && !(s->t_stop > 0) && t - s->t0 >= s->o->deadline_ms) {
		km_source_module_look(s);
		rc = km_goal_deadline_missed(s->run, s->o->deadline_ms, err);
	}
	if (!rc && s->o->tick && s->o->tick(s->o->ctx, s->run, t - s->t0))
		rc = km_err_set(err, -EINTR, "cancelled");
	return rc;
}

static int send_hashes(struct source *s, uint8_t *buf, struct km_err *err)
{
	uint64_t n, all = 0;
	int rc = 0;

	for (uint32_t b = 0; !rc && b < km_ledger_blocks(s->m.ledger); b++) {
		uint64_t pages = km_ledger_block_pages(s->m.ledger, b);

		all += pages;
		for (uint64_t at = 0; !rc && at < pages; at += n) {
			ssize_t len = km_verifier_build(s->m.mem, s->m.ledger, b, at, buf, &n);

			if (!len)
				break;
			rc = len < 0 ?
				     km_err_set(err, (int)len, "reading the guest's memory: %s",
						strerror((int)-len)) :
				     km_send(&s->m.control, KM_OP_VERIFY, 0, buf, (size_t)len, err);
		}
	}
	s->run->verify.unseen = all; /* until they are compared */
	return rc;
}

int km_source_verify(struct source *s, struct km_err *err)
{
	uint8_t *buf = malloc(KM_VERIFY_BYTES);
	uint64_t all;
	int rc;

	rc = buf ? send_hashes(s, buf, err) : km_err_set(err, -ENOMEM, "out of memory");
	all = s->run->verify.unseen;
	free(buf);
	if (!rc)
		rc = km_send(&s->m.control, KM_OP_VERIFY, 0, NULL, 0, err);
	while (!rc && !s->verified)
		rc = km_source_cycle(s, err);
	if (rc)
		return rc;
	s->run->verify = s->verify;
	s->run->verify.unseen = all > s->verify.pages ? all - s->verify.pages : 0;
	km_mark(&s->m.marks, KM_MARK_VERIFIED);
	if (s->verify.differing > s->verify.allowed)
		return km_err_set(err, -EILSEQ, "%llu pages differ, the first is %s: not moved",
				  (unsigned long long)(s->verify.differing - s->verify.allowed),
				  s->verify.first);
	if (!s->verify.pages)
		return km_err_set(
			err, -EOPNOTSUPP,
			"no page can be compared, as the guest's memory can't be read from "
			"outside of QEMU: not moved; go without --verify");
	return 0;
}
