/* SPDX-License-Identifier: GPL-2.0 */
/* What became of a guest's disks (disk/disk.h), in words and as JSON. */
#ifndef KM_REPORT_DISKS_H
#define KM_REPORT_DISKS_H

#include <jansson.h>
#include <stdio.h>
#include "../model.h"

json_t *km_json_disks(const struct km_disks_facts *d); /* null: it has none */
void km_text_disks(FILE *f, const struct km_disks_facts *d);
/* "disks 34 %, 1.20 GiB of 3.40 GiB" */
#define KM_COPYING_TEXT 96
char *km_fmt_copying(char buf[KM_COPYING_TEXT], const struct km_disks_facts *d);

#endif
