/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_SCRATCH_H
#define KM_SCRATCH_H

#include <linux/types.h>

struct page;

/* Pages, zeros at first, in a VMM's address space that the kernel can write, too. */
struct km_scratch {
	unsigned long user;		/* their address there; 0 if there are none */
	void *kernel;			/* and here */
	size_t size;
	struct page **pages;
	unsigned int nr_pages;
};

int km_scratch_map(struct km_scratch *scratch, size_t size);
void km_scratch_unmap(struct km_scratch *scratch);

#endif /* KM_SCRATCH_H */
