// SPDX-License-Identifier: GPL-2.0
/*
 * /init of a Linux guest that writes and checks its own memory and says so on the serial
 * console, every second and whenever a byte comes in.
 *
 * It ticks every 5 ms: a byte '0' + tick % 64 to QEMU's debug console, for a program
 * outside to put a time on, and maxgap_ms by CLOCK_MONOTONIC. The latter does not see a
 * migration's blackout: QEMU saves kvm-clock when the guest stops and sets it on the
 * other side (hw/i386/kvm/clock.c), and the TSC likewise; it sees stalls and throttling
 * while the guest runs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define DEBUGCON	0xe9

static _Atomic uint64_t ticks, lost_ticks, maxgap_ns;
static int console = 1;

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

void say(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	while (write(console, line, n) < 0 && errno == EINTR)
		;
}

static void say_status(void)
{
	uint64_t up = now_ns() / 100000000;

	say("guest: up=%llu.%llu ticks=%llu writes=%llu verified=%llu wrong=%llu "
	    "maxgap_ms=%llu sweeps=%llu", (unsigned long long)up / 10,
	    (unsigned long long)up % 10, (unsigned long long)ticks,
	    (unsigned long long)counters.writes, (unsigned long long)counters.verified,
	    (unsigned long long)counters.wrong, (unsigned long long)maxgap_ns / 1000000,
	    (unsigned long long)counters.sweeps);
}

/*
 * Through /dev/port: a port opened by ioperm(2) traps in user space under TCG's emulated
 * SVM. Above the workers, so that what it misses is missed by
 * the whole CPU.
 */
static void *tick(void *arg)
{
	struct sched_param prio = { .sched_priority = 50 };
	uint64_t last = now_ns(), t, step = params.tick * 1000000;
	int port = open("/dev/port", O_WRONLY);
	char byte;
	struct timespec next;

	(void)arg;
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &prio);
	t = last;
	for (;;) {
		t += step;
		next.tv_sec = t / 1000000000;
		next.tv_nsec = t % 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		ticks++;
		byte = '0' + ticks % 64;
		if (pwrite(port, &byte, 1, DEBUGCON) < 0)
			lost_ticks++;
		t = now_ns();
		if (t - last > maxgap_ns)
			maxgap_ns = t - last;
		last = t;
		t -= t % step;		/* no burst for what was missed */
	}
	return NULL;
}

static void setup(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int sig;

	for (sig = 1; sig < SIGRTMAX; sig++)
		sigaction(sig, &ignore, NULL);
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	console = open("/dev/console", O_RDWR | O_NOCTTY);
	if (console < 0)
		console = 1;
}

int main(void)
{
	struct pollfd in = { .events = POLLIN };
	pthread_t ticker;
	char junk[64];

	setup();
	say("guest: started up=%llu ms", (unsigned long long)now_ns() / 1000000);
	params_read();
	memory_start();
	pthread_create(&ticker, NULL, tick, NULL);
	in.fd = console;
	for (;;) {
		if (poll(&in, 1, params.status) > 0 && read(in.fd, junk, sizeof(junk)) <= 0)
			usleep(params.status * 1000);
		say_status();
	}
}
