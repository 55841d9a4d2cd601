/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fuzz target: one parser of foreign bytes.  driver.c feeds it damaged seeds;
 * libFuzzer can, too (the entry point is its).  The sanitizers see bad memory
 * accesses, must() sees an answer that breaks the parser's promise.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_MAX 32768 /* bytes of an input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
/* Writes the i-th good input, returns its length, 0 when there are no more. */
size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX]);
/* Counted by the target: inputs that its parser took.  A fuzzer of which nothing
 * is taken tests the first check only. */
__attribute__((weak)) unsigned long fuzz_accepted; /* one, in whichever object */

#define must(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* A seed that is a text. */
static inline size_t fuzz_text(uint8_t buf[FUZZ_MAX], const char *text)
{
	size_t len = strlen(text);

	memcpy(buf, text, len);
	return len;
}

/* A copy with a NUL behind it, in a block of its own. */
static inline char *fuzz_string(const uint8_t *data, size_t len)
{
	char *s = malloc(len + 1);

	if (!s)
		abort();
	if (len)
		memcpy(s, data, len);
	s[len] = '\0';
	return s;
}

#endif
