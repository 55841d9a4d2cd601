/* SPDX-License-Identifier: GPL-2.0 */
/* Renderers of holds. */
#ifndef KM_REPORT_HOLD_H
#define KM_REPORT_HOLD_H

#include <jansson.h>
#include <stdio.h>
#include "../hold.h"

/* Of one end of a move. */
json_t *km_json_held(const struct km_held *h);
#define KM_HELD_TEXT 512
char *km_fmt_held(char buf[KM_HELD_TEXT], const struct km_held *h);

json_t *km_json_holds(const struct km_holds *h);
void km_text_holds(FILE *f, const struct km_holds *h);

/* The words of enum kmigrate_shortfall: "no-cpufreq", ... */
json_t *km_json_shortfall(uint32_t shortfall);
#define KM_SHORTFALL_TEXT 256
/* In a sentence's words, "" if nothing is lacking. */
char *km_fmt_shortfall(char buf[KM_SHORTFALL_TEXT], uint32_t shortfall);

#endif
