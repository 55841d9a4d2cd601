// SPDX-License-Identifier: GPL-2.0
#include "destination.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "ctl/ssh.h"
#include "host/other.h"

static int copy(char *to, size_t size, const char *from, size_t len)
{
	if (!len || len >= size)
		return -EINVAL;
	memcpy(to, from, len);
	to[len] = '\0';
	return 0;
}

int km_destination_parse(const char *to, struct km_destination *d)
{
	const char *host = to, *end = to + strlen(to), *port = NULL, *colon = strchr(to, ':');

	d->ssh_target = km_other_target(to);
	if (d->ssh_target) {
		host = km_ssh_host(d->ssh_target);
	} else if (to[0] == '[') {
		host = to + 1;
		end = strchr(to, ']');
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		port = end[1] ? end + 2 : NULL;
	} else if (colon && !strchr(colon + 1, ':')) {
		end = colon;
		port = colon + 1;
	}
	if (!port)
		port = KM_DESTINATION_PORT;
	return copy(d->host, sizeof(d->host), host, (size_t)(end - host)) ||
			       copy(d->port, sizeof(d->port), port, strlen(port)) ?
		       -EINVAL :
		       0;
}
