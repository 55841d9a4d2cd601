/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is to be known before a guest moves from one host to another: a pure comparison of
 * their records.  Each finding comes from one rule (rules.h).
 */
#ifndef KM_CHECK_FINDINGS_H
#define KM_CHECK_FINDINGS_H

#include "record.h"

/* By which findings are sorted, and which the exit status is about. */
enum km_severity { KM_BLOCKS, KM_WARNS, KM_INFO };
#define KM_SEVERITIES 3

#define KM_SEEN_TEXT	400
#define KM_FINDINGS_MAX 96

struct km_finding {
	const char *id; /* stable, as cpu-features */
	enum km_severity severity;
	char here[KM_SEEN_TEXT], there[KM_SEEN_TEXT]; /* what was seen; "" = nothing to see */
	const char *why, *todo;			      /* one sentence each */
};

struct km_findings {
	unsigned int n;
	struct km_finding f[KM_FINDINGS_MAX];
};

/* The worst first; in the order of the rules among equals. here: the guest's host. */
void km_check(const struct km_host_record *here, const struct km_host_record *there,
	      const struct km_guest_record *guest, struct km_findings *out);
/* KM_INFO when there is none. */
enum km_severity km_findings_worst(const struct km_findings *f);
const char *km_severity_name(enum km_severity s);

#endif
