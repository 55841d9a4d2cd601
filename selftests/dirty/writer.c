// SPDX-License-Identifier: GPL-2.0
/*
 * writer [--log] PAGES...: a guest that writes the same pages over and over: a vCPU for each PAGES,
 * with so many pages of its own, next to those of the vCPU before. Prints the guest physical
 * address of the first when the vCPUs run. Ends when its input does. With --log the VMM logs
 * dirty pages, as in a migration.
 */
#include <poll.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm.h"

#define PAUSE_MS	20

static struct vmm vmm;

static uint32_t *list(uint32_t first, uint32_t nr)
{
	uint32_t *pages = malloc(nr * sizeof(*pages));

	for (uint32_t i = 0; pages && i < nr; i++)
		pages[i] = first + i;
	return pages;
}

static int round_of_writes(uint32_t *const *pages, const uint32_t *nr, unsigned int vcpus,
			   uint32_t value)
{
	int err = 0;

	for (unsigned int i = 0; i < vcpus; i++)
		vmm_start(&vmm, i, pages[i], nr[i], value);
	for (unsigned int i = 0; i < vcpus; i++)
		err |= vmm_wait(&vmm, i);
	return err;
}

int main(int argc, char **argv)
{
	const bool logs = argc > 1 && !strcmp(argv[1], "--log");
	struct vmm_options options = { .vcpus = (unsigned int)(argc - 1 - logs) };
	struct pollfd end = { .fd = STDIN_FILENO, .events = POLLIN };
	uint32_t *pages[VMM_MAX_VCPUS], nr[VMM_MAX_VCPUS];
	uint32_t value = 0;

	argv += logs;
	if (!options.vcpus || options.vcpus > VMM_MAX_VCPUS) {
		fprintf(stderr, "usage: writer [--log] PAGES... (one for each vCPU)\n");
		return 2;
	}
	for (unsigned int i = 0; i < options.vcpus; i++) {
		nr[i] = (uint32_t)atoi(argv[i + 1]);
		pages[i] = list(options.pages, nr[i]);
		options.pages += nr[i];
	}
	if (vmm_open(&vmm, &options) || round_of_writes(pages, nr, options.vcpus, ++value)) {
		fprintf(stderr, "writer: no guest can be run\n");
		return 1;
	}
	if (logs && vmm_log(&vmm, true)) {
		fprintf(stderr, "writer: dirty logging can't be switched on\n");
		return 1;
	}
	printf("%llu\n", (unsigned long long)VMM_GFN << 12);
	fflush(stdout);
	while (!poll(&end, 1, PAUSE_MS))
		if (round_of_writes(pages, nr, options.vcpus, ++value))
			return 1;
	vmm_close(&vmm);
	return 0;
}
