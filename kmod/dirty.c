// SPDX-License-Identifier: GPL-2.0
/*
 * The counters of the pages that guests dirty. count.h and count.c add to them.
 */
#include <linux/slab.h>

#include "compat/compat.h"
#include "count.h"
#include "dirty.h"
#include "pml.h"

/* Where ftrace can't be used the VM isn't counted, and km_dirty::counting says so. */
void km_dirty_start(struct km_dirty *dirty)
{
	dirty->counting = !km_count_hook();
	dirty->counts_pml = dirty->counting && km_pml_start();
}

void km_dirty_stop(struct km_dirty *dirty)
{
	if (dirty->counts_pml)
		km_pml_stop();
	if (dirty->counting)
		km_count_unhook();
}

void km_dirty_fini(void)
{
	km_count_fini();
	km_pml_fini();
}

/*
 * Room for twice as many vCPUs as there are now, and for 64 at least: the hook
 * can't allocate when another is plugged in.
 */
int km_dirty_init(struct km_dirty *dirty, unsigned int nr_vcpus)
{
	nr_vcpus = clamp(2 * nr_vcpus, 64u, 2u * KVM_MAX_VCPUS);

	dirty->vcpu = kvcalloc(nr_vcpus, sizeof(*dirty->vcpu), GFP_KERNEL_ACCOUNT);
	if (!dirty->vcpu)
		return -ENOMEM;

	dirty->other = alloc_percpu_gfp(struct km_dirty_counter, GFP_KERNEL_ACCOUNT);
	if (!dirty->other) {
		kvfree(dirty->vcpu);
		return -ENOMEM;
	}
	dirty->nr_vcpus = nr_vcpus;
	return 0;
}

/* Doesn't sleep. No hook may be using @dirty. */
void km_dirty_free(struct km_dirty *dirty)
{
	free_percpu(dirty->other);
	kvfree(dirty->vcpu);
}

static void read_counter(const struct km_dirty_counter *counter,
			 struct km_counts *counts)
{
	counts->pages = local64_read(&counter->pages);
	counts->repeats = local64_read(&counter->repeats);
	counts->pml.pages = local64_read(&counter->pml_pages);
	counts->pml.drains = local64_read(&counter->pml_drains);
	counts->pml.full = local64_read(&counter->pml_full);
}

/* @idx must be less than km_dirty::nr_vcpus. */
void km_dirty_read_vcpu(const struct km_dirty *dirty, unsigned int idx,
			struct km_counts *counts)
{
	read_counter(&dirty->vcpu[idx], counts);
}

void km_dirty_read_other(const struct km_dirty *dirty, struct km_counts *counts)
{
	struct km_counts one;
	int cpu;

	*counts = (struct km_counts){};
	for_each_possible_cpu(cpu) {
		read_counter(per_cpu_ptr(dirty->other, cpu), &one);
		counts->pages += one.pages;
		counts->repeats += one.repeats;
	}
}

/* Pages, by all vCPUs and by none. */
u64 km_dirty_total(const struct km_dirty *dirty)
{
	struct km_counts one;
	unsigned int i;
	u64 pages;

	km_dirty_read_other(dirty, &one);
	pages = one.pages;
	for (i = 0; i < dirty->nr_vcpus; i++) {
		km_dirty_read_vcpu(dirty, i, &one);
		pages += one.pages;
	}
	return pages;
}
