/* SPDX-License-Identifier: GPL-2.0 */
/* JSON values out of plain data, which may be foreign bytes. None is ever NULL. */
#ifndef KM_JSONVAL_H
#define KM_JSONVAL_H

#include <jansson.h>
#include <stdint.h>

/* Guests' names and paths are bytes; JSON wants UTF-8. What is not becomes '?'. */
json_t *km_j_text(const char *s);
/* "" means that there is nothing to say. */
json_t *km_j_text_or_null(const char *s);
json_t *km_j_number(uint64_t v);
/* JSON has no nan or inf: null. */
json_t *km_j_real(double v);
void km_j_put(json_t *object, const char *key, json_t *value);

#endif
