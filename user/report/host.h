/* SPDX-License-Identifier: GPL-2.0 */
/* What is known of a host, and what a comparison found, for people and as JSON. */
#ifndef KM_REPORT_HOST_H
#define KM_REPORT_HOST_H

#include <jansson.h>
#include <stdio.h>
#include "../check/baseline.h"
#include "../check/findings.h"

void km_text_host(FILE *f, const struct km_host_record *h);

/* Between which hosts, and for which guest. */
struct km_check_report {
	const struct km_guest_record *guest;
	const struct km_host_record *here, *there;
	const struct km_findings *findings;
};
void km_text_check(FILE *f, const struct km_check_report *r);
json_t *km_json_check(const struct km_check_report *r);

void km_text_baseline(FILE *f, const struct km_baseline *b);
json_t *km_json_baseline(const struct km_baseline *b);

#endif
