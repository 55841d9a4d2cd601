/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KTAP for tests that need a state of the machine: unlike ../ktap.h a check can end
 * its test (REQUIRE), and a test can say that it does not apply (SKIP).
 */
#ifndef KMOD_KTAP_H
#define KMOD_KTAP_H

#include <stdbool.h>
#include <stdio.h>

enum { KSFT_PASS = 0, KSFT_FAIL = 1, KSFT_SKIP = 4 };

struct ktap_test {
	const char *name;
	void (*run)(void);
};

static struct {
	bool failed;
	const char *skip;
} ktap;

#define KTAP_NOTE(format, ...) \
	(printf("# %s:%d: " format "\n", __FILE__, __LINE__, ##__VA_ARGS__), \
	 fflush(stdout))

#define CHECK(condition) ({						\
	bool checked_ = (condition);					\
									\
	if (!checked_) {						\
		KTAP_NOTE("failed: %s", #condition);			\
		ktap.failed = true;					\
	}								\
	checked_; })

/* Both sides are evaluated once, and shown when they differ. */
#define CHECK_EQ(left, right) ({					\
	long long left_ = (long long)(left);				\
	long long right_ = (long long)(right);				\
									\
	if (left_ != right_) {						\
		KTAP_NOTE("%s is %lld, not %s = %lld", #left, left_,	\
			  #right, right_);				\
		ktap.failed = true;					\
	}								\
	left_ == right_; })

/* For functions that return void, and for tests. */
#define REQUIRE(condition)	do { if (!CHECK(condition)) return; } while (0)
#define REQUIRE_EQ(left, right)	do { if (!CHECK_EQ(left, right)) return; } while (0)
#define SKIP(reason)		do { ktap.skip = (reason); return; } while (0)

static inline int ktap_run(const struct ktap_test *tests, unsigned int count)
{
	unsigned int i, failed = 0, skipped = 0;

	printf("TAP version 13\n1..%u\n", count);
	for (i = 0; i < count; i++) {
		ktap.failed = false;
		ktap.skip = NULL;
		tests[i].run();
		printf("%s %u %s", ktap.failed ? "not ok" : "ok", i + 1, tests[i].name);
		if (ktap.skip && !ktap.failed)
			printf(" # SKIP %s", ktap.skip);
		putchar('\n');
		fflush(stdout);
		failed += ktap.failed;
		skipped += ktap.skip && !ktap.failed;
	}
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0\n",
	       count - failed - skipped, failed, skipped);
	if (failed)
		return KSFT_FAIL;
	return skipped == count ? KSFT_SKIP : KSFT_PASS;
}

static inline int ktap_skip_all(const char *reason)
{
	printf("TAP version 13\n1..0 # SKIP %s\n", reason);
	return KSFT_SKIP;
}

#endif
