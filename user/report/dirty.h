/* SPDX-License-Identifier: GPL-2.0 */
/* Renderers of struct km_dirty: a page for one guest, a table for many. */
#ifndef KM_REPORT_DIRTY_H
#define KM_REPORT_DIRTY_H

#include <jansson.h>
#include <stdio.h>
#include "../model.h"

json_t *km_json_dirty(const struct km_dirty *d);
void km_text_dirty(FILE *f, const struct km_dirty *d);

/* One guest of `kmigrate top`; why: what keeps it from being measured, "" = nothing. */
struct km_top_row {
	struct km_dirty d;
	char why[KM_ERR_MAX];
};
json_t *km_json_top(const struct km_top_row *rows, size_t n);
/* In the order given. columns: the terminal's, 0 = as wide as it gets. */
void km_text_top(FILE *f, const struct km_top_row *rows, size_t n, unsigned int columns);

#endif
