// SPDX-License-Identifier: GPL-2.0
/* What the benchmarks have in common but how they report. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

struct options options;

void must(int err, const char *what)
{
	if (!err)
		return;
	fflush(stdout);
	fprintf(stderr, "bench: %s: %s\n", what, err == -1 ? "failed" : strerror(-err));
	exit(3);
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint32_t random_below(uint32_t limit)
{
	return (uint32_t)random() % limit;
}

void shuffle(uint32_t *items, size_t nr)
{
	size_t i, j;

	for (i = nr; i > 1; i--) {
		uint32_t item = items[i - 1];

		j = random_below((uint32_t)i);
		items[i - 1] = items[j];
		items[j] = item;
	}
}

void choose_pages(uint32_t *pages, size_t nr, uint32_t span)
{
	uint32_t *all = malloc(span * sizeof(*all)), i;

	must(all ? 0 : -ENOMEM, "a list of pages");
	for (i = 0; i < span; i++)
		all[i] = i;
	shuffle(all, span);
	memcpy(pages, all, nr * sizeof(*pages));
	free(all);
}

void bench_parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "quick", no_argument, NULL, 'q' },
		{ "count", no_argument, NULL, 'c' },
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == '?')
			exit(2);
		options.json |= c == 'j';
		options.quick |= c == 'q';
		options.count |= c == 'c';
	}
	options.only = argv[optind];
}
