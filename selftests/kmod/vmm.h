/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VMM small enough to know exactly which pages its guest writes.
 *
 * The guest is 32-bit, flat, without paging: nothing but the writes that it was told
 * to do dirties a page of the test memory. It reads page numbers from a list and
 * writes a value to the first word of each; code and lists lie in a slot that never
 * logs. Each vCPU has a thread.
 */
#ifndef KMOD_VMM_H
#define KMOD_VMM_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/kvm.h>

#define VMM_MAX_VCPUS	8
#define VMM_MAX_WRITES	65535			/* of one job */
#define VMM_GFN		0x40000			/* of the test memory */
#define VMM_MAX_PAGES	0x80000

enum vmm_backing {
	VMM_ANON,			/* of pages of 4 KiB */
	VMM_THP,			/* of transparent huge pages, as far as there are any */
	VMM_MEMFD,
	VMM_HUGETLB,			/* a memfd of 2 MiB pages, which must be reserved */
};

struct vmm_options {
	uint32_t pages;			/* of test memory */
	unsigned int vcpus;
	enum vmm_backing backing;
	uint32_t ring;			/* bytes of dirty ring, if not 0 */
	uint64_t manual;		/* KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 */
	unsigned int id_step;		/* vCPU ids are multiples of this; 0 is 1 */
};

struct vmm_vcpu {
	struct vmm *vmm;
	int fd, result;
	unsigned int index;
	pid_t tid;
	struct kvm_run *run;
	struct kvm_dirty_gfn *ring;
	uint32_t value, reaped;
	bool quit;
	pthread_t thread;
	sem_t go, done;
};

struct vmm {
	struct vmm_options options;
	int kvm, vm;
	unsigned int nr_vcpus;
	struct vmm_vcpu vcpus[VMM_MAX_VCPUS];
	char *low, *memory;
	uint32_t log_flag;
};

/* memory.c: the test memory, or MAP_FAILED. */
char *vmm_map_memory(const struct vmm_options *options);

/* A negative errno if not 0, except vmm_open(): -ENOENT says that there is no KVM. */
int vmm_open(struct vmm *vmm, const struct vmm_options *options);
int vmm_add_vcpu(struct vmm *vmm);
void vmm_close_vcpus(struct vmm *vmm);
void vmm_close(struct vmm *vmm);

int vmm_log(struct vmm *vmm, bool on);
int vmm_slot(struct vmm *vmm, uint32_t slot, uint64_t gfn, uint64_t npages,
	     void *address, uint32_t flags);

void vmm_start(struct vmm *vmm, unsigned int vcpu, const uint32_t *pages, size_t nr,
	       uint32_t value);
int vmm_wait(struct vmm *vmm, unsigned int vcpu);
int vmm_write(struct vmm *vmm, unsigned int vcpu, const uint32_t *pages, size_t nr,
	      uint32_t value);

/* @nr different pages below @span in random order; @bits has theirs, and no others. */
void vmm_choose(uint32_t *pages, size_t nr, uint32_t span, uint64_t *bits);

/* One bit for each page of the test memory, in 64-bit words. */
size_t vmm_bitmap_bytes(const struct vmm *vmm);
int vmm_harvest(struct vmm *vmm, uint64_t *bitmap);
int vmm_clear(struct vmm *vmm, uint64_t *bitmap);
/*
 * Empties the dirty ring of a vCPU that is stopped: how many entries it had. Bits of the
 * test memory's pages are set in @bitmap.
 */
int vmm_reap(struct vmm *vmm, unsigned int vcpu, uint64_t *bitmap);

static inline bool vmm_bit(const uint64_t *bitmap, uint32_t bit)
{
	return bitmap[bit / 64] >> bit % 64 & 1;
}

#endif
