/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_CLOCK_H
#define KM_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t km_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static inline double km_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* CPU time of all of this process's threads so far (getrusage(2) has it in less detail). */
static inline uint64_t km_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* A moment of a thread's. */
struct km_stamp {
	uint64_t wall_ns, cpu_ns;
};

static inline struct km_stamp km_stamp_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (struct km_stamp){ km_now_ns(),
				  (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec };
}

#endif
