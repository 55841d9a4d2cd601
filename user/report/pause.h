/* SPDX-License-Identifier: GPL-2.0 */
/* The pause of a move in parts. */
#ifndef KM_REPORT_PAUSE_H
#define KM_REPORT_PAUSE_H

#include <jansson.h>
#include <stdio.h>
#include "../model.h"

json_t *km_json_pause(const struct km_pause *p);
/* A line for each part, with a bar where it lies in the whole. */
void km_text_pause(FILE *f, const struct km_pause *p);

/* "38.2 ms; ..." */
#define KM_PAUSE_TEXT (KM_ERR_MAX + 128)
char *km_fmt_pause(char buf[KM_PAUSE_TEXT], const struct km_pause *p);

#endif
