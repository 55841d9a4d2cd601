/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_DIRTY_H
#define KM_DIRTY_H

#include <linux/cache.h>
#include <linux/percpu.h>
#include <linux/types.h>
#include <asm/local64.h>

/* A reading. */
struct km_counts {
	u64 pages;		/* clean pages that became dirty */
	u64 repeats;		/* reports of pages that were dirty already */
	struct km_pml_counts {
		u64 pages;	/* the part of @pages that Intel's log told of */
		u64 drains;	/* exits that found entries in it */
		u64 full;	/* exits because it was full */
	} pml;
};

/* A counter: added to by one CPU at a time, without a lock. */
struct km_dirty_counter {
	local64_t pages;
	local64_t repeats;
	local64_t pml_pages;
	local64_t pml_drains;
	local64_t pml_full;
	u64 pml_exit;		/* the vCPU's latest exit that is in @pml_drains */
} ____cacheline_aligned_in_smp;

/* What one VM dirtied since km_dirty_init(). */
struct km_dirty {
	bool counting;		/* the hook is in place */
	bool counts_pml;	/* and what Intel's log does */
	unsigned int nr_vcpus;	/* room in @vcpu, by kvm_vcpu::vcpu_idx */
	struct km_dirty_counter *vcpu;
	struct km_dirty_counter __percpu *other;	/* of no known vCPU */
};

int km_dirty_init(struct km_dirty *dirty, unsigned int nr_vcpus);
void km_dirty_start(struct km_dirty *dirty);
void km_dirty_stop(struct km_dirty *dirty);
void km_dirty_free(struct km_dirty *dirty);

void km_dirty_read_vcpu(const struct km_dirty *dirty, unsigned int idx,
			struct km_counts *counts);
void km_dirty_read_other(const struct km_dirty *dirty, struct km_counts *counts);

u64 km_dirty_total(const struct km_dirty *dirty);

void km_dirty_fini(void);

#endif /* KM_DIRTY_H */
