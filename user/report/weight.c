// SPDX-License-Identifier: GPL-2.0
#include "weight.h"

#include <stdio.h>
#include "jsonval.h"

json_t *km_json_weight(const struct km_weight_facts *w)
{
	json_t *o;

	if (!w->wanted)
		return json_null();
	o = json_object();
	km_j_put(o, "on", json_boolean(w->on));
	km_j_put(o, "why_not", km_j_text_or_null(w->why_not));
	km_j_put(o, "wanted", km_j_number(w->wanted));
	km_j_put(o, "group", km_j_text_or_null(w->group));
	km_j_put(o, "before", w->before ? km_j_number(w->before) : json_null());
	km_j_put(o, "changed_to", w->changed_to ? km_j_number(w->changed_to) : json_null());
	km_j_put(o, "not_put_back", km_j_text_or_null(w->not_back));
	return o;
}

char *km_fmt_weight(char buf[KM_WEIGHT_TEXT], const struct km_weight_facts *w)
{
	size_t n;

	if (!w->on) {
		snprintf(buf, KM_WEIGHT_TEXT, "not available here: %.500s", w->why_not);
		return buf;
	}
	n = (size_t)snprintf(buf, KM_WEIGHT_TEXT, "cpu.weight %u instead of %u for %.400s; ",
			     w->wanted, w->before, w->group);
	if (w->changed_to)
		snprintf(buf + n, KM_WEIGHT_TEXT - n,
			 "somebody has set it to %u meanwhile, which is left", w->changed_to);
	else if (w->not_back[0])
		snprintf(buf + n, KM_WEIGHT_TEXT - n, "NOT put back: %s", w->not_back);
	else
		snprintf(buf + n, KM_WEIGHT_TEXT - n, "put back");
	return buf;
}

json_t *km_json_throttle(const struct km_throttle_facts *t)
{
	json_t *o, *most;

	if (!t->wanted)
		return json_null();
	o = json_object();
	most = json_array();
	for (unsigned int i = 0; i < t->vcpus; i++)
		json_array_append_new(most, km_j_number(t->most[i]));
	km_j_put(o, "why_not", km_j_text_or_null(t->why_not));
	km_j_put(o, "most_percent_by_vcpu", most);
	km_j_put(o, "changed_by_others", km_j_number(t->changed));
	km_j_put(o, "not_put_back", km_j_text_or_null(t->not_back));
	return o;
}

/* "vcpu3 by up to 85 %, vcpu7 by up to 12 %" */
static size_t put_slowed(char *buf, size_t size, const struct km_throttle_facts *t)
{
	size_t n = 0;

	for (unsigned int i = 0; i < t->vcpus; i++) {
		if (!t->most[i])
			continue;
		if (n + 64 > size)
			return n + (size_t)snprintf(buf + n, size - n, " ...");
		n += (size_t)snprintf(buf + n, size - n, "%svcpu%u slowed by up to %u %%",
				      n ? ", " : "", i, t->most[i]);
	}
	return n;
}

char *km_fmt_throttle(char buf[KM_THROTTLE_TEXT], const struct km_throttle_facts *t)
{
	size_t n = put_slowed(buf, KM_THROTTLE_TEXT / 3, t);

	if (!n && !t->why_not[0])
		snprintf(buf, KM_THROTTLE_TEXT, "no vCPU was slowed");
	else if (!n)
		snprintf(buf, KM_THROTTLE_TEXT, "not available here: %.500s", t->why_not);
	else if (t->not_back[0])
		snprintf(buf + n, KM_THROTTLE_TEXT - n, "; NOT put back: %.400s", t->not_back);
	else if (t->changed)
		snprintf(buf + n, KM_THROTTLE_TEXT - n,
			 "; put back, but for %u that somebody else has changed", t->changed);
	else
		snprintf(buf + n, KM_THROTTLE_TEXT - n, "; put back%s%.400s",
			 t->why_not[0] ? " early: " : "", t->why_not);
	return buf;
}
