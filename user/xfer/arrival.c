// SPDX-License-Identifier: GPL-2.0
#include "arrival.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A time that sums and differences of do not overflow. */
#define TIME_MAX (INT64_MAX / 2)
#define MS_MAX	 1e12

static json_t *json_vcpu(const struct km_arrival_vcpu *v)
{
	json_t *by_cause = json_object();

	for (unsigned int c = 0; c < KM_STALLS; c++)
		if (v->ms[c] > 0)
			json_object_set_new(by_cause, km_stall_name(c), json_real(v->ms[c]));
	return json_pack("{s:i,s:I,s:I,s:s,s:b,s:o,s:f}", "vcpu", (int)v->vcpu, "entered_ns",
			 (json_int_t)v->entered_ns, "exited_ns", (json_int_t)v->exited_ns, "exit",
			 v->exit, "idle", v->idle, "by_cause_ms", by_cause, "unexplained_ms",
			 v->unexplained_ms);
}

json_t *km_arrival_json(const struct km_arrival *a)
{
	json_t *vcpus = json_array();

	for (unsigned int i = 0; i < a->vcpus; i++)
		json_array_append_new(vcpus, json_vcpu(&a->vcpu[i]));
	return json_pack("{s:s?,s:f,s:I,s:o}", "why_not", a->on ? NULL : a->why_not, "watched_ms",
			 a->watched_ms, "lost", (json_int_t)a->lost, "vcpus", vcpus);
}

static int take_ms(const json_t *j, double least, double *ms)
{
	*ms = json_number_value(j);
	return (!j || json_is_number(j)) && *ms >= least && *ms <= MS_MAX ? 0 : -EPROTO;
}

static int take_ns(const json_t *j, uint64_t *ns)
{
	json_int_t v = json_integer_value(j);

	*ns = v > 0 ? (uint64_t)v : 0;
	return json_is_integer(j) && v >= 0 && v <= TIME_MAX ? 0 : -EPROTO;
}

static int take_causes(const json_t *by_cause, struct km_arrival_vcpu *v)
{
	const char *name;
	json_t *value;
	double ms;

	json_object_foreach((json_t *)by_cause, name, value) {
		unsigned int c = 0;

		if (take_ms(value, 0, &ms))
			return -EPROTO;
		while (c < KM_STALLS && strcmp(name, km_stall_name(c)))
			c++;
		if (c < KM_STALLS)
			v->ms[c] = ms;
		else
			v->unexplained_ms += ms;
	}
	return 0;
}

static int take_vcpu(const json_t *j, struct km_arrival_vcpu *v)
{
	const char *name = json_string_value(json_object_get(j, "exit"));
	const json_t *number = json_object_get(j, "vcpu");
	json_int_t nr = json_integer_value(number);
	int rc = json_is_integer(number) && nr >= 0 && nr <= INT32_MAX ? 0 : -EPROTO;

	memset(v, 0, sizeof(*v));
	v->vcpu = (unsigned int)nr;
	if (!rc)
		rc = take_ns(json_object_get(j, "entered_ns"), &v->entered_ns);
	if (!rc)
		rc = take_ns(json_object_get(j, "exited_ns"), &v->exited_ns);
	/* It has left what it has entered. */
	if (!rc && v->exited_ns && (!v->entered_ns || v->exited_ns < v->entered_ns))
		rc = -EPROTO;
	if (!rc)
		rc = take_ms(json_object_get(j, "unexplained_ms"), -MS_MAX, &v->unexplained_ms);
	if (!rc)
		rc = take_causes(json_object_get(j, "by_cause_ms"), v);
	v->idle = json_is_true(json_object_get(j, "idle"));
	/* It goes to terminals. */
	for (size_t i = 0; name && name[i] && i < sizeof(v->exit) - 1; i++)
		v->exit[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
	return rc;
}

int km_arrival_parse(const json_t *j, struct km_arrival *a, struct km_err *err)
{
	const json_t *vcpus = json_object_get(j, "vcpus"), *why = json_object_get(j, "why_not");
	size_t n = json_array_size(vcpus);
	struct km_err clean;
	int rc = json_is_array(vcpus) && n <= KM_IMPACT_VCPUS ? 0 : -EPROTO;

	a->on = !json_is_string(why);
	a->vcpus = 0;
	if (!a->on)
		km_err_set(&clean, 0, "%.400s", json_string_value(why));
	snprintf(a->why_not, sizeof(a->why_not), "%s", a->on ? "" : clean.text);
	if (!rc)
		rc = take_ns(json_object_get(j, "lost"), &a->lost);
	if (!rc)
		rc = take_ms(json_object_get(j, "watched_ms"), 0, &a->watched_ms);
	for (size_t i = 0; !rc && i < n; i++) {
		rc = take_vcpu(json_array_get(vcpus, i), &a->vcpu[i]);
		a->vcpus += !rc;
	}
	return rc ? km_err_set(err, rc, "what it has seen of the guest's arrival can't be read") :
		    0;
}

uint64_t km_arrival_entered_ns(const struct km_arrival *a)
{
	const struct km_arrival_vcpu *first = NULL;

	for (unsigned int i = 0; i < a->vcpus; i++)
		if (a->vcpu[i].entered_ns && (!first || a->vcpu[i].entered_ns < first->entered_ns))
			first = &a->vcpu[i];
	return first && !first->idle ? first->entered_ns : 0;
}
