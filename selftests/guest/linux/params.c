// SPDX-License-Identifier: GPL-2.0
/* kmg.NAME=VALUE words of /proc/cmdline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

struct params params = {
	.rate = 5000, .bytes = 64, .sweep = 1000, .seed = 1, .tick = 5, .status = 1000,
};

static const char *const contents[] = { "random", "text", "silent", "zero", NULL };

static const struct option {
	const char *name;
	uint64_t *value;
	uint64_t min, max;
	const char *const *words;
} options[] = {
	{ "mem", &params.mem, 0, 1ULL << 40, NULL },
	{ "ws", &params.ws, 0, 1ULL << 40, NULL },
	{ "rate", &params.rate, 0, 1000000000, NULL },
	{ "threads", &params.threads, 0, 512, NULL },
	{ "bytes", &params.bytes, 8, 4096, NULL },
	{ "content", &params.content, 0, 0, contents },
	{ "sweep", &params.sweep, 0, 1000000000, NULL },
	{ "seed", &params.seed, 0, UINT32_MAX, NULL },
	{ "tick", &params.tick, 1, 1000, NULL },
	{ "status", &params.status, 50, 60000, NULL },
};

static int parse_value(const struct option *o, const char *s)
{
	static const char units[] = "KMG";
	const char *unit;
	uint64_t value;
	char *end;
	int i;

	for (i = 0; o->words && o->words[i]; i++) {
		if (!strcmp(o->words[i], s)) {
			*o->value = i;
			return 0;
		}
	}
	if (o->words)
		return -1;
	value = strtoull(s, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		value <<= 10 * (unit - units + 1);
		end++;
	}
	if (end == s || *end || value < o->min || value > o->max)
		return -1;
	*o->value = value;
	return 0;
}

static void parse_word(char *word)
{
	char *equals = strchr(word, '=');
	size_t i;

	if (strncmp(word, "kmg.", 4) || !equals)
		return;
	*equals = '\0';
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(word + 4, options[i].name))
			continue;
		if (parse_value(&options[i], equals + 1))
			say("guest: BAD PARAMETER %s=%s", word, equals + 1);
		return;
	}
	say("guest: BAD PARAMETER %s", word);
}

void params_read(void)
{
	char line[4096], *word, *rest = NULL;
	FILE *f = fopen("/proc/cmdline", "r");

	if (!f)
		return;
	if (fgets(line, sizeof(line), f))
		for (word = strtok_r(line, " \n", &rest); word;
		     word = strtok_r(NULL, " \n", &rest))
			parse_word(word);
	fclose(f);
}
