// SPDX-License-Identifier: GPL-2.0
#include "hold.h"

#include <stdlib.h>
#include <string.h>

void km_holds_free(struct km_holds *h)
{
	free(h->hold);
	free(h->policy);
	free(h->cpu);
	memset(h, 0, sizeof(*h));
}

bool km_floor_parse(const char *text, uint32_t *khz)
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
