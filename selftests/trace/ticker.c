// SPDX-License-Identifier: GPL-2.0
/*
 * ticker [halt] MS CPU [N STOP_MS]: a guest that reads its clock again and again for so long, on that
 * CPU, and adds up all the time that it was not there to do so; or that halts at once. Meanwhile
 * its VMM takes it out N times for STOP_MS.
 *
 * Starts at a line on standard input. At the end it says what the guest saw, how long the VMM
 * has kept it out, and what the scheduler counted for the vCPU's thread: three measures that
 * are independent of the tracer's.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#include "guest.h"

/* What the guest keeps, at 0x800: where the loop's last look was, and its gaps. */
struct gaps {
	uint64_t last, sum;
	uint32_t n, least; /* ticks of the clock from which on it is a gap */
	uint32_t halts;	   /* instead of all that */
};
#define GAPS	 0x800
#define LEAST_US 10

/*
 * In real mode: now - last is a gap if it is no less than least. The sum has 64 bits, a gap too.
 * It says that it runs by an OUT, once.
 */
asm(".pushsection .rodata\n"
    "	.code16\n"
    "guest_begin:\n"
    "	outb	%al, $0x80\n"
    "	cmpl	$0, 0x818\n"
    "	je	3f\n"
    "	hlt\n"
    "3:\n"
    "	rdtsc\n"
    "	movl	%eax, 0x800\n"
    "	movl	%edx, 0x804\n"
    "1:	rdtsc\n"
    "	movl	%eax, %ebx\n"
    "	movl	%edx, %ecx\n"
    "	subl	0x800, %ebx\n"
    "	sbbl	0x804, %ecx\n"
    "	movl	%eax, 0x800\n"
    "	movl	%edx, 0x804\n"
    "	jnz	2f\n"
    "	cmpl	0x814, %ebx\n"
    "	jb	1b\n"
    "2:	addl	%ebx, 0x808\n"
    "	adcl	%ecx, 0x80c\n"
    "	incl	0x810\n"
    "	jmp	1b\n"
    "guest_end:\n"
    "	.code64\n"
    "	.popsection\n");
extern const char guest_begin[], guest_end[];

static int vcpu, cpu;
static struct kvm_run *state;
static sem_t go, out;
static volatile bool over;
static bool halts;
static unsigned int stop_ms;
static unsigned long long stopped_ns, delay_ns;

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

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	need(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

static void *run(void *arg)
{
	unsigned long long before, from;
	sigset_t set;
	int sig;

	(void)arg;
	pin();
	sem_wait(&go);
	need(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN"); /* the OUT */
	before = run_delay();
	puts("{\"runs\": true}");
	fflush(stdout);
	sem_post(&out);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (;;) {
		if (!ioctl(vcpu, KVM_RUN, 0) || errno != EINTR) {
			fprintf(stderr, "ticker: exit reason %u\n", state->exit_reason);
			exit(1);
		}
		from = now_ns();
		sigwait(&set, &sig);
		if (over)
			break;
		usleep(stop_ms * 1000);
		stopped_ns += now_ns() - from;
	}
	delay_ns = run_delay() - before;
	return NULL;
}

static void make_vcpu(int kvm, int vm)
{
	/* The kernel's sigset_t has 8 bytes. */
	static const uint64_t none;
	struct kvm_signal_mask *mask = calloc(1, sizeof(*mask) + 8);
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
	free(mask);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Nanoseconds a tick of the guest's clock, which is the host's. */
static double ns_per_tick(unsigned long long from_ns, uint64_t from)
{
	return (double)(now_ns() - from_ns) / (double)(__rdtsc() - from);
}

int main(int argc, char **argv)
{
	char *ram = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = { .memory_size = 4096,
						    .userspace_addr = (uintptr_t)ram };
	struct gaps *gaps = (struct gaps *)(ram + GAPS);
	unsigned long long from_ns;
	unsigned int ms, stops;
	pthread_t thread;
	sigset_t set;
	uint64_t from;
	int kvm, vm;

	if (argc > 1 && !strcmp(argv[1], "halt")) {
		halts = true;
		argv++;
		argc--;
	}
	if (argc != 3 && argc != 5)
		return 2;
	ms = (unsigned int)atoi(argv[1]);
	cpu = atoi(argv[2]);
	stops = argc == 5 ? (unsigned int)atoi(argv[3]) : 0;
	stop_ms = argc == 5 ? (unsigned int)atoi(argv[4]) : 0;
	kvm = need(open("/dev/kvm", O_RDWR), "/dev/kvm");
	vm = need(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	memcpy(ram, guest_begin, (size_t)(guest_end - guest_begin));
	need(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	make_vcpu(kvm, vm);
	sem_init(&go, 0, 0);
	sem_init(&out, 0, 0);
	need(-pthread_create(&thread, NULL, run, NULL), "thread");
	from_ns = now_ns();
	from = __rdtsc();
	usleep(200000);
	gaps->halts = halts;
	gaps->least = (uint32_t)(LEAST_US * 1e3 / ns_per_tick(from_ns, from));
	getchar();
	sem_post(&go);
	sem_wait(&out);
	for (unsigned int i = 0; i <= stops; i++) {
		usleep(ms * 1000 / (stops + 1));
		over = i == stops;
		pthread_kill(thread, SIGUSR1);
	}
	pthread_join(thread, NULL);
	printf("{\"gaps\": %u, \"gaps_ns\": %.0f, \"stopped_ns\": %llu, \"delay_ns\": %llu}\n",
	       gaps->n, (double)gaps->sum * ns_per_tick(from_ns, from), stopped_ns, delay_ns);
	return 0;
}
