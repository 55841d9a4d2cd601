/* SPDX-License-Identifier: GPL-2.0 */
/* What every test of the module includes. */
#ifndef KMOD_KMOD_H
#define KMOD_KMOD_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "ktap.h"
#include "nl.h"
#include "vmm.h"

/* --list: the tests' names, for run.sh. Skips all where there is nothing to test. */
static inline int kmod_main(int argc, char **argv, const struct ktap_test *tests,
			    unsigned int count)
{
	unsigned int i;

	if (argc > 1 && !strcmp(argv[1], "--list")) {
		for (i = 0; i < count; i++)
			puts(tests[i].name);
		return KSFT_PASS;
	}
	if (nl_sessions() == -ENOENT)
		return ktap_skip_all("kmigrate.ko is not loaded");
	if (access("/dev/kvm", R_OK | W_OK))
		return ktap_skip_all("no /dev/kvm");
	return ktap_run(tests, count);
}

/* The same for tests that need a module loaded, whose file this variable names. */
static inline int kmod_main_with(const char *variable, int argc, char **argv,
				 const struct ktap_test *tests, unsigned int count)
{
	bool list = argc > 1 && !strcmp(argv[1], "--list");

	if (!list && !getenv(variable)) {
		printf("# %s names no module\n", variable);
		return ktap_skip_all("no module's file is named");
	}
	return kmod_main(argc, argv, tests, count);
}

#endif
