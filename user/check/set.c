// SPDX-License-Identifier: GPL-2.0
#include "set.h"

#include <string.h>

void km_set_add(struct km_set *s, unsigned int i)
{
	if (i < KM_SET_MAX)
		s->w[i / 64] |= UINT64_C(1) << (i % 64);
}

bool km_set_has(const struct km_set *s, unsigned int i)
{
	return i < KM_SET_MAX && (s->w[i / 64] >> (i % 64) & 1);
}

unsigned int km_set_count(const struct km_set *s)
{
	unsigned int n = 0;

	for (size_t i = 0; i < KM_SET_WORDS; i++)
		n += (unsigned int)__builtin_popcountll(s->w[i]);
	return n;
}

bool km_set_empty(const struct km_set *s)
{
	return !km_set_count(s);
}

void km_set_text(const struct km_set *s, char text[KM_SET_TEXT])
{
	size_t digits = KM_SET_MAX / 4, n = 0;

	for (size_t d = digits; d-- > 0;) {
		unsigned int v = (unsigned int)(s->w[d / 16] >> (d % 16 * 4)) & 15;

		if (v || n || !d)
			text[n++] = "0123456789abcdef"[v];
	}
	text[n] = '\0';
}

bool km_set_parse(struct km_set *s, const char *text)
{
	size_t len = strlen(text);

	memset(s, 0, sizeof(*s));
	if (!len || len > KM_SET_MAX / 4)
		return false;
	for (size_t d = 0; d < len; d++) {
		const char *digits = "0123456789abcdef";
		const char *at = strchr(digits, text[len - 1 - d]);

		if (!at)
			return false;
		s->w[d / 16] |= (uint64_t)(at - digits) << (d % 16 * 4);
	}
	return true;
}
