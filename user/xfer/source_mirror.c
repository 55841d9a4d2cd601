// SPDX-License-Identifier: GPL-2.0
/* The disks that are mirrored, at the source. */
#include "source_disks_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "fault.h"
#include "goal.h"
#include "mirror.h"
#include "share.h"

#define LOOK_MS 100

static int open_tunnel(struct source *s, unsigned int i, char path[128], struct km_err *err)
{
	char name[32];
	struct km_conn c;
	struct km_msg msg;
	int fd = -1,
	    rc = km_conn_dial(&c, s->o->host, s->o->port, s->o->creds, (int)s->o->peer_ms, err);

	if (rc)
		return rc;
	rc = km_send_json(&c, KM_OP_DISK,
			  json_pack("{s:s,s:i}", "session", s->journal.session, "disk", (int)i),
			  err);
	if (!rc)
		rc = km_recv(&c, &msg, err);
	if (!rc && msg.op != KM_OP_WELCOME)
		rc = km_err_set(err, -EPROTO, "the destination refused a disk");
	snprintf(name, sizeof(name), "disk%u", i);
	if (!rc) {
		fd = km_source_listen(s, name, err);
		rc = fd < 0 ? fd : 0;
	}
	if (rc) {
		km_conn_close(&c);
		return rc;
	}
	snprintf(path, 128, "%s/%s", s->dir, name);
	rc = km_tunnel_open(&s->disks->tunnel[i], &c, -1, fd, s->vm->pid, err);
	if (!rc && s->m.failed) { /* cut, perhaps, while it was not there */
		km_tunnel_cut(&s->disks->tunnel[i]);
		*err = s->m.err;
		rc = err->code;
	}
	return rc;
}

/* ---- the link ---- */

uint64_t km_source_disks_wire(struct source *s)
{
	struct km_source_disks *k = s->disks;
	uint64_t sum = 0;

	for (unsigned int i = 0; k && i < k->disks.n; i++) {
		if (k->tunnel[i].open)
			s->run->disks.d[i].wire_bytes = km_conn_written(&k->tunnel[i].conn);
		sum += s->run->disks.d[i].wire_bytes;
	}
	return sum;
}

/* While nothing else is sent they have all of it. */
static int limit_alone(struct source *s, unsigned int i, struct km_err *err)
{
	uint64_t all = s->o->bandwidth_bytes_per_s;

	return all ? km_conn_limit(&s->disks->tunnel[i].conn, all / km_source_disks_count(s->disks),
				   err) :
		     0;
}

/* What each has taken since the last look, in bytes per second. */
static void see_taken(struct source *s, uint64_t taken[KM_DISKS_MAX], unsigned int at[KM_DISKS_MAX])
{
	struct km_source_disks *k = s->disks;
	double t = km_now_ms(), ms = t - k->t_shared;
	unsigned int n = 0;

	for (unsigned int i = 0; i < k->disks.n; i++) {
		uint64_t sent;

		if (k->fate[i].how != KM_DISK_MIRRORED)
			continue;
		sent = km_conn_written(&k->tunnel[i].conn);
		taken[n] = k->t_shared > 0 && ms > 0 ?
				   (uint64_t)((double)(sent - k->sent[i]) * 1e3 / ms) :
				   0;
		k->sent[i] = sent;
		at[n++] = i;
	}
	k->t_shared = t;
}

static int divide(struct source *s, uint64_t all, unsigned int n, struct km_err *err)
{
	uint64_t rest, taken[KM_DISKS_MAX], part[KM_DISKS_MAX];
	struct km_source_disks *k = s->disks;
	unsigned int at[KM_DISKS_MAX];
	int rc = 0;

	see_taken(s, taken, at);
	rest = km_share(all, n, taken, part);
	for (unsigned int i = 0; !rc && i < n; i++) /* QEMU's own path has its half for good */
		rc = km_conn_limit(&k->tunnel[at[i]].conn, s->relay ? part[i] : all / 2 / n, err);
	for (unsigned int i = 0; !rc && i < s->m.nlanes; i++)
		rc = km_conn_limit(&s->m.lanes[i].conn, rest / s->m.nlanes, err);
	return rc;
}

/* ---- in sync ---- */

static int name_it(const struct source *s, unsigned int i, const char *why, struct km_err *err)
{
	return km_err_set(err, err->code ? err->code : -EIO, "disk %s is not copied: %.300s",
			  s->disks->disks.d[i].id, why);
}

/* -EIO when one has failed; *left: how many are not in sync. */
static int look(struct source *s, unsigned int *left, struct km_err *err)
{
	struct km_source_disks *k = s->disks;
	struct km_mirror_job j;
	json_t *jobs = NULL;
	int rc = km_mirror_query(s->qmp, &jobs, err);

	*left = 0;
	for (unsigned int i = 0; !rc && i < k->disks.n; i++) {
		struct km_disk_facts *f = &s->run->disks.d[i];

		if (f->how != KM_DISK_MIRRORED)
			continue;
		km_mirror_parse(jobs, i, &j);
		f->done_bytes = j.done_bytes;
		f->total_bytes = j.total_bytes;
		if (j.error[0] || !j.there || j.concluded)
			rc = name_it(s, i, j.error[0] ? j.error : "its mirror has ended", err);
		else if (!j.ready)
			(*left)++;
		else if (!(f->ms > 0))
			f->ms = km_now_ms() - k->t_begin;
	}
	json_decref(jobs);
	return rc;
}

int km_source_disks_tend(struct source *s, struct km_err *err)
{
	uint64_t all = s->o->bandwidth_bytes_per_s;
	unsigned int n = km_source_disks_count(s->disks), left;
	int rc;

	if (!n || s->disks->finished)
		return 0;
	rc = look(s, &left, err);
	return !rc && all ? divide(s, all, n, err) : rc;
}

static void drop_events(struct source *s, int wait_ms)
{
	json_t *ev;

	while (!km_qmp_event(s->qmp, &ev, wait_ms, NULL)) {
		json_decref(ev);
		wait_ms = 0;
	}
}

static int until_in_sync(struct source *s, struct km_err *err)
{
	unsigned int left = 1;
	int rc = 0;

	while (!rc && left) {
		double t;

		drop_events(s, LOOK_MS);
		if (s->m.failed) {
			*err = s->m.err;
			return err->code;
		}
		rc = look(s, &left, err);
		t = km_now_ms() - s->t0;
		km_source_snapshot(s);
		if (!rc && s->o->deadline_ms && t >= s->o->deadline_ms)
			rc = km_goal_deadline_missed(s->run, s->o->deadline_ms, err);
		if (!rc && s->o->tick && s->o->tick(s->o->ctx, s->run, t))
			rc = km_err_set(err, -EINTR, "cancelled");
	}
	return rc;
}

int km_source_disks_mirror(struct source *s, struct km_err *err)
{
	struct km_source_disks *k = s->disks;
	char path[128];
	int rc = 0;

	if (!km_source_disks_count(k))
		return 0;
	if (km_guard_say(&s->guard, "mirror"))
		return km_err_set(err, -EPIPE, "the guard process is gone");
	k->begun = true;
	s->run->disks.copying = true;
	k->t_begin = km_now_ms();
	if (!km_mirror_clean(s->qmp)) /* of a move whose guard was killed, too */
		return km_err_set(err, -EBUSY, "an earlier move's mirrors can't be ended");
	for (unsigned int i = 0; !rc && i < k->disks.n; i++) {
		if (k->fate[i].how != KM_DISK_MIRRORED)
			continue;
		rc = open_tunnel(s, i, path, err);
		if (!rc)
			rc = limit_alone(s, i, err);
		if (!rc && km_mirror_begin(s->qmp, i, &k->disks.d[i], path, err))
			rc = name_it(s, i, err->text, err);
	}
	km_fault("mirroring");
	if (!rc)
		rc = until_in_sync(s, err);
	s->run->disks.ms = km_now_ms() - k->t_begin;
	if (rc)
		return rc;
	s->run->disks.copying = false;
	km_fault("mirrored");
	return km_qmig_pause_before_switchover(s->qmp, err);
}

/* ---- finished, while the guest stands still ---- */

static int await_end(struct source *s, unsigned int i, struct km_err *err)
{
	struct km_mirror_job j = { 0 };
	int rc = 0;

	while (!rc && !j.concluded) {
		json_t *jobs = NULL;

		if (s->m.failed) {
			*err = s->m.err;
			return err->code;
		}
		rc = km_mirror_query(s->qmp, &jobs, err);
		if (!rc)
			km_mirror_parse(jobs, i, &j);
		json_decref(jobs);
		if (!rc && (!j.there || j.error[0]))
			return name_it(s, i, j.there ? j.error : "its mirror is gone", err);
		if (!j.concluded)
			usleep(500);
	}
	return rc ? rc : km_mirror_dismiss(s->qmp, i, err);
}

static int finish(struct source *s, struct km_err *err)
{
	struct km_source_disks *k = s->disks;
	uint64_t all = s->o->bandwidth_bytes_per_s;
	unsigned int left;
	int rc = look(s, &left, err);

	/* block-job-cancel of one that is not in sync would just end it. */
	if (!rc && left)
		rc = km_err_set(err, -EIO, "a mirror is not in sync any more");
	for (unsigned int i = 0; !rc && i < k->disks.n; i++)
		if (k->fate[i].how == KM_DISK_MIRRORED)
			rc = km_mirror_finish(s->qmp, i, err);
	for (unsigned int i = 0; !rc && i < k->disks.n; i++)
		if (k->fate[i].how == KM_DISK_MIRRORED)
			rc = await_end(s, i, err);
	for (unsigned int i = 0; !rc && all && i < s->m.nlanes; i++)
		rc = km_conn_limit(&s->m.lanes[i].conn, all / s->m.nlanes, err);
	return rc;
}

int km_source_disks_finish(struct source *s, struct km_err *err)
{
	struct km_source_disks *k = s->disks;
	int rc;

	if (!k || !k->begun || k->finished)
		return 0;
	rc = finish(s, err);
	if (rc)
		return rc;
	k->finished = true;
	km_mark(&s->m.marks, KM_MARK_MIRRORED);
	km_fault("mirrors-finished");
	return km_qmig_continue(s->qmp, err);
}

int km_source_disks_sure(const struct source *s, struct km_err *err)
{
	return !s->disks || !s->disks->begun || s->disks->finished ?
		       0 :
		       km_err_set(err, -EPERM,
				  "QEMU did not wait for its disks: somebody else told "
				  "it to go on");
}
