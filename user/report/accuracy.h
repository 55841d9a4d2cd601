/* SPDX-License-Identifier: GPL-2.0 */
/* How true predictions were, for people and for programs. */
#ifndef KM_REPORT_ACCURACY_H
#define KM_REPORT_ACCURACY_H

#include <jansson.h>
#include <stdio.h>
#include "../plan/accuracy.h"

/* others: JSON that was no report with a prediction; bad_files: of which not all was read. */
json_t *km_json_accuracy(const struct km_accuracy *a, unsigned int others, unsigned int bad_files);
void km_text_accuracy(FILE *f, const struct km_accuracy *a, unsigned int others,
		      unsigned int bad_files);

#endif
