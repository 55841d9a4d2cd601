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
