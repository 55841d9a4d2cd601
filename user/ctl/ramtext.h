/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The texts in which QEMU's monitor shows its memory.  Pure parsers of foreign
 * text: what does not look exactly as expected is no answer.
 */
#ifndef KM_RAMTEXT_H
#define KM_RAMTEXT_H

#include <stddef.h>
#include "../model.h"

/* x-query-ramblock or `info ramblock` (softmmu/physmem.c, ram_block_format).
 * Fills name, used_bytes and, where there is a column for it (8.0), hva; *has_hva
 * says whether.  Blocks without a name don't migrate and are left out. */
int km_ramtext_blocks(const char *text, struct km_blocks *blocks, bool *has_hva,
		      struct km_err *err);

/* A range of guest physical space that shows a memory region. */
struct km_range {
	uint64_t start, last; /* guest physical, inclusive */
	uint64_t offset;      /* of start in the region */
	char name[256];
};

/* `info mtree -f`: the RAM and ROM ranges of the address space "memory"
 * (softmmu/memory.c, mtree_print_flatview).  malloc'ed. */
int km_ramtext_ranges(const char *text, struct km_range **ranges, size_t *n, struct km_err *err);

/* `gpa2hva ADDR` (monitor/misc.c): the region and the host address of addr.
 * -ENXIO: nothing or no RAM is there; -EPROTO: another text. */
int km_ramtext_gpa2hva(const char *text, uint64_t addr, char name[256], uint64_t *hva);

/* A block's name is its region's name, behind the device's path if it has one
 * (softmmu/physmem.c, qemu_ram_set_idstr). */
bool km_ramtext_same_region(const char *block, const char *region);

#endif
