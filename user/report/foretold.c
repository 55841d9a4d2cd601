// SPDX-License-Identifier: GPL-2.0
#include "foretold.h"

#include "../plan/predict.h"
#include "jsonval.h"

/* The part of the CPUs from which on they are short. */
#define BUSY 0.9

char *km_fmt_figure(char buf[KM_UNIT_MAX], enum km_figure figure, double v)
{
	return figure == KM_FIGURE_WIRE_BYTES ? km_fmt_bytes(buf, v) : km_fmt_ms(buf, v);
}

const char *km_figure_label(enum km_figure figure)
{
	static const char *const labels[KM_FIGURES] = {
		[KM_FIGURE_TOTAL_MS] = "total time",
		[KM_FIGURE_PAUSE_MS] = "pause",
		[KM_FIGURE_WIRE_BYTES] = "on the wire",
		[KM_FIGURE_SOURCE_CPU_MS] = "CPU here",
		[KM_FIGURE_DESTINATION_CPU_MS] = "CPU there",
	};

	return labels[figure];
}

static json_t *range(const struct km_interval *r)
{
	json_t *o = json_object();

	km_j_put(o, "low", km_j_real(r->low));
	km_j_put(o, "likely", km_j_real(r->likely));
	km_j_put(o, "high", km_j_real(r->high));
	return o;
}

json_t *km_json_foretold(const struct km_foretold *f)
{
	json_t *o = json_object();

	km_j_put(o, "can_be_moved", json_boolean(f->can_be_moved));
	km_j_put(o, "rehearsals", km_j_number(f->rehearsals));
	km_j_put(o, "moved", km_j_number(f->moved));
	for (unsigned int i = 0; i < KM_FIGURES; i++)
		km_j_put(o, km_figure_name(i), f->can_be_moved ? range(&f->range[i]) : json_null());
	km_j_put(o, "cpus_busy", km_j_real(f->cpus_busy));
	km_j_put(o, "needed_bytes_per_s",
		 f->needed_bytes_per_s > 0 ? km_j_real(f->needed_bytes_per_s) : json_null());
	return o;
}

json_t *km_json_prediction(const struct km_foretold *f)
{
	json_t *o, *goal;

	if (!f->wanted)
		return json_null();
	o = km_json_foretold(f);
	goal = json_object();
	km_j_put(goal, "max_pause_ms", km_j_number(f->max_pause_ms));
	km_j_put(goal, "deadline_ms", f->deadline_ms ? km_j_number(f->deadline_ms) : json_null());
	km_j_put(o, "goal", goal);
	km_j_put(o, "link_bytes_per_s", km_j_real(f->link_bytes_per_s));
	km_j_put(o, "link_by", km_j_text(f->link_by));
	km_j_put(o, "age_s", km_j_number(f->age_s));
	return o;
}

void km_text_foretold(FILE *f, const struct km_foretold *is)
{
	const struct km_interval *total = &is->range[KM_FIGURE_TOTAL_MS],
				 *pause = &is->range[KM_FIGURE_PAUSE_MS],
				 *wire = &is->range[KM_FIGURE_WIRE_BYTES],
				 *here = &is->range[KM_FIGURE_SOURCE_CPU_MS],
				 *there = &is->range[KM_FIGURE_DESTINATION_CPU_MS];
	char likely[KM_UNIT_MAX], low[KM_UNIT_MAX], high[KM_UNIT_MAX];

	fprintf(f, "link         %s/s, %s; %u streams\n",
		km_fmt_bytes(likely, is->link_bytes_per_s), is->link_by, is->streams);
	if (!is->can_be_moved)
		return;
	fprintf(f, "time         %.1f s (%.1f to %.1f)\n", total->likely / 1e3, total->low / 1e3,
		total->high / 1e3);
	fprintf(f, "pause        %.0f ms (%.0f to %.0f)\n", pause->likely, pause->low, pause->high);
	fprintf(f, "over the link %s (%s to %s)\n", km_fmt_bytes(likely, wire->likely),
		km_fmt_bytes(low, wire->low), km_fmt_bytes(high, wire->high));
	fprintf(f, "CPU time     %.1f s here (%.1f to %.1f), %.1f s there (%.1f to %.1f)\n",
		here->likely / 1e3, here->low / 1e3, here->high / 1e3, there->likely / 1e3,
		there->low / 1e3, there->high / 1e3);
}

/* What it would take: a faster link, or what else stands in the way. */
static void text_needs(FILE *f, const struct km_foretold *is)
{
	char rate[KM_UNIT_MAX];

	if (is->needed_bytes_per_s > 0)
		fprintf(f, "a link of %s/s would do", km_fmt_bytes(rate, is->needed_bytes_per_s));
	else if (is->cpus_busy > BUSY)
		fprintf(f, "no link would do, as %.1f free CPUs are too few", is->cpus);
	else
		fprintf(f, "no link would do");
}

void km_text_goal(FILE *f, const struct km_foretold *is)
{
	double pause_ms = is->range[KM_FIGURE_PAUSE_MS].likely;

	if (is->can_be_moved && pause_ms <= is->max_pause_ms * KM_PREDICT_AS_GOOD_AS) {
		fprintf(f, "goal         a pause of %u ms: can be met%s\n", is->max_pause_ms,
			is->moved < is->rehearsals ? ", but not by much" : "");
		return;
	}
	if (is->can_be_moved) {
		fprintf(f, "goal         a pause of %u ms: probably more; ", is->max_pause_ms);
		text_needs(f, is);
		fputc('\n', f);
		return;
	}
	fprintf(f, "goal         can't be met%s: ", is->deadline_ms ? " within the deadline" : "");
	text_needs(f, is);
	fprintf(f, "%s\n",
		is->needed_bytes_per_s > 0 ? ", or --on-stall throttle" :
					     ", but --on-stall throttle may");
}

/* 0: it is not known, or there was none, as of the pause of a guest that stood still. */
static void compare(FILE *f, const struct km_foretold *is, enum km_figure figure, double was)
{
	const struct km_interval *r = &is->range[figure];
	char low[KM_UNIT_MAX], likely[KM_UNIT_MAX], high[KM_UNIT_MAX], is_now[KM_UNIT_MAX];
	const char *where = was < r->low ? "below" : was > r->high ? "above" : "inside";

	if (!(was > 0))
		return;
	fprintf(f, "    %-11s %10s %10s %10s %10s  %s\n", km_figure_label(figure),
		km_fmt_figure(low, figure, r->low), km_fmt_figure(likely, figure, r->likely),
		km_fmt_figure(high, figure, r->high), km_fmt_figure(is_now, figure, was), where);
}

void km_text_compared(FILE *f, const struct km_run *r)
{
	const struct km_foretold *is = &r->foretold;
	char link[KM_UNIT_MAX], age[KM_UNIT_MAX];

	if (!is->wanted)
		return;
	fprintf(f, "  foretold    for a link of %s/s, %s; the guest was looked at %s before\n",
		km_fmt_bytes(link, is->link_bytes_per_s), is->link_by,
		km_fmt_ms(age, (double)is->age_s * 1e3));
	if (!is->can_be_moved) {
		fprintf(f, "    that it can't be moved%s\n",
			is->deadline_ms ? " within the deadline" : "");
		return;
	}
	fprintf(f, "    %-11s %10s %10s %10s %10s\n", "", "low", "likely", "high", "outcome");
	compare(f, is, KM_FIGURE_TOTAL_MS, r->total_ms);
	compare(f, is, KM_FIGURE_PAUSE_MS, r->pause_ms);
	compare(f, is, KM_FIGURE_WIRE_BYTES, (double)r->c.wire_bytes);
	compare(f, is, KM_FIGURE_SOURCE_CPU_MS, r->source_cpu_ms);
	compare(f, is, KM_FIGURE_DESTINATION_CPU_MS, r->destination_cpu_ms);
}
