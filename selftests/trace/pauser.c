// SPDX-License-Identifier: GPL-2.0
/*
 * pauser VCPUS ROUNDS MS: a guest whose vCPUs never leave by themselves, and are kept out of it
 * for known times.
 *
 * Each round first all vCPUs but the last are stopped for MS, while that one runs on, and then
 * all of them. At last all are stopped for good. Starts at a line on standard input; for each
 * stop of all it says between which times (CLOCK_MONOTONIC) the last vCPU left the guest, and
 * from when on they might enter it.
 */
#include <pthread.h>
#include <semaphore.h>

#include "realmode.h"

#define VCPUS_MAX 64
#define RUN_MS	  30 /* for each vCPU, as they may share a CPU */
#define TURN_MS	  10000
#define COUNTERS  0x800

/* 1: incw COUNTERS(%di); jmp 1b */
static const uint8_t code[] = { 0xff, 0x85, 0x00, 0x08, 0xeb, 0xfa };

static struct vcpu {
	int fd;
	pthread_t thread;
	sem_t run;
	uint64_t out_ns;
	uint16_t count;
} vcpus[VCPUS_MAX];

static struct realmode vm;
static sem_t out;

static void *run(void *arg)
{
	struct vcpu *v = arg;

	for (;;) {
		sem_wait(&v->run);
		realmode_run(v->fd);
		v->out_ns = now_ns();
		realmode_take_signal();
		sem_post(&out);
	}
	return NULL;
}

static void make_vcpu(struct vcpu *v, unsigned long id)
{
	v->fd = realmode_vcpu(&vm, id);
	sem_init(&v->run, 0, 0);
	need(-pthread_create(&v->thread, NULL, run, v), "thread");
}

/* When the last of the first n had left. */
static uint64_t stop(int n)
{
	uint64_t last = 0;

	for (int i = 0; i < n; i++)
		pthread_kill(vcpus[i].thread, SIGUSR1);
	for (int i = 0; i < n; i++)
		sem_wait(&out);
	for (int i = 0; i < n; i++)
		if (vcpus[i].out_ns > last)
			last = vcpus[i].out_ns;
	return last;
}

static uint16_t count_of(int i)
{
	return ((volatile uint16_t *)(vm.ram + COUNTERS))[i];
}

/* For long enough, and until each has had its turn: a busy host may give one none for a while. */
static void resume(int n)
{
	for (int i = 0; i < n; i++) {
		vcpus[i].count = count_of(i);
		sem_post(&vcpus[i].run);
	}
	usleep((useconds_t)n * RUN_MS * 1000);
	for (int i = 0, ms = 0; i < n; i++)
		for (; count_of(i) == vcpus[i].count; ms++) {
			need(ms < TURN_MS ? 0 : -1, "a vCPU's turn");
			usleep(1000);
		}
}

int main(int argc, char **argv)
{
	unsigned int rounds, ms;
	int n;

	if (argc != 4)
		return 2;
	n = atoi(argv[1]);
	rounds = (unsigned int)atoi(argv[2]);
	ms = (unsigned int)atoi(argv[3]);
	if (n < 1 || n > VCPUS_MAX)
		return 2;
	realmode_open(&vm, code, sizeof(code));
	sem_init(&out, 0, 0);
	for (int i = 0; i < n; i++)
		make_vcpu(&vcpus[i], (unsigned long)i);
	getchar();
	resume(n);
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t asked, left;

		stop(n - 1);
		usleep(ms * 1000);
		resume(n - 1);
		asked = now_ns();
		left = stop(n);
		usleep(ms * 1000);
		printf("[{\"asked\": %llu, \"left\": %llu, \"run\": %llu}]\n",
		       (unsigned long long)asked, (unsigned long long)left,
		       (unsigned long long)now_ns());
		fflush(stdout);
		resume(n);
	}
	stop(n);
	usleep(ms * 1000);
	return 0;
}
