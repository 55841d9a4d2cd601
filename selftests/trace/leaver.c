// SPDX-License-Identifier: GPL-2.0
/*
 * leaver DELAY_US [EXITS...]: a guest that leaves for a known reason a known number of times.
 *
 * One vCPU for each EXITS, in real mode: that many OUTs to port 0x80, then HLT. For each OUT
 * the VMM sleeps DELAY_US, so that the vCPU is away at least so long. Starts at a line on
 * standard input, ends with 0 when all have halted.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

/* out 0x80, al; dec cx; jnz to the start; hlt */
static const uint8_t code[] = { 0xe6, 0x80, 0x49, 0x75, 0xfb, 0xf4 };

struct vcpu {
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	unsigned int outs;
};

static unsigned int delay_us;

static void *run(void *arg)
{
	struct vcpu *v = arg;

	for (;;) {
		need(ioctl(v->fd, KVM_RUN, 0), "KVM_RUN");
		if (v->run->exit_reason == KVM_EXIT_HLT)
			return NULL;
		if (v->run->exit_reason != KVM_EXIT_IO) {
			fprintf(stderr, "leaver: exit reason %u\n", v->run->exit_reason);
			exit(1);
		}
		v->outs++;
		usleep(delay_us);
	}
}

static void make_vcpu(struct vcpu *v, int vm, unsigned long id, unsigned long exits, size_t size)
{
	struct kvm_regs regs = { .rflags = 2, .rcx = exits };
	struct kvm_sregs sregs;

	v->fd = need(ioctl(vm, KVM_CREATE_VCPU, id), "KVM_CREATE_VCPU");
	v->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	need(v->run == MAP_FAILED ? -1 : 0, "mmap of the vCPU");
	need(ioctl(v->fd, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	need(ioctl(v->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	need(ioctl(v->fd, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

int main(int argc, char **argv)
{
	int kvm = need(open("/dev/kvm", O_RDWR), "/dev/kvm");
	int vm = need(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	int size = need(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	void *ram = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = { .memory_size = 4096,
						    .userspace_addr = (uintptr_t)ram };
	struct vcpu vcpus[64] = { 0 };

	if (argc < 2 || argc > 66)
		return 2;
	delay_us = (unsigned int)atoi(argv[1]);
	memcpy(ram, code, sizeof(code));
	need(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	for (int i = 2; i < argc; i++)
		make_vcpu(&vcpus[i - 2], vm, (unsigned long)i - 2, strtoul(argv[i], NULL, 10),
			  (size_t)size);
	getchar();
	for (int i = 2; i < argc; i++)
		need(-pthread_create(&vcpus[i - 2].thread, NULL, run, &vcpus[i - 2]), "thread");
	for (int i = 2; i < argc; i++)
		pthread_join(vcpus[i - 2].thread, NULL);
	for (int i = 2; i < argc; i++)
		if (vcpus[i - 2].outs != strtoul(argv[i], NULL, 10))
			return 1;
	return 0;
}
