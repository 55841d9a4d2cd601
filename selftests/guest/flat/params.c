// SPDX-License-Identifier: GPL-2.0
/* name=value words of the multiboot command line. */
#include "flat.h"

struct params params = {
	.ws = 16u << 20, .bytes = 8, .batch = 16, .zero = 50, .sweep = 2000, .sample = 2,
	.tick = 5, .status = 1000, .seed = 1, .rate = 5000, .drate = 2000,
	.diskrate = 100,
};

static const char *const contents[] = { "random", "text", "silent", "zero", 0 };
static const char *const orders[] = { "seq", "scatter", 0 };
static const char *const tick_modes[] = { "auto", "irq", "poll", 0 };

static const struct option {
	const char *name;
	u32 *value;
	u32 min, max;
	const char *const *words;
} options[] = {
	{ "ws", &params.ws, 0, 3u << 30, 0 },
	{ "vram", &params.vram, 0, 16u << 20, 0 },
	{ "rate", &params.rate, 0, 1000000, 0 },
	{ "bytes", &params.bytes, 8, PAGE_SIZE, 0 },
	{ "vary", &params.vary, 0, 1, 0 },
	{ "content", &params.content, 0, 0, contents },
	{ "order", &params.order, 0, 0, orders },
	{ "dma", &params.dma, 0, 3u << 30, 0 },
	{ "drate", &params.drate, 0, 1000000, 0 },
	{ "batch", &params.batch, 1, 256, 0 },
	{ "dsilent", &params.dsilent, 0, 1, 0 },
	{ "dlast", &params.dlast, 0, 1u << 20, 0 },
	{ "zero", &params.zero, 0, 100, 0 },
	{ "sweep", &params.sweep, 0, 1000000, 0 },
	{ "sample", &params.sample, 0, PAGE_WORDS, 0 },
	{ "quick", &params.quick, 0, 1, 0 },
	{ "disks", &params.disks, 0, 2, 0 },
	{ "diskrate", &params.diskrate, 0, 1000000, 0 },
	{ "tick", &params.tick, 1, 50, 0 },
	{ "tickmode", &params.tickmode, 0, 0, tick_modes },
	{ "status", &params.status, 50, 60000, 0 },
	{ "seed", &params.seed, 0, ~0u, 0 },
};

/* Length of the common start if all of NAME is there, else 0. */
static u32 starts_with(const char *s, const char *name)
{
	u32 n = 0;

	while (name[n]) {
		if (s[n] != name[n])
			return 0;
		n++;
	}
	return n;
}

static int at_end(char c)
{
	return !c || c == ' ';
}

/* A number with an optional K, M or G; returns 0 if it is none. */
static int parse_number(const char *s, u32 *value)
{
	u32 n = 0, shift = 0;

	if (*s < '0' || *s > '9')
		return 0;
	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (*s - '0');
	if (*s == 'K')
		shift = 10;
	else if (*s == 'M')
		shift = 20;
	else if (*s == 'G')
		shift = 30;
	if (shift)
		s++;
	*value = n << shift;
	return at_end(*s);
}

static int parse_word(const char *s, const char *const *words, u32 *value)
{
	u32 i, n;

	for (i = 0; words[i]; i++) {
		n = starts_with(s, words[i]);
		if (n && at_end(s[n])) {
			*value = i;
			return 1;
		}
	}
	return 0;
}

static int parse_one(const char *s)
{
	u32 i, n, value;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *o = &options[i];

		n = starts_with(s, o->name);
		if (!n || s[n] != '=')
			continue;
		if (o->words)
			return parse_word(s + n + 1, o->words, o->value);
		if (!parse_number(s + n + 1, &value) || value < o->min || value > o->max)
			return 0;
		*o->value = value;
		return 1;
	}
	return 0;
}

/* QEMU puts the kernel's file name before our words. */
void params_parse(const char *s)
{
	while (!at_end(*s))
		s++;
	for (;;) {
		while (*s == ' ')
			s++;
		if (!*s)
			return;
		if (!parse_one(s)) {
			print("flat: bad parameter at: %s\n", s);
			die("command line");
		}
		while (!at_end(*s))
			s++;
	}
}
