// SPDX-License-Identifier: GPL-2.0
/*
 * dirty [--json] [--quick] [--count] [SECTION]: measures what the module's dirty tracking
 * costs. Runs where kmigrate.ko is loaded, from the file that KM_MODULE names, and KVM works;
 * the script of the same name starts a host. --count: its clock counts instructions.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const struct section {
	const char *name;
	void (*run)(struct nl *nl);
} sections[] = {
	{ "observe", bench_observe },
	{ "drive", bench_drive },
	{ "scale", bench_scale },
	{ "shares", bench_shares },
};

int main(int argc, char **argv)
{
	unsigned int i, ran = 0;
	struct nl nl;

	bench_parse(argc, argv);
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
