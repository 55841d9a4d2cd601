// SPDX-License-Identifier: GPL-2.0
#include "impact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "jsonval.h"
#include "units.h"

#define VCPUS_TOLD  8
#define CAUSES_TOLD 4

double km_causes_ms(const double ms[KM_STALLS])
{
	double sum = 0;

	for (unsigned int c = 0; c < KM_STALLS; c++)
		sum += ms[c];
	return sum;
}

json_t *km_json_causes(const double ms[KM_STALLS])
{
	json_t *o = json_object();

	for (unsigned int c = 0; c < KM_STALLS; c++)
		if (ms[c] > 0)
			km_j_put(o, km_stall_name(c), km_j_real(ms[c]));
	return o;
}

static json_t *json_phase(const struct km_impact_vcpu *v, unsigned int phase)
{
	json_t *o = json_object();

	km_j_put(o, "phase", km_j_text(km_phase_name(phase)));
	km_j_put(o, "stalled_ms", km_j_real(km_causes_ms(v->ms[phase])));
	km_j_put(o, "by_cause_ms", km_json_causes(v->ms[phase]));
	return o;
}

json_t *km_json_impact(const struct km_impact *i)
{
	json_t *o, *vcpus;

	if (!i->wanted)
		return json_null();
	o = json_object();
	vcpus = json_array();
	km_j_put(o, "on", json_boolean(i->on));
	km_j_put(o, "why_not", km_j_text_or_null(i->why_not));
	for (unsigned int n = 0; n < i->vcpus; n++) {
		json_t *v = json_object(), *phases = json_array();

		for (unsigned int p = 0; p < KM_IMPACT_PHASES; p++)
			json_array_append_new(phases, json_phase(&i->vcpu[n], p));
		km_j_put(v, "vcpu", km_j_number(i->vcpu[n].vcpu));
		km_j_put(v, "phases", phases);
		km_j_put(v, "halted_ms", km_j_real(i->vcpu[n].halted_ms));
		km_j_put(v, "unexplained_ms", km_j_real(i->vcpu[n].unexplained_ms));
		json_array_append_new(vcpus, v);
	}
	km_j_put(o, "vcpus", vcpus);
	km_j_put(o, "lost", km_j_number(i->lost));
	return o;
}

void km_text_causes(FILE *f, const double ms[KM_STALLS])
{
	bool told[KM_STALLS] = { false };
	char buf[KM_UNIT_MAX];

	for (unsigned int n = 0; n < CAUSES_TOLD; n++) {
		unsigned int most = KM_STALLS;

		for (unsigned int c = 0; c < KM_STALLS; c++)
			if (!told[c] && ms[c] > 0 && (most == KM_STALLS || ms[c] > ms[most]))
				most = c;
		if (most == KM_STALLS)
			break;
		told[most] = true;
		fprintf(f, "%s%s %s", n ? ", " : "", km_stall_name(most), km_fmt_ms(buf, ms[most]));
	}
}

struct ranked {
	const struct km_impact_vcpu *v;
	double ms;
};

static int most_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->ms < y->ms) - (x->ms > y->ms);
}

static void put_phase(FILE *f, const struct km_impact *i, unsigned int phase)
{
	struct ranked rank[KM_IMPACT_VCPUS];
	char buf[KM_UNIT_MAX];

	for (unsigned int n = 0; n < i->vcpus; n++)
		rank[n] = (struct ranked){ &i->vcpu[n], km_causes_ms(i->vcpu[n].ms[phase]) };
	if (i->vcpus > VCPUS_TOLD)
		qsort(rank, i->vcpus, sizeof(*rank), most_first);
	for (unsigned int n = 0; n < i->vcpus && n < VCPUS_TOLD; n++) {
		fprintf(f, "    %-12s vcpu%-4u %10s  ", n ? "" : km_phase_name(phase),
			rank[n].v->vcpu, km_fmt_ms(buf, rank[n].ms));
		km_text_causes(f, rank[n].v->ms[phase]);
		fputc('\n', f);
	}
}

void km_text_impact(FILE *f, const struct km_impact *i)
{
	double unexplained = 0;
	char buf[KM_UNIT_MAX];

	fprintf(f, "  %-11s what kept vCPUs from running, until the guest ran there%s\n", "impact",
		i->vcpus > VCPUS_TOLD ? "; the worst of them (--json has all)" : "");
	for (unsigned int p = 0; p < KM_IMPACT_PHASES; p++)
		put_phase(f, i, p);
	for (unsigned int n = 0; n < i->vcpus; n++)
		unexplained += fmax(i->vcpu[n].unexplained_ms, 0);
	fprintf(f, "    %-12s %-8s %10s\n", "unexplained", "",
		i->vcpus ? km_fmt_ms(buf, unexplained) : "all");
	if (i->lost)
		fprintf(f, "    %llu pieces were lost: more vCPUs than there was room for\n",
			(unsigned long long)i->lost);
}
