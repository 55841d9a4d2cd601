// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm.h"

#define CODE		0x1000
#define LISTS		0x100000
#define LIST_BYTES	((VMM_MAX_WRITES + 1) * sizeof(uint32_t))
#define LOW_BYTES	(LISTS + VMM_MAX_VCPUS * LIST_BYTES)
#define DONE_PORT	0x10

/* esi: the list, ended by -1; edi: test memory; ebx: what to write. */
static const unsigned char code[] = {
	0xad,				/* next: lodsd */
	0x83, 0xf8, 0xff,		/*	cmp eax, -1 */
	0x74, 0x08,			/*	je done */
	0xc1, 0xe0, 0x0c,		/*	shl eax, 12 */
	0x89, 0x1c, 0x38,		/*	mov [eax + edi], ebx */
	0xeb, 0xf2,			/*	jmp next */
	0xe6, DONE_PORT,		/* done: out DONE_PORT, al */
};

int vmm_slot(struct vmm *vmm, uint32_t slot, uint64_t gfn, uint64_t npages,
	     void *address, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gfn << 12,
		.memory_size = npages << 12,
		.userspace_addr = (uintptr_t)address,
	};

	return ioctl(vmm->vm, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

int vmm_log(struct vmm *vmm, bool on)
{
	return vmm_slot(vmm, 0, VMM_GFN, vmm->options.pages, vmm->memory,
			on ? KVM_MEM_LOG_DIRTY_PAGES : 0);
}

static int set_registers(struct vmm_vcpu *vcpu)
{
	struct kvm_regs regs = {
		.rip = CODE,
		.rsi = LISTS + vcpu->index * LIST_BYTES,
		.rdi = (uint64_t)VMM_GFN << 12,
		.rbx = vcpu->value,
		.rflags = 2,
	};

	return ioctl(vcpu->fd, KVM_SET_REGS, &regs) ? -errno : 0;
}

static int run_job(struct vmm_vcpu *vcpu)
{
	int err = set_registers(vcpu);

	while (!err) {
		if (ioctl(vcpu->fd, KVM_RUN, 0) && errno != EINTR)
			return -errno;
		if (vcpu->run->exit_reason == KVM_EXIT_IO &&
		    vcpu->run->io.port == DONE_PORT)
			return 0;
		/* Nobody empties the ring, but it must not stop the guest. */
		if (vcpu->run->exit_reason == KVM_EXIT_DIRTY_RING_FULL)
			return -ENOBUFS;
		if (vcpu->run->exit_reason != KVM_EXIT_INTR)
			err = -EPROTO;
	}
	return err;
}

static void *vcpu_thread(void *data)
{
	struct vmm_vcpu *vcpu = data;

	vcpu->tid = (pid_t)syscall(SYS_gettid);
	sem_post(&vcpu->done);
	for (;;) {
		sem_wait(&vcpu->go);
		if (vcpu->quit)
			return NULL;
		vcpu->result = run_job(vcpu);
		sem_post(&vcpu->done);
	}
}

/* 32-bit protected mode, flat. */
static int set_mode(int fd)
{
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 16, .type = 3,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	if (ioctl(fd, KVM_GET_SREGS, &sregs))
		return -errno;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cs = data;
	sregs.cs.selector = 8;
	sregs.cs.type = 11;
	sregs.cr0 |= 1;
	return ioctl(fd, KVM_SET_SREGS, &sregs) ? -errno : 0;
}

int vmm_add_vcpu(struct vmm *vmm)
{
	struct vmm_vcpu *vcpu = &vmm->vcpus[vmm->nr_vcpus];
	unsigned int step = vmm->options.id_step ? vmm->options.id_step : 1;
	int size, err;

	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->vmm = vmm;
	vcpu->index = vmm->nr_vcpus;
	vcpu->fd = ioctl(vmm->vm, KVM_CREATE_VCPU, (unsigned long)vcpu->index * step);
	if (vcpu->fd < 0)
		return -errno;
	size = ioctl(vmm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vcpu->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 vcpu->fd, 0);
	err = vcpu->run == MAP_FAILED ? -errno : set_mode(vcpu->fd);
	if (err) {
		close(vcpu->fd);
		return err;
	}
	if (vmm->options.ring) {
		vcpu->ring = mmap(NULL, vmm->options.ring, PROT_READ | PROT_WRITE, MAP_SHARED,
				  vcpu->fd, KVM_DIRTY_LOG_PAGE_OFFSET * 4096L);
		if (vcpu->ring == MAP_FAILED)
			return -ENOMEM;
	}
	sem_init(&vcpu->go, 0, 0);
	sem_init(&vcpu->done, 0, 0);
	if (pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu))
		return -EAGAIN;
	sem_wait(&vcpu->done);
	vmm->nr_vcpus++;
	return 0;
}

static int enable(struct vmm *vmm, uint32_t cap, uint64_t argument)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { argument } };

	return ioctl(vmm->vm, KVM_ENABLE_CAP, &enable) ? -errno : 0;
}

static int set_up(struct vmm *vmm)
{
	const struct vmm_options *options = &vmm->options;
	unsigned int i;
	int err = 0;

	/* Intel CPUs without unrestricted guests want these; others don't mind. */
	ioctl(vmm->vm, KVM_SET_TSS_ADDR, 0xfffbd000UL);
	if (options->ring)
		err = enable(vmm, KVM_CAP_DIRTY_LOG_RING, options->ring);
	if (!err && options->manual)
		err = enable(vmm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, options->manual);
	if (err)
		return err;

	vmm->low = mmap(NULL, LOW_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	vmm->memory = vmm_map_memory(options);
	if (vmm->low == MAP_FAILED || vmm->memory == MAP_FAILED)
		return -ENOMEM;
	memcpy(vmm->low + CODE, code, sizeof(code));

	err = vmm_slot(vmm, 1, 0, LOW_BYTES >> 12, vmm->low, 0);
	if (!err)
		err = vmm_log(vmm, false);
	for (i = 0; !err && i < options->vcpus; i++)
		err = vmm_add_vcpu(vmm);
	return err;
}

int vmm_open(struct vmm *vmm, const struct vmm_options *options)
{
	int err;

	memset(vmm, 0, sizeof(*vmm));
	vmm->options = *options;
	vmm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vmm->kvm < 0)
		return -ENOENT;
	vmm->vm = ioctl(vmm->kvm, KVM_CREATE_VM, 0);
	if (vmm->vm < 0) {
		err = -errno;
		close(vmm->kvm);
		return err;
	}
	err = set_up(vmm);
	if (err)
		vmm_close(vmm);
	return err;
}

void vmm_close_vcpus(struct vmm *vmm)
{
	int size = ioctl(vmm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	unsigned int i;

	for (i = 0; i < vmm->nr_vcpus; i++) {
		struct vmm_vcpu *vcpu = &vmm->vcpus[i];

		vcpu->quit = true;
		sem_post(&vcpu->go);
		pthread_join(vcpu->thread, NULL);
		munmap(vcpu->run, (size_t)size);
		if (vcpu->ring)
			munmap(vcpu->ring, vmm->options.ring);
		close(vcpu->fd);
	}
	vmm->nr_vcpus = 0;
}

void vmm_close(struct vmm *vmm)
{
	vmm_close_vcpus(vmm);
	if (vmm->vm >= 0)
		close(vmm->vm);
	close(vmm->kvm);
	if (vmm->low)
		munmap(vmm->low, LOW_BYTES);
	/* The rest of an aligned mapping goes with the process. */
	if (vmm->memory)
		munmap(vmm->memory, (size_t)vmm->options.pages << 12);
}

void vmm_start(struct vmm *vmm, unsigned int index, const uint32_t *pages, size_t nr,
	       uint32_t value)
{
	struct vmm_vcpu *vcpu = &vmm->vcpus[index];
	uint32_t *list = (uint32_t *)(vmm->low + LISTS + index * LIST_BYTES);

	if (nr > VMM_MAX_WRITES)
		abort();
	memcpy(list, pages, nr * sizeof(*list));
	list[nr] = UINT32_MAX;
	vcpu->value = value;
	sem_post(&vcpu->go);
}

int vmm_wait(struct vmm *vmm, unsigned int index)
{
	sem_wait(&vmm->vcpus[index].done);
	return vmm->vcpus[index].result;
}

int vmm_write(struct vmm *vmm, unsigned int index, const uint32_t *pages, size_t nr,
	      uint32_t value)
{
	vmm_start(vmm, index, pages, nr, value);
	return vmm_wait(vmm, index);
}

size_t vmm_bitmap_bytes(const struct vmm *vmm)
{
	return (vmm->options.pages + 63) / 64 * 8;
}

int vmm_harvest(struct vmm *vmm, uint64_t *bitmap)
{
	struct kvm_dirty_log log = { .slot = 0, .dirty_bitmap = bitmap };

	return ioctl(vmm->vm, KVM_GET_DIRTY_LOG, &log) ? -errno : 0;
}

int vmm_clear(struct vmm *vmm, uint64_t *bitmap)
{
	struct kvm_clear_dirty_log log = {
		.slot = 0, .num_pages = vmm->options.pages, .dirty_bitmap = bitmap,
	};

	return ioctl(vmm->vm, KVM_CLEAR_DIRTY_LOG, &log) ? -errno : 0;
}

int vmm_reap(struct vmm *vmm, unsigned int index, uint64_t *bitmap)
{
	struct vmm_vcpu *vcpu = &vmm->vcpus[index];
	uint32_t size = vmm->options.ring / sizeof(*vcpu->ring);
	int nr = 0;

	for (;; nr++) {
		struct kvm_dirty_gfn *entry = &vcpu->ring[vcpu->reaped % size];

		if (__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			break;
		if (!entry->slot && entry->offset < vmm->options.pages)
			bitmap[entry->offset / 64] |= 1ull << entry->offset % 64;
		__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		vcpu->reaped++;
	}
	return ioctl(vmm->vm, KVM_RESET_DIRTY_RINGS, 0) == nr ? nr : -EPROTO;
}
