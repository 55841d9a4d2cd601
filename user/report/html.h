/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A move as one page: what is in it needs no network and no script, so it can be sent
 * along, kept, and printed.
 */
#ifndef KM_HTML_H
#define KM_HTML_H

#include <stdio.h>
#include "../model.h"
#include "series.h"

void km_html_run(FILE *f, const struct km_run *r, const struct km_series *series);

#endif
