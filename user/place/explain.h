/* SPDX-License-Identifier: GPL-2.0 */
/* A placement in words: what was decided, and why; text and JSON. */
#ifndef KM_EXPLAIN_H
#define KM_EXPLAIN_H

#include <jansson.h>
#include <stdio.h>
#include "choose.h"
#include "pinmap.h"

/* What the words need besides what the choice needed. */
struct km_explain {
	const struct km_place_in *in;
	const struct km_place *place;
	char vm_name[KM_NAME_MAX];
	pid_t vm_pid;
	char nic[KM_NAME_MAX]; /* "" = none is known */
	char why_no_nic[KM_ERR_MAX];
	char why_no_mem[KM_ERR_MAX];
	/* The guest's threads that were given a place: "vCPU 0", "emulator". */
	const struct km_pin *pins;
	unsigned int npins, vcpus, vcpus_seen;
};

struct km_decision {
	const char *what;
	char choice[KM_CPUS_TEXT + 64];
	char why[512];
};

#define KM_DECISIONS_MAX 16
unsigned int km_explain(const struct km_explain *e, struct km_decision d[KM_DECISIONS_MAX]);

void km_explain_text(FILE *f, const struct km_explain *e);
json_t *km_explain_json(const struct km_explain *e);

json_t *km_explain_cpus(const struct km_cpus *s); /* a list of numbers */

#endif
