// SPDX-License-Identifier: GPL-2.0
#include "paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int km_paths_check(const struct km_paths *p, unsigned int streams, char why[KM_ERR_MAX])
{
	for (unsigned int i = 0; i < p->n; i++)
		if (!p->address[i][0] || strlen(p->address[i]) >= KM_ADDRESS_MAX) {
			snprintf(why, KM_ERR_MAX, "--path takes an address or a host's name");
			return -EINVAL;
		}
	if (!streams || p->n <= streams)
		return 0;
	snprintf(why, KM_ERR_MAX, "--streams %u are too few for %u paths: each takes at least one",
		 streams, p->n);
	return -EINVAL;
}

unsigned int km_paths_streams(const struct km_paths *p, unsigned int streams)
{
	unsigned int each;

	if (!p->n)
		return streams;
	each = (streams + p->n - 1) / p->n;
	while (each > 1 && each * p->n > KM_STREAMS_MAX)
		each--;
	return (each ? each : 1) * p->n;
}

int km_paths_of(const struct km_paths *p, unsigned int stream)
{
	unsigned int up = 0;
	int at = -1;

	if (p->n && !p->down[stream % p->n])
		return (int)(stream % p->n);
	for (unsigned int i = 0; i < p->n; i++)
		up += !p->down[i];
	for (unsigned int i = 0, k = up ? stream / p->n % up : 0; up && i < p->n; i++)
		if (!p->down[i] && !k--)
			at = (int)i;
	return at;
}
