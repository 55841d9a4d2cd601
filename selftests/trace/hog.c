// SPDX-License-Identifier: GPL-2.0
/*
 * hog CPU N MS: takes that CPU N times for MS of CPU time, from everyone who isn't a
 * real-time thread, and leaves it alone twice as long in between. Says what it used of it.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long used_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct sched_param first = { .sched_priority = 10 };
	long long before;
	cpu_set_t set;
	int n, ms;

	if (argc != 4)
		return 2;
	n = atoi(argv[2]);
	ms = atoi(argv[3]);
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[1]), &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_FIFO, &first)) {
		perror("hog");
		return 1;
	}
	puts("{\"took\": true}");
	fflush(stdout);
	before = used_ns();
	while (n--) {
		long long until = used_ns() + ms * 1000000ll;

		while (used_ns() < until)
			;
		usleep((useconds_t)ms * 2000);
	}
	printf("{\"used_ns\": %lld}\n", used_ns() - before);
	return 0;
}
