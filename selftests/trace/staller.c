// SPDX-License-Identifier: GPL-2.0
/*
 * staller spin MS CPU: a guest that never leaves by itself, on that CPU for so long.
 * staller halt N MS CPU: a guest that halts N times for about so long, there.
 *
 * Starts at a line on standard input. At the end it says what the scheduler itself counted
 * for the vCPU's thread, which is a measure independent of the tracer's.
 */
#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>

#include "realmode.h"

/* out 0x80, al; then jmp to itself */
static const uint8_t code[] = { 0xe6, 0x80, 0xeb, 0xfe };

static struct realmode vm;
static int vcpu, halts, cpu;
static sem_t go, halted;

static void run_until_signal(void)
{
	realmode_run(vcpu);
	realmode_take_signal();
}

static void *spin(void *arg)
{
	unsigned long long before;

	(void)arg;
	pin_to(cpu);
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
	pin_to(cpu);
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
	struct kvm_mp_state mp = { KVM_MP_STATE_HALTED };

	/* Without one HLT ends KVM_RUN. */
	if (halts)
		need(ioctl(vm.vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	vcpu = realmode_vcpu(&vm, 0);
	if (halts)
		need(ioctl(vcpu, KVM_SET_MP_STATE, &mp), "KVM_SET_MP_STATE");
}

int main(int argc, char **argv)
{
	unsigned int ms;
	pthread_t thread;

	if (argc < 4)
		return 2;
	halts = argc == 5 ? atoi(argv[2]) : 0;
	ms = (unsigned int)atoi(argv[argc - 2]);
	cpu = atoi(argv[argc - 1]);
	realmode_open(&vm, code, sizeof(code));
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
