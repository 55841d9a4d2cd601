/* SPDX-License-Identifier: GPL-2.0 */
/* What is known of a host, for people. */
#ifndef KM_REPORT_HOST_H
#define KM_REPORT_HOST_H

#include <stdio.h>
#include "../check/record.h"

void km_text_host(FILE *f, const struct km_host_record *h);

#endif
