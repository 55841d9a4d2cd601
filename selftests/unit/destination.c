// SPDX-License-Identifier: GPL-2.0
/* Where to, in each of the forms. */
#include <stdlib.h>
#include <string.h>
#include "destination.h"
#include "ktap.h"

static void forms(bool *ok)
{
	static const struct {
		const char *to, *host, *port, *ssh;
	} t[] = {
		{ "b", "b", "4777", NULL },
		{ "b.example.com:1", "b.example.com", "1", NULL },
		{ "10.0.0.1:5000", "10.0.0.1", "5000", NULL },
		{ "[2001:db8::1]:5000", "2001:db8::1", "5000", NULL },
		{ "[2001:db8::1]", "2001:db8::1", "4777", NULL },
		{ "2001:db8::1", "2001:db8::1", "4777", NULL },
		{ "::1", "::1", "4777", NULL },
		{ "ssh://b", "b", "4777", "b" },
		{ "ssh://root@b", "b", "4777", "root@b" },
	};
	struct km_destination d;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memset(&d, 'x', sizeof(d));
		CHECK(!km_destination_parse(t[i].to, &d));
		CHECK(!strcmp(d.host, t[i].host) && !strcmp(d.port, t[i].port));
		CHECK(t[i].ssh ? d.ssh_target && !strcmp(d.ssh_target, t[i].ssh) : !d.ssh_target);
	}
}

static void refused(bool *ok)
{
	static const char *const bad[] = { "",	      ":1",	"b:",	  "[",
					   "[]",      "[]:1",	"[::1",	  "[::1]x",
					   "[::1]xy", "[::1]:", "ssh://", "ssh://root@" };
	struct km_destination d;
	char *longest = calloc(1, sizeof(d.host) + 1);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(km_destination_parse(bad[i], &d) < 0);
	memset(longest, 'h', sizeof(d.host) - 1);
	CHECK(!km_destination_parse(longest, &d) && strlen(d.host) == sizeof(d.host) - 1);
	longest[sizeof(d.host) - 1] = 'h';
	CHECK(km_destination_parse(longest, &d) < 0);
	free(longest);
}

static const struct ktap_case cases[] = {
	{ "each form", forms },
	{ "what is none of them", refused },
};

KTAP_MAIN(cases)
