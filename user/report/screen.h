/* SPDX-License-Identifier: GPL-2.0 */
/* Text that is shown again and again in the same place of a terminal. */
#ifndef KM_REPORT_SCREEN_H
#define KM_REPORT_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

/* Whether standard output is a terminal, which is cleared then. */
bool km_screen_begin(void);

/* Columns of the terminal, 0 if that isn't known. */
unsigned int km_screen_columns(void);

/* In place of what was there; lines that don't fit are left out. */
void km_screen_show(const char *text);

#endif
