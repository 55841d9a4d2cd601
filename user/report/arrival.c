// SPDX-License-Identifier: GPL-2.0
#include "arrival.h"

#include <stdlib.h>
#include "impact.h"
#include "jsonval.h"
#include "units.h"

#define VCPUS_TOLD 8

/* Since the pause began; false: it isn't known. */
static bool entered_ms(const struct km_arrival *a, const struct km_arrival_vcpu *v, double *ms)
{
	if (!a->pause_ns || v->entered_ns < a->pause_ns)
		return false;
	*ms = (double)(v->entered_ns - a->pause_ns) / 1e6;
	return true;
}

static double stay_ms(const struct km_arrival_vcpu *v)
{
	return (double)(v->exited_ns - v->entered_ns) / 1e6;
}

static json_t *json_vcpu(const struct km_arrival *a, const struct km_arrival_vcpu *v)
{
	json_t *o = json_object();
	double ms;

	km_j_put(o, "vcpu", km_j_number(v->vcpu));
	km_j_put(o, "entered_at_ms", entered_ms(a, v, &ms) ? km_j_real(ms) : json_null());
	km_j_put(o, "was_idle", json_boolean(v->idle));
	km_j_put(o, "first_stay_ms", v->exited_ns ? km_j_real(stay_ms(v)) : json_null());
	km_j_put(o, "first_exit", km_j_text_or_null(v->exit));
	km_j_put(o, "stalled_ms", km_j_real(km_causes_ms(v->ms)));
	km_j_put(o, "by_cause_ms", km_json_causes(v->ms));
	km_j_put(o, "unexplained_ms", km_j_real(v->unexplained_ms));
	return o;
}

json_t *km_json_arrival(const struct km_arrival *a)
{
	json_t *o, *vcpus;

	if (!a->wanted)
		return json_null();
	o = json_object();
	vcpus = json_array();
	km_j_put(o, "on", json_boolean(a->on));
	km_j_put(o, "why_not", km_j_text_or_null(a->why_not));
	km_j_put(o, "watched_ms", km_j_real(a->watched_ms));
	for (unsigned int i = 0; i < a->vcpus; i++)
		json_array_append_new(vcpus, json_vcpu(a, &a->vcpu[i]));
	km_j_put(o, "vcpus", vcpus);
	km_j_put(o, "lost", km_j_number(a->lost));
	return o;
}

/* "in at 63.2 ms, out 120 us later (npf); kept for 12.3 ms: vmm-running 8.1 ms" */
static void put_vcpu(FILE *f, const struct km_arrival *a, const struct km_arrival_vcpu *v)
{
	char buf[KM_UNIT_MAX];
	double ms;

	fprintf(f, "    vcpu%-8u ", v->vcpu);
	if (!v->entered_ns) {
		fputs("did not enter the guest\n", f);
		return;
	}
	fputs(v->idle ? "idle, then in" : "in", f);
	if (entered_ms(a, v, &ms))
		fprintf(f, " at %s", km_fmt_ms(buf, ms));
	if (v->exited_ns)
		fprintf(f, ", out %s later (%s)", km_fmt_ms(buf, stay_ms(v)), v->exit);
	fprintf(f, "; kept for %s", km_fmt_ms(buf, km_causes_ms(v->ms)));
	if (km_causes_ms(v->ms) > 0)
		fputs(": ", f);
	km_text_causes(f, v->ms);
	fputc('\n', f);
}

static int most_first(const void *a, const void *b)
{
	double x = km_causes_ms((*(const struct km_arrival_vcpu *const *)a)->ms);
	double y = km_causes_ms((*(const struct km_arrival_vcpu *const *)b)->ms);

	return (x < y) - (x > y);
}

void km_text_arrival(FILE *f, const struct km_arrival *a)
{
	const struct km_arrival_vcpu *rank[KM_IMPACT_VCPUS];
	char buf[KM_UNIT_MAX];

	fprintf(f, "  %-11s what kept them in the first %s there%s\n", "arrival",
		km_fmt_ms(buf, a->watched_ms),
		a->vcpus > VCPUS_TOLD ? "; the worst of them (--json has all)" : "");
	for (unsigned int i = 0; i < a->vcpus; i++)
		rank[i] = &a->vcpu[i];
	if (a->vcpus > VCPUS_TOLD)
		qsort(rank, a->vcpus, sizeof(rank[0]), most_first);
	for (unsigned int i = 0; i < a->vcpus && i < VCPUS_TOLD; i++)
		put_vcpu(f, a, rank[i]);
}
