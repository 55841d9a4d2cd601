/* SPDX-License-Identifier: GPL-2.0 */
/* A set of numbers below KM_SET_MAX: CPU features, by their place in a list of names. Pure. */
#ifndef KM_CHECK_SET_H
#define KM_CHECK_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KM_SET_MAX   512 /* QEMU 7.2 has 324 features of x86 */
#define KM_SET_WORDS (KM_SET_MAX / 64)
#define KM_SET_TEXT  (KM_SET_MAX / 4 + 1)

struct km_set {
	uint64_t w[KM_SET_WORDS];
};

void km_set_add(struct km_set *s, unsigned int i); /* i from KM_SET_MAX on: nothing */
bool km_set_has(const struct km_set *s, unsigned int i);
unsigned int km_set_count(const struct km_set *s);
bool km_set_empty(const struct km_set *s);

/* Hexadecimal, the lowest 64 numbers' 16 digits last, without zeros in front; "0" = empty. */
void km_set_text(const struct km_set *s, char text[KM_SET_TEXT]);
/* false when the text is no set. */
bool km_set_parse(struct km_set *s, const char *text);

#endif
