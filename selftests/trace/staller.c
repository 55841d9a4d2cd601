// SPDX-License-Identifier: GPL-2.0
/*
 * staller spin MS CPU: a guest that never leaves by itself, on that CPU for so long.
 * staller halt N MS CPU: a guest that halts N times for about so long, there.
 *
 * Starts at a line on standard input. At the end it says what the scheduler itself counted
 * for the vCPU's thread, which is a measure independent of the tracer's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
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

/* out 0x80, al; then jmp to itself */
static const uint8_t code[] = { 0xe6, 0x80, 0xeb, 0xfe };

static int kvm, vm, vcpu, halts, cpu;
static struct kvm_run *state;
static sem_t go, halted;

/* Nanoseconds that this thread was runnable and not running: the second number. */
static unsigned long long run_delay(void)
{
	unsigned long long delay;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	if (!f || fscanf(f, "%*u %llu", &delay) != 1)
		exit(1);
	fclose(f);
	return delay;
}

/* Until the signal comes, which is let in only here: nobody else could lose it. */
static void run_until_signal(void)
{
	sigset_t set;
	int sig;

	if (!ioctl(vcpu, KVM_RUN, 0) || errno != EINTR) {
		fprintf(stderr, "staller: exit reason %u\n", state->exit_reason);
		exit(1);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigwait(&set, &sig);
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	need(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

static void *spin(void *arg)
{
	unsigned long long before;

	(void)arg;
	pin();
	sem_wait(&go);
	need(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN"); /* the OUT: now the tracer knows it */
	before = run_delay();
	sem_post(&halted);
	puts("{\"runs\": true}");
	fflush(stdout);
	run_until_signal();
	printf("{\"delay_ns\": %llu}\n", run_delay() - before);
	return NULL;
}

static void *halt(void *arg)
{
	unsigned long long before;
	uint64_t asleep = 0;

	(void)arg;
	pin();
	pthread_setname_np(pthread_self(), "CPU 0/KVM");
	sem_wait(&go);
	before = run_delay();
	for (int i = 0; i < halts; i++) {
		uint64_t from = now_ns();

		sem_post(&halted);
		run_until_signal();
		asleep += now_ns() - from;
	}
	printf("{\"delay_ns\": %llu, \"halted_ns\": %llu}\n", run_delay() - before,
	       (unsigned long long)asleep);
	return NULL;
}

static void make_vcpu(void)
{
	/* The kernel's sigset_t has 8 bytes. */
	static const uint64_t none;
	struct kvm_signal_mask *mask = calloc(1, sizeof(*mask) + 8);
	struct kvm_mp_state mp = { KVM_MP_STATE_HALTED };
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;
	int size;

	/* Without one HLT ends KVM_RUN. */
	if (halts)
		need(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	vcpu = need(ioctl(vm, KVM_CREATE_VCPU, 0ul), "KVM_CREATE_VCPU");
	size = need(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	state = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	need(state == MAP_FAILED ? -1 : 0, "mmap of the vCPU");
	need(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	need(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	need(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	mask->len = 8;
	memcpy(mask->sigset, &none, 8);
	need(ioctl(vcpu, KVM_SET_SIGNAL_MASK, mask), "KVM_SET_SIGNAL_MASK");
	if (halts)
		need(ioctl(vcpu, KVM_SET_MP_STATE, &mp), "KVM_SET_MP_STATE");
	free(mask);
}

static void on_signal(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	void *ram = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = { .memory_size = 4096,
						    .userspace_addr = (uintptr_t)ram };
	unsigned int ms;
	pthread_t thread;
	sigset_t set;

	if (argc < 4)
		return 2;
	halts = argc == 5 ? atoi(argv[2]) : 0;
	ms = (unsigned int)atoi(argv[argc - 2]);
	cpu = atoi(argv[argc - 1]);
	kvm = need(open("/dev/kvm", O_RDWR), "/dev/kvm");
	vm = need(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	memcpy(ram, code, sizeof(code));
	need(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	make_vcpu();
	sem_init(&go, 0, 0);
	sem_init(&halted, 0, 0);
	need(-pthread_create(&thread, NULL, halts ? halt : spin, NULL), "thread");
	getchar();
	sem_post(&go);
	for (int i = 0; i < (halts ? halts : 1); i++) {
		sem_wait(&halted);
		usleep(ms * 1000);
		pthread_kill(thread, SIGUSR1);
	}
	pthread_join(thread, NULL);
	return 0;
}
