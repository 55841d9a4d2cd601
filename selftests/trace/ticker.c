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
#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <x86intrin.h>

#include "realmode.h"

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

static struct realmode vm;
static int vcpu, cpu;
static sem_t go, out;
static volatile bool over;
static bool halts;
static unsigned int stop_ms;
static unsigned long long stopped_ns, delay_ns;

static void *run(void *arg)
{
	unsigned long long before, from;

	(void)arg;
	pin_to(cpu);
	sem_wait(&go);
	need(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN"); /* the OUT */
	before = run_delay();
	puts("{\"runs\": true}");
	fflush(stdout);
	sem_post(&out);
	for (;;) {
		realmode_run(vcpu);
		from = now_ns();
		realmode_take_signal();
		if (over)
			break;
		usleep(stop_ms * 1000);
		stopped_ns += now_ns() - from;
	}
	delay_ns = run_delay() - before;
	return NULL;
}

/* Nanoseconds a tick of the guest's clock, which is the host's. */
static double ns_per_tick(unsigned long long from_ns, uint64_t from)
{
	return (double)(now_ns() - from_ns) / (double)(__rdtsc() - from);
}

int main(int argc, char **argv)
{
	struct gaps *gaps;
	unsigned long long from_ns;
	unsigned int ms, stops;
	pthread_t thread;
	uint64_t from;

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
	realmode_open(&vm, guest_begin, (size_t)(guest_end - guest_begin));
	gaps = (struct gaps *)(vm.ram + GAPS);
	/* Without one HLT ends KVM_RUN. */
	if (halts)
		need(ioctl(vm.vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	vcpu = realmode_vcpu(&vm, 0);
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
