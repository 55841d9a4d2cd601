/* SPDX-License-Identifier: GPL-2.0 */
/* Small files of /sys and /proc. The path is formatted; a test puts its own root in front. */
#ifndef KM_SYSFILE_H
#define KM_SYSFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../check/record.h"

/* The first line without blanks at its end. false and "" when it can't be read. */
bool km_sys_text(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A decimal number in front. false when there is none; *v stays. */
bool km_sys_number(uint64_t *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Y, 1, on are yes; N, 0, off are no; a number above 0 is yes, too. */
enum km_tri km_sys_yes(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Is there such a file? */
bool km_sys_there(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
