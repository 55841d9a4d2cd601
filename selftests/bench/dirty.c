// SPDX-License-Identifier: GPL-2.0
/*
 * dirty [--json] [--quick] [--count] [SECTION]: measures what the module's dirty tracking
 * costs. Runs where kmigrate.ko is loaded, from the file that KM_MODULE names, and KVM works;
 * the script of the same name starts a host. --count: its clock counts instructions.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

struct options options;

static const struct section {
	const char *name;
	void (*run)(struct nl *nl);
} sections[] = {
	{ "observe", bench_observe },
	{ "drive", bench_drive },
	{ "scale", bench_scale },
	{ "shares", bench_shares },
};

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

static void parse(int argc, char **argv)
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

int main(int argc, char **argv)
{
	unsigned int i, ran = 0;
	struct nl nl;

	parse(argc, argv);
	srandom((unsigned int)now_ns());
	must(nl_open(&nl), "the module (is kmigrate.ko loaded?)");
	report_begin();
	for (i = 0; i < ARRAY_SIZE(sections); i++) {
		if (options.only && strcmp(options.only, sections[i].name))
			continue;
		sections[i].run(&nl);
		ran++;
	}
	must(ran ? 0 : -EINVAL, "observe, drive, scale, shares are the sections");
	nl_close(&nl);
	return report_end();
}
