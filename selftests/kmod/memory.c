// SPDX-License-Identifier: GPL-2.0
/* What the test memory of a small VM is made of. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/memfd.h>

#include "vmm.h"

#define HUGE_BYTES	(2ul << 20)

static char *map_memfd(size_t bytes, unsigned int flags)
{
	int fd = memfd_create("vmm", MFD_CLOEXEC | flags);
	char *memory;

	if (fd < 0)
		return MAP_FAILED;
	memory = ftruncate(fd, (off_t)bytes) ? MAP_FAILED :
		 mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return memory;
}

char *vmm_map_memory(const struct vmm_options *options)
{
	size_t bytes = (size_t)options->pages << 12;
	char *memory;

	if (options->backing == VMM_MEMFD)
		return map_memfd(bytes, 0);
	if (options->backing == VMM_HUGETLB)
		return map_memfd((bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1),
				 MFD_HUGETLB | MFD_HUGE_2MB);
	memory = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return memory;
	if (options->backing == VMM_ANON) {
		/* Debian's kernels make huge pages of whatever they can. */
		madvise(memory, bytes, MADV_NOHUGEPAGE);
		return memory;
	}
	/* Aligned as the guest's addresses are; touched, so that it is there. */
	memory = (char *)(((uintptr_t)memory + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	madvise(memory, bytes, MADV_HUGEPAGE);
	memset(memory, 0, bytes);
	return memory;
}

void vmm_choose(uint32_t *pages, size_t nr, uint32_t span, uint64_t *bits)
{
	size_t i = 0;

	memset(bits, 0, (span + 63) / 64 * sizeof(*bits));
	while (i < nr) {
		uint32_t page = (uint32_t)random() % span;

		if (vmm_bit(bits, page))
			continue;
		bits[page / 64] |= 1ull << page % 64;
		pages[i++] = page;
	}
}
