// SPDX-License-Identifier: GPL-2.0
#include "move.h"

#include <errno.h>
#include "cond.h"
#include "sockstat.h"

int km_move_fail(struct km_move *m, const struct km_err *err)
{
	pthread_mutex_lock(&m->lock);
	if (!m->failed && !m->finished && err->code != -ECANCELED) {
		m->err = *err;
		m->failed = true;
		/* QEMU's sockets stay open and are read from: see drain.h. */
		for (unsigned int i = 0; i < m->nlanes; i++)
			km_conn_shutdown(&m->lanes[i].conn);
	}
	pthread_cond_broadcast(&m->cond);
	pthread_mutex_unlock(&m->lock);
	return err->code ? err->code : -EIO;
}

int km_move_broke(struct km_move *m, const struct km_err *err)
{
	bool redial;

	pthread_mutex_lock(&m->lock);
	redial = m->redials && !m->all_listed && !m->failed && !m->finished;
	if (redial && !m->broken) {
		m->why_broken = *err;
		m->broken = true;
		for (unsigned int i = 0; i < m->nlanes; i++)
			km_conn_shutdown(&m->lanes[i].conn);
		km_conn_shutdown(&m->control);
	}
	pthread_cond_broadcast(&m->cond);
	pthread_mutex_unlock(&m->lock);
	return redial ? 0 : km_move_fail(m, err);
}

int km_move_all_listed(struct km_move *m, struct km_err *err)
{
	bool broken;

	pthread_mutex_lock(&m->lock);
	broken = m->broken;
	m->all_listed = !broken;
	if (broken)
		km_err_set(err, m->why_broken.code, "%.400s, when the guest was being stopped",
			   m->why_broken.text);
	pthread_mutex_unlock(&m->lock);
	if (broken)
		return err->code;
	km_talk_finish(&m->talk);
	return 0;
}

void km_move_wait(struct km_move *m, int ms)
{
	pthread_mutex_lock(&m->lock);
	if (!m->failed)
		km_cond_wait_ms(&m->cond, &m->lock, ms);
	pthread_mutex_unlock(&m->lock);
}

void km_move_wake(struct km_move *m)
{
	pthread_mutex_lock(&m->lock);
	pthread_cond_broadcast(&m->cond);
	pthread_mutex_unlock(&m->lock);
}

uint64_t km_move_acked(struct km_move *m)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < m->nlanes; i++)
		n += m->lanes[i].acked_pages;
	return n;
}

uint64_t km_move_backlog(struct km_move *m)
{
	/* In this order: a page that is sent meanwhile is counted twice rather than not at all. */
	uint64_t acked = km_move_acked(m) + m->lost;
	uint64_t open = km_ledger_open(m->ledger), sent = m->sent;

	return open + (sent > acked ? sent - acked : 0);
}

uint64_t km_move_carried(struct km_move *m, bool *busy)
{
	uint64_t n = 0;

	*busy = false;
	for (unsigned int i = 0; i < m->nlanes; i++) {
		struct km_lane *l = &m->lanes[i];
		struct km_sockstat st = km_sockstat(l->conn.fd);

		n += st.carried_bytes;
		*busy = *busy || st.more || l->sending;
	}
	return n;
}

double km_move_rtt_ms(struct km_move *m)
{
	double least = 0;

	for (unsigned int i = 0; i < m->nlanes; i++) {
		double ms = km_sockstat(m->lanes[i].conn.fd).rtt_ms;

		if (ms > 0 && (!(least > 0) || ms < least))
			least = ms;
	}
	return least;
}
