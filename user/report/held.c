// SPDX-License-Identifier: GPL-2.0
/* What was held at one end of a move. */
#include <string.h>
#include "hold.h"
#include "jsonval.h"

json_t *km_json_held(const struct km_held *h)
{
	json_t *o;

	if (!h->wanted)
		return json_null();
	o = json_object();
	km_j_put(o, "on", json_boolean(h->on));
	km_j_put(o, "why_not", km_j_text_or_null(h->why_not));
	km_j_put(o, "cpus", km_j_text_or_null(h->cpus));
	km_j_put(o, "floor_khz",
		 h->floor_khz == KM_FLOOR_TOP ? json_null() : km_j_number(h->floor_khz));
	km_j_put(o, "latency_us", km_j_number(h->latency_us));
	km_j_put(o, "shortfall", km_json_shortfall(h->shortfall));
	km_j_put(o, "policies", km_j_number(h->policies));
	km_j_put(o, "governor_before", km_j_text_or_null(h->governor_before));
	km_j_put(o, "min_khz_before", km_j_number(h->min_khz_before));
	km_j_put(o, "max_khz_before", km_j_number(h->max_khz_before));
	km_j_put(o, "reached_khz", h->reached_khz ? km_j_number(h->reached_khz) : json_null());
	km_j_put(o, "fought", km_j_number(h->fought));
	km_j_put(o, "throttled", km_j_number(h->throttled));
	return o;
}

static size_t put_policies(char *buf, size_t size, const struct km_held *h)
{
	size_t n = (size_t)snprintf(buf, size, ", was %s, %.2f to %.2f GHz", h->governor_before,
				    h->min_khz_before / 1e6, h->max_khz_before / 1e6);

	if (h->reached_khz && n < size)
		n += (size_t)snprintf(buf + n, size - n, "; the slowest ran at %.2f GHz",
				      h->reached_khz / 1e6);
	return n;
}

char *km_fmt_held(char buf[KM_HELD_TEXT], const struct km_held *h)
{
	char lack[KM_SHORTFALL_TEXT];
	size_t n;

	if (!h->on) {
		snprintf(buf, KM_HELD_TEXT, "no CPUs: %.400s", h->why_not);
		return buf;
	}
	n = (size_t)snprintf(buf, KM_HELD_TEXT, "CPUs %.100s, awake within %u us", h->cpus,
			     h->latency_us);
	if (h->policies)
		n += put_policies(buf + n, KM_HELD_TEXT - n, h);
	if (h->fought && n < KM_HELD_TEXT)
		n += (size_t)snprintf(buf + n, KM_HELD_TEXT - n, "; put right %u times", h->fought);
	if (h->throttled && n < KM_HELD_TEXT)
		n += (size_t)snprintf(buf + n, KM_HELD_TEXT - n, "; THROTTLED %llu times",
				      (unsigned long long)h->throttled);
	if (h->shortfall && n < KM_HELD_TEXT)
		snprintf(buf + n, KM_HELD_TEXT - n, "; but %s",
			 km_fmt_shortfall(lack, h->shortfall));
	return buf;
}
