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
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

#define VCPUS_MAX 64
#define RUN_MS	  30 /* for each vCPU, as they may share a CPU: all have their turn */

/* jmp to itself */
static const uint8_t code[] = { 0xeb, 0xfe };

static struct vcpu {
	int fd;
	pthread_t thread;
	sem_t run;
	uint64_t out_ns;
} vcpus[VCPUS_MAX];

static int kvm, vm;
static sem_t out;

/* The signal is let in only by KVM_RUN: one that comes before it is not lost. */
static void *run(void *arg)
{
	struct vcpu *v = arg;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (;;) {
		sem_wait(&v->run);
		if (!ioctl(v->fd, KVM_RUN, 0) || errno != EINTR) {
			fprintf(stderr, "pauser: KVM_RUN has ended\n");
			exit(1);
		}
		v->out_ns = now_ns();
		sigwait(&set, &sig);
		sem_post(&out);
	}
	return NULL;
}

static void make_vcpu(struct vcpu *v, unsigned long id)
{
	/* The kernel's sigset_t has 8 bytes: none is blocked in KVM_RUN. */
	struct kvm_signal_mask *mask = calloc(1, sizeof(*mask) + 8);
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;

	v->fd = need(ioctl(vm, KVM_CREATE_VCPU, id), "KVM_CREATE_VCPU");
	need(ioctl(v->fd, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	need(ioctl(v->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	need(ioctl(v->fd, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	mask->len = 8;
	need(ioctl(v->fd, KVM_SET_SIGNAL_MASK, mask), "KVM_SET_SIGNAL_MASK");
	free(mask);
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

static void resume(int n)
{
	for (int i = 0; i < n; i++)
		sem_post(&vcpus[i].run);
	usleep((useconds_t)n * RUN_MS * 1000);
}

int main(int argc, char **argv)
{
	void *ram = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = { .memory_size = 4096,
						    .userspace_addr = (uintptr_t)ram };
	unsigned int rounds, ms;
	sigset_t set;
	int n;

	if (argc != 4)
		return 2;
	n = atoi(argv[1]);
	rounds = (unsigned int)atoi(argv[2]);
	ms = (unsigned int)atoi(argv[3]);
	if (n < 1 || n > VCPUS_MAX)
		return 2;
	kvm = need(open("/dev/kvm", O_RDWR), "/dev/kvm");
	vm = need(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	memcpy(ram, code, sizeof(code));
	need(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
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
