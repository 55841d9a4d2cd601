// SPDX-License-Identifier: GPL-2.0
#include "holdopts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void km_holds_free(struct km_holds *h)
{
	free(h->hold);
	free(h->policy);
	free(h->cpu);
	memset(h, 0, sizeof(*h));
}

/* "top", "none", "2.4GHz", "2400MHz", "2400000kHz" */
static bool parse_floor(const char *text, uint32_t *khz)
{
	static const struct {
		const char *name;
		double khz;
	} units[] = { { "GHz", 1e6 }, { "MHz", 1e3 }, { "kHz", 1 } };
	char *end;
	double n;

	*khz = KM_FLOOR_TOP;
	if (!strcmp(text, "top"))
		return true;
	*khz = KM_FLOOR_NONE;
	if (!strcmp(text, "none"))
		return true;
	n = strtod(text, &end);
	if (end == text || !(n > 0))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) || n * units[i].khz > INT32_MAX)
			continue;
		*khz = (uint32_t)(n * units[i].khz + 0.5);
		return *khz > 0;
	}
	return false;
}

int km_hold_wish_of(const char *command, const struct km_hold_opts *o, struct km_hold_wish *wish)
{
	wish->off = o->off;
	wish->latency_us = o->latency_us;
	if (parse_floor(o->floor, &wish->floor_khz))
		return 0;
	fprintf(stderr,
		"kmigrate %s: --floor takes top, none, or a frequency like 2.4GHz, not %s\n",
		command, o->floor);
	return KM_EXIT_USAGE;
}
