/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guests of a page, in real mode, and what their threads need: SIGUSR1 is blocked but in KVM_RUN,
 * which it ends, so that one that comes before is not lost. Each ends the program that fails.
 */
#ifndef TRACE_REALMODE_H
#define TRACE_REALMODE_H

#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

#define REALMODE_RAM 4096

struct realmode {
	int kvm, vm;
	char *ram; /* from 0 on */
};

static inline void realmode_open(struct realmode *g, const void *code, size_t len)
{
	struct kvm_userspace_memory_region slot = { .memory_size = REALMODE_RAM };
	sigset_t set;

	g->ram =
		mmap(NULL, REALMODE_RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(g->ram == MAP_FAILED ? -1 : 0, "mmap");
	g->kvm = need(open("/dev/kvm", O_RDWR), "/dev/kvm");
	g->vm = need(ioctl(g->kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	memcpy(g->ram, code, len);
	slot.userspace_addr = (uintptr_t)g->ram;
	need(ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	need(sigprocmask(SIG_BLOCK, &set, NULL), "sigprocmask");
}

/* It begins at 0, with twice its number in DI. */
static inline int realmode_vcpu(const struct realmode *g, unsigned long id)
{
	/* The kernel's sigset_t has 8 bytes: none is blocked in KVM_RUN. */
	struct kvm_signal_mask *mask = calloc(1, sizeof(*mask) + 8);
	struct kvm_regs regs = { .rflags = 2, .rdi = 2 * id };
	struct kvm_sregs sregs;
	int vcpu = need(ioctl(g->vm, KVM_CREATE_VCPU, id), "KVM_CREATE_VCPU");

	need(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	need(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	need(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	mask->len = 8;
	need(ioctl(vcpu, KVM_SET_SIGNAL_MASK, mask), "KVM_SET_SIGNAL_MASK");
	free(mask);
	return vcpu;
}

/* KVM_RUN until the signal ends it; which still waits then. */
static inline void realmode_run(int vcpu)
{
	if (!ioctl(vcpu, KVM_RUN, 0) || errno != EINTR) {
		fprintf(stderr, "%s: KVM_RUN has ended\n", program_invocation_short_name);
		exit(1);
	}
}

static inline void realmode_take_signal(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigwait(&set, &sig);
}

/* This thread. */
static inline void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	need(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

/* Nanoseconds that this thread was runnable and not running: the second number. */
static inline unsigned long long run_delay(void)
{
	unsigned long long delay;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	if (!f || fscanf(f, "%*u %llu", &delay) != 1)
		exit(1);
	fclose(f);
	return delay;
}

#endif
