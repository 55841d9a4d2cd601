/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers as people read them. Each writes into buf and returns it. */
#ifndef KM_UNITS_H
#define KM_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define KM_UNIT_MAX 24

char *km_fmt_bytes(char buf[KM_UNIT_MAX], double bytes); /* 312 B, 4.31 GiB */
char *km_fmt_count(char buf[KM_UNIT_MAX], double n);	 /* 812, 8.1 k, 1.24 M */
char *km_fmt_ms(char buf[KM_UNIT_MAX], double ms);	 /* 380 us, 38.2 ms, 12.4 s, 3 min 20 s */

/* The columns that UTF-8 text takes, near enough: one a character. */
size_t km_text_width(const char *s);

#endif
