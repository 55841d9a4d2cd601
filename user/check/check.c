// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "rules.h"

static const struct km_rule *const tables[] = {
	km_rules_cpu,	  km_rules_kvm,	  km_rules_guest,    km_rules_memory,
	km_rules_network, km_rules_power, km_rules_software,
};

static void apply(const struct km_rule *r, const struct km_pair *p, struct km_findings *out)
{
	struct km_finding f = {
		.id = r->id, .severity = r->severity, .why = r->why, .todo = r->todo
	};
	unsigned int at = out->n;

	if (out->n == KM_FINDINGS_MAX || !r->finds(p, &f))
		return;
	for (; at > 0 && out->f[at - 1].severity > f.severity; at--)
		out->f[at] = out->f[at - 1];
	out->f[at] = f;
	out->n++;
}

void km_check(const struct km_host_record *here, const struct km_host_record *there,
	      const struct km_guest_record *guest, struct km_findings *out)
{
	const struct km_pair p = { here, there, guest };

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct km_rule *r = tables[i]; r->id; r++)
			apply(r, &p, out);
}

enum km_severity km_findings_worst(const struct km_findings *f)
{
	return f->n ? f->f[0].severity : KM_INFO;
}

const char *km_severity_name(enum km_severity s)
{
	static const char *const names[KM_SEVERITIES] = { "blocks", "warns", "info" };

	return names[s];
}

bool km_rule_texts_differ(const char *a, const char *b)
{
	return a[0] && b[0] && strcmp(a, b);
}

bool km_rule_lost(enum km_tri here, enum km_tri there)
{
	return here == KM_YES && there == KM_NO;
}

void km_rule_here(struct km_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->here, sizeof(f->here), fmt, ap);
	va_end(ap);
}

void km_rule_there(struct km_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->there, sizeof(f->there), fmt, ap);
	va_end(ap);
}

bool km_guest_sees(const struct km_guest_record *g, const char *feature)
{
	for (uint32_t i = 0; i < g->nfeatures; i++)
		if (!strcmp(g->feature[i], feature))
			return true;
	return false;
}

bool km_feature_is_topology(const char *feature)
{
	return !strcmp(feature, "ht") || !strcmp(feature, "cmp-legacy");
}

const struct km_rec_qemu *km_qemu_for(const struct km_host_record *h,
				      const struct km_guest_record *g)
{
	for (uint32_t i = 0; i < h->nqemus; i++)
		if (!strcmp(h->qemu[i].path, g->qemu_path))
			return &h->qemu[i];
	return h->nqemus ? &h->qemu[0] : NULL;
}

unsigned int km_feature_of(const struct km_rec_qemu *q, const char *feature)
{
	for (uint32_t i = 0; i < q->nfeatures; i++)
		if (!strcmp(q->feature[i], feature))
			return i;
	return KM_SET_MAX;
}
