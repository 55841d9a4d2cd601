// SPDX-License-Identifier: GPL-2.0
/* Which stream goes by which of several addresses. */
#include <string.h>
#include "ktap.h"
#include "xfer/paths.h"

static unsigned int streams_of(const struct km_paths *p, unsigned int streams, int path)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < streams; i++)
		n += km_paths_of(p, i) == path;
	return n;
}

static void alike(bool *ok)
{
	struct km_paths p = { .n = 3, .address = { "a", "b", "c" } };
	unsigned int n = km_paths_streams(&p, 4);

	CHECK(n == 6);
	for (int i = 0; i < 3; i++)
		CHECK(streams_of(&p, n, i) == 2);
	CHECK(km_paths_streams(&p, 1) == 3);
	CHECK(km_paths_streams(&p, 0) == 3);
	CHECK(km_paths_streams(&p, KM_STREAMS_MAX) == 15);
}

static void none(bool *ok)
{
	struct km_paths p = { 0 };

	CHECK(km_paths_streams(&p, 4) == 4);
	CHECK(km_paths_of(&p, 0) == -1 && km_paths_of(&p, 7) == -1);
}

/* Those of the one that is down are shared by the others. */
static void down(bool *ok)
{
	struct km_paths p = { .n = 3, .address = { "a", "b", "c" }, .down = { [1] = true } };

	CHECK(streams_of(&p, 12, 1) == 0);
	CHECK(streams_of(&p, 12, 0) == 6 && streams_of(&p, 12, 2) == 6);
	p.down[0] = true;
	CHECK(streams_of(&p, 12, 2) == 12);
	p.down[2] = true;
	CHECK(streams_of(&p, 12, -1) == 12);
}

static void wrong(bool *ok)
{
	static char longest[KM_ADDRESS_MAX + 1];
	struct km_paths p = { .n = 2, .address = { "a", "b" } };
	char why[KM_ERR_MAX] = "";

	CHECK(!km_paths_check(&p, 0, why) && !km_paths_check(&p, 2, why));
	CHECK(km_paths_check(&p, 1, why) && strstr(why, "too few"));
	p.address[1] = "";
	CHECK(km_paths_check(&p, 0, why) && strstr(why, "--path takes"));
	memset(longest, 'x', KM_ADDRESS_MAX);
	p.address[1] = longest;
	CHECK(km_paths_check(&p, 0, why));
	longest[KM_ADDRESS_MAX - 1] = 0;
	CHECK(!km_paths_check(&p, 0, why));
}

static const struct ktap_case cases[] = {
	{ "every path has as many streams", alike },
	{ "without paths", none },
	{ "who is down has none", down },
	{ "what can't be", wrong },
};
KTAP_MAIN(cases)
