// SPDX-License-Identifier: GPL-2.0
/*
 * Goes over all CPUs of a test host now and then: an interrupt for each.
 *
 * `poke` says what QEMU's TCG loses. A key's interrupt goes to CPU 0 alone, and another CPU that
 * has lost its timer sleeps on, and with it whoever waits for a timer there. What CPU 0 sends it
 * wakes it. This process waits on CPU 0, whose timer `poke` keeps going.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <unistd.h>

#define EVERY_S 3

/* One that is offline is left out. */
static void go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(void)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_CONF);

	for (;;) {
		for (int cpu = cpus - 1; cpu >= 0; cpu--)
			go_to(cpu);
		sleep(EVERY_S);
	}
}
