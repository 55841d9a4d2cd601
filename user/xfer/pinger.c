// SPDX-License-Identifier: GPL-2.0
#include "pinger.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static void *pinger_main(void *arg)
{
	struct km_pinger *p = arg;
	struct timespec ts;
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && !rc) {
		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_sec++;
		if (pthread_cond_timedwait(&p->cond, &p->lock, &ts) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&p->lock);
		/* Who else uses the connection finds out that it is broken. */
		rc = km_send(p->conn, KM_OP_PING, 0, NULL, 0, NULL);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

int km_pinger_start(struct km_pinger *p, struct km_conn *conn, struct km_err *err)
{
	int rc;

	p->conn = conn;
	p->stop = false;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->cond, NULL);
	rc = pthread_create(&p->thread, NULL, pinger_main, p);
	p->started = !rc;
	return rc ? km_err_set(err, -rc, "cannot start a thread: %s", strerror(rc)) : 0;
}

void km_pinger_stop(struct km_pinger *p)
{
	if (!p->started)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	p->started = false;
}
