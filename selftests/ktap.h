/* SPDX-License-Identifier: GPL-2.0 */
/* KTAP output for the unit tests (Documentation/dev-tools/ktap.rst). */
#ifndef KTAP_H
#define KTAP_H

#include <stdbool.h>
#include <stdio.h>

struct ktap_case {
	const char *name;
	void (*fn)(bool *ok);
};

#define CHECK(cond)                                                          \
	do {                                                                 \
		if (!(cond)) {                                               \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);  \
			*ok = false;                                         \
		}                                                            \
	} while (0)

static inline int ktap_run(const struct ktap_case *cases, unsigned int n)
{
	unsigned int failed = 0;

	printf("TAP version 13\n1..%u\n", n);
	for (unsigned int i = 0; i < n; i++) {
		bool ok = true;

		cases[i].fn(&ok);
		printf("%s %u %s\n", ok ? "ok" : "not ok", i + 1, cases[i].name);
		failed += !ok;
		fflush(stdout);
	}
	return failed ? 1 : 0;
}

#define KTAP_MAIN(cases)                                                         \
	int main(void)                                                           \
	{                                                                        \
		return ktap_run(cases, sizeof(cases) / sizeof((cases)[0]));      \
	}

#endif
