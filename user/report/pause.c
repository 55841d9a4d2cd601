// SPDX-License-Identifier: GPL-2.0
#include "pause.h"

#include <math.h>
#include "jsonval.h"
#include "units.h"

#define BAR 32 /* columns */

static const char *side(const struct km_pause_part *part)
{
	return part->destination ? "destination" : "source";
}

json_t *km_json_pause(const struct km_pause *p)
{
	json_t *o, *parts;

	if (!p->nparts)
		return json_null();
	o = json_object();
	parts = json_array();
	for (unsigned int i = 0; i < p->nparts; i++) {
		json_t *part = json_object();

		km_j_put(part, "name", km_j_text(p->part[i].name));
		km_j_put(part, "side", km_j_text(side(&p->part[i])));
		km_j_put(part, "at_ms", km_j_real(p->part[i].at_ms));
		km_j_put(part, "took_ms", km_j_real(p->part[i].took_ms));
		json_array_append_new(parts, part);
	}
	km_j_put(o, "total_ms", km_j_real(p->total_ms));
	km_j_put(o, "parts", parts);
	km_j_put(o, "clock_offset_ns", p->joined ? json_integer(p->clock_offset_ns) : json_null());
	km_j_put(o, "clock_error_ms", p->joined ? km_j_real(p->clock_error_ms) : json_null());
	km_j_put(o, "destination_unknown_because", km_j_text_or_null(p->why_not));
	return o;
}

char *km_fmt_pause(char buf[KM_PAUSE_TEXT], const struct km_pause *p)
{
	char total[KM_UNIT_MAX], error[KM_UNIT_MAX];

	km_fmt_ms(total, p->total_ms);
	if (p->joined)
		snprintf(buf, KM_PAUSE_TEXT, "%s, both ends by one clock, to within %s", total,
			 km_fmt_ms(error, p->clock_error_ms));
	else
		snprintf(buf, KM_PAUSE_TEXT, "%s; the destination's parts of it are unknown: %s",
			 total, p->why_not);
	return buf;
}

static int column(double at_ms, double total_ms)
{
	double at = total_ms > 0 ? at_ms / total_ms * BAR : 0;

	return at > 0 ? (int)lround(fmin(at, BAR)) : 0;
}

void km_text_pause(FILE *f, const struct km_pause *p)
{
	char took[KM_UNIT_MAX];

	for (unsigned int i = 0; i < p->nparts; i++) {
		const struct km_pause_part *part = &p->part[i];
		int from = column(part->at_ms, p->total_ms);
		int to = column(part->at_ms + part->took_ms, p->total_ms);

		fprintf(f, "    %-12s %8s  %-11s |%*s%.*s%*s|\n", part->name,
			km_fmt_ms(took, part->took_ms), side(part), from, "", to - from,
			"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@", BAR - to, "");
	}
}
