/* SPDX-License-Identifier: GPL-2.0 */
/* The rules, a table for each part of the records. A new rule is a line and a function. */
#ifndef KM_CHECK_RULES_H
#define KM_CHECK_RULES_H

#include "findings.h"

struct km_pair {
	const struct km_host_record *here, *there;
	const struct km_guest_record *guest;
};

struct km_rule {
	const char *id;
	enum km_severity severity;
	/* Is there something to find? Fills f->here and f->there; f->severity, which is the
	 * rule's, may be changed. */
	bool (*finds)(const struct km_pair *p, struct km_finding *f);
	const char *why, *todo;
};

/* Each ends with an id of NULL. */
extern const struct km_rule km_rules_cpu[], km_rules_kvm[], km_rules_memory[], km_rules_guest[],
	km_rules_network[], km_rules_power[], km_rules_software[];

/* Helpers of rules. */
/* Both known, and different. */
bool km_rule_texts_differ(const char *a, const char *b);
/* The first is a yes and the second a no. */
bool km_rule_lost(enum km_tri here, enum km_tri there);
void __attribute__((format(printf, 2, 3))) km_rule_here(struct km_finding *f, const char *fmt, ...);
void __attribute__((format(printf, 2, 3)))
km_rule_there(struct km_finding *f, const char *fmt, ...);
/* Does the guest see this feature? */
bool km_guest_sees(const struct km_guest_record *g, const char *feature);
/* One that QEMU sets by the guest's own sockets, cores and threads (target/i386/cpu.c,
 * cpu_x86_cpuid, and from 10.0 on x86_cpu_expand_features), whatever the host has. */
bool km_feature_is_topology(const char *feature);
/* The QEMU of h that would run the guest: the one of the same path, else the first; NULL when
 * the record has none. */
const struct km_rec_qemu *km_qemu_for(const struct km_host_record *h,
				      const struct km_guest_record *g);
/* Its number in the QEMU's list, KM_SET_MAX when it isn't there. */
unsigned int km_feature_of(const struct km_rec_qemu *q, const char *feature);

#endif
