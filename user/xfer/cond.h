/* SPDX-License-Identifier: GPL-2.0 */
/* Waits for a condition or some milliseconds, by a clock that nobody sets. */
#ifndef KM_COND_H
#define KM_COND_H

#include <pthread.h>
#include <time.h>

static inline void km_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t mono;

	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &mono);
	pthread_condattr_destroy(&mono);
}

/* The lock is held. 0 when woken, ETIMEDOUT, as pthread_cond_timedwait(). */
static inline int km_cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *lock, int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += (long)ms * 1000000;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return pthread_cond_timedwait(cond, lock, &ts);
}

#endif
