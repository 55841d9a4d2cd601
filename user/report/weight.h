/* SPDX-License-Identifier: GPL-2.0 */
/* Renderers of what a move did to the VMM's share of the CPUs. */
#ifndef KM_REPORT_WEIGHT_H
#define KM_REPORT_WEIGHT_H

#include <jansson.h>
#include "../model.h"

#define KM_WEIGHT_TEXT 768
json_t *km_json_weight(const struct km_weight_facts *w);
/* wanted is not 0. */
char *km_fmt_weight(char buf[KM_WEIGHT_TEXT], const struct km_weight_facts *w);

#define KM_THROTTLE_TEXT 768
json_t *km_json_throttle(const struct km_throttle_facts *t);
/* wanted is true. */
char *km_fmt_throttle(char buf[KM_THROTTLE_TEXT], const struct km_throttle_facts *t);

#endif
