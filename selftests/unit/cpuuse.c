// SPDX-License-Identifier: GPL-2.0
/* How much of the CPUs is free, by what /proc/stat says at two moments. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "host/cpuuse.h"
#include "ktap.h"

static const char before[] = "cpu  9 9 9 9 9 9 9 9 0 0\n"
			     "cpu0 100 10 50 1000 40 1 2 3 0 0\n"
			     "cpu1 200 20 60 2000 50 0 0 0 0 0\n"
			     "cpu7 1 1 1 1 1 1 1 1 0 0\n"
			     "intr 12345 0 1 2\n"
			     "cpu2 1 1 1 1 1 1 1 1 0 0\n";

static cpu_set_t set_of(unsigned int a, unsigned int b)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(a, &set);
	CPU_SET(b, &set);
	return set;
}

static void lines(bool *ok)
{
	cpu_set_t first = set_of(0, 1), last = set_of(7, 7), none = set_of(2, 3);
	struct km_cpuuse u;
	struct km_err err;

	CHECK(!km_cpuuse_parse(before, &first, &u, &err));
	CHECK(u.cpus == 2 && u.all == 1206 + 2330 && u.free == 1050 + 2070);
	CHECK(!km_cpuuse_parse(before, &last, &u, &err) && u.cpus == 1 && u.all == 8);
	/* Of one that is off there is no line, and behind the CPUs' lines is something else. */
	CHECK(km_cpuuse_parse(before, &none, &u, &err) == -EPROTO);
	CHECK(km_cpuuse_parse("", &first, &u, &err) == -EPROTO);
	CHECK(km_cpuuse_parse("cpu 1\ncpu0 1 2 3\n", &first, &u, &err) == -EPROTO);
}

static struct km_cpuuse use(unsigned int cpus, uint64_t all, uint64_t left)
{
	return (struct km_cpuuse){ cpus, all, left };
}

static bool is(double free, double want)
{
	return fabs(free - want) < 1e-9;
}

static void between(bool *ok)
{
	struct km_cpuuse from = use(4, 1000, 500), to = use(4, 2000, 1250),
			 busy = use(4, 2000, 600), all = use(4, 2000, 1500),
			 back = use(4, 2000, 2400);

	CHECK(is(km_cpuuse_free(&from, &to), 3));
	CHECK(is(km_cpuuse_free(&from, &all), 4));
	CHECK(is(km_cpuuse_free(&from, &busy), 2));
	CHECK(is(km_cpuuse_free(&from, &back), 4)); /* idle time may go back: proc(5) */
	CHECK(is(km_cpuuse_free(&from, &from), 2)); /* no time has passed */
}

static void now(bool *ok)
{
	struct km_cpuuse u;
	struct km_err err = { 0 };

	CHECK(!km_cpuuse_read(&u, &err));
	CHECK(u.cpus >= 1 && u.all > 0 && u.free <= u.all);
}

static const struct ktap_case cases[] = {
	{ "lines of the CPUs that count", lines },
	{ "free between two moments", between },
	{ "this host's", now },
};
KTAP_MAIN(cases)
