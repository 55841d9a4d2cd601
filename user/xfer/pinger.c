// SPDX-License-Identifier: GPL-2.0
#include "pinger.h"

#include <errno.h>
#include <string.h>
#include "clock.h"
#include "clocks.h"
#include "cond.h"

#define CALM_MS	 1000
#define DUE_MS	 900 /* a wait of CALM_MS may be shorter by another clock */
#define EAGER_MS 50  /* until the clock is known */
#define HURRY_MS 5

static int pause_ms(const struct km_pinger *p)
{
	if (p->hurry)
		return HURRY_MS;
	return p->conn->clocks && !km_clocks_settled(p->conn->clocks) ? EAGER_MS : CALM_MS;
}

/* Who else uses the connection finds out that it is broken. */
static int say(struct km_conn *c, double *said_ms)
{
	uint8_t question[KM_CLOCKS_BYTES];
	bool asks = c->clocks && km_clocks_ask(c->clocks, km_now_ns(), question);
	double now = km_now_ms();

	if (!asks && now - *said_ms < DUE_MS)
		return 0;
	*said_ms = now;
	return km_send(c, KM_OP_PING, 0, question, asks ? sizeof(question) : 0, NULL);
}

static void *pinger_main(void *arg)
{
	struct km_pinger *p = arg;
	double said_ms = 0;
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && !rc) {
		if (km_cond_wait_ms(&p->cond, &p->lock, pause_ms(p)) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&p->lock);
		rc = say(p->conn, &said_ms);
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
	km_cond_init(&p->cond);
	rc = pthread_create(&p->thread, NULL, pinger_main, p);
	p->started = !rc;
	return rc ? km_err_set(err, -rc, "cannot start a thread: %s", strerror(rc)) : 0;
}

void km_pinger_hurry(struct km_pinger *p)
{
	if (!p->started)
		return;
	pthread_mutex_lock(&p->lock);
	p->hurry = true;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->lock);
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
