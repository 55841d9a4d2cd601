/* SPDX-License-Identifier: GPL-2.0 */
/* Where threads ran at one end of a move, in words. */
#ifndef KM_REPORT_PLACED_H
#define KM_REPORT_PLACED_H

#include <jansson.h>
#include "../model.h"

json_t *km_json_placed(const struct km_placed *p);
#define KM_PLACED_TEXT 1024
char *km_fmt_placed(char buf[KM_PLACED_TEXT], const struct km_placed *p);

/* The guest's own threads (--pin). */
json_t *km_json_pinned(const struct km_pinned *p);
#define KM_PINNED_TEXT 1024
char *km_fmt_pinned(char buf[KM_PINNED_TEXT], const struct km_pinned *p);

#endif
