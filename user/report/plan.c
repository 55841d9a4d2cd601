// SPDX-License-Identifier: GPL-2.0
#include "plan.h"

#include <math.h>
#include "jsonval.h"
#include "report.h"
#include "units.h"

#define BAR	    40	/* columns */
#define SHOWN	    12	/* rounds */
#define WORKS_LEAST 1.0 /* writes a second that are worth a word */

/* Of the guest's regions together. */
struct sum {
	double pages, zero, light, light_ratio, writes, written;
};

static struct sum sum_up(const struct km_reh_guest *g)
{
	struct sum s = { 0 };

	for (unsigned int i = 0; i < g->regions; i++) {
		const struct km_reh_region *r = &g->region[i];
		double content = (double)r->pages * (1 - r->zero);

		s.pages += (double)r->pages;
		s.zero += (double)r->pages * r->zero;
		s.light += r->ratio < 0.95 ? content : 0;
		s.light_ratio += r->ratio < 0.95 ? content * r->ratio : 0;
		s.writes += r->writes_per_s;
		s.written += r->writes_per_s > WORKS_LEAST ? (double)r->pages : 0;
	}
	return s;
}

static json_t *range(const struct km_range *r)
{
	json_t *o = json_object();

	km_j_put(o, "low", km_j_real(r->low));
	km_j_put(o, "likely", km_j_real(r->likely));
	km_j_put(o, "high", km_j_real(r->high));
	return o;
}

static json_t *rounds(const struct km_reh_result *r)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < r->rounds && i < KM_REH_ROUNDS_MAX; i++) {
		json_t *o = json_object();

		km_j_put(o, "at_ms", km_j_real(r->round[i].at_ms));
		km_j_put(o, "listed_pages", km_j_number(r->round[i].listed_pages));
		km_j_put(o, "wire_bytes", km_j_number(r->round[i].wire_bytes));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *km_json_prediction(const struct km_prediction *p)
{
	const struct km_reh_result *r = &p->likely;
	json_t *o = json_object(), *pages = json_object();

	km_j_put(o, "can_be_moved", json_boolean(r->moved));
	km_j_put(o, "rehearsals", km_j_number(p->rehearsals));
	km_j_put(o, "moved", km_j_number(p->moved));
	km_j_put(o, "total_ms", r->moved ? range(&p->total_ms) : json_null());
	km_j_put(o, "pause_ms", r->moved ? range(&p->pause_ms) : json_null());
	km_j_put(o, "wire_bytes", r->moved ? range(&p->wire_bytes) : json_null());
	km_j_put(o, "needed_bytes_per_s",
		 p->needed_bytes_per_s > 0 ? km_j_real(p->needed_bytes_per_s) : json_null());
	km_j_put(pages, "listed", km_j_number(r->listed_pages));
	km_j_put(pages, "zero", km_j_number(r->zero_pages));
	km_j_put(pages, "raw", km_j_number(r->raw_pages));
	km_j_put(pages, "packed", km_j_number(r->packed_pages));
	km_j_put(pages, "delta", km_j_number(r->delta_pages));
	km_j_put(pages, "same", km_j_number(r->same_pages));
	km_j_put(pages, "later", km_j_number(r->later_pages));
	km_j_put(o, "pages", pages);
	km_j_put(o, "rounds", rounds(r));
	return o;
}

json_t *km_json_plan(const struct km_plan *p)
{
	struct sum s = sum_up(&p->survey.guest);
	json_t *o = json_object(), *seen = json_object(), *goal = json_object();

	km_j_put(o, "vm", km_j_text(p->vm));
	km_j_put(o, "ram_bytes", km_j_number(p->ram_bytes));
	km_j_put(seen, "samples", km_j_number(p->survey.samples));
	km_j_put(seen, "seconds", km_j_real(p->survey.seconds));
	km_j_put(seen, "pages", km_j_number(p->survey.pages));
	km_j_put(seen, "reachable_pages", km_j_number(p->survey.reachable_pages));
	km_j_put(seen, "zero_pages", km_j_real(s.zero));
	km_j_put(seen, "light_pages", km_j_real(s.light));
	km_j_put(seen, "light_ratio", km_j_real(s.light_ratio / s.light));
	km_j_put(seen, "written_pages", km_j_real(s.written));
	km_j_put(seen, "writes_per_s", km_j_real(s.writes));
	km_j_put(o, "seen", seen);
	km_j_put(o, "link_bytes_per_s", km_j_real(p->link_bytes_per_s));
	km_j_put(o, "link_by", km_j_text(p->link_by));
	km_j_put(o, "streams", km_j_number(p->streams));
	km_j_put(goal, "max_pause_ms", km_j_number(p->goal.max_pause_ms));
	km_j_put(goal, "deadline_ms",
		 p->goal.deadline_ms ? km_j_number(p->goal.deadline_ms) : json_null());
	km_j_put(o, "goal", goal);
	km_j_put(o, "prediction", km_json_prediction(&p->is));
	return o;
}

static void text_guest(FILE *f, const struct km_plan *p)
{
	struct sum s = sum_up(&p->survey.guest);
	char ram[KM_UNIT_MAX], n[KM_UNIT_MAX], m[KM_UNIT_MAX];

	fprintf(f, "guest        ");
	km_put_safe(f, p->vm);
	fprintf(f, ", %s of RAM, seen by %s samples in %.1f s\n",
		km_fmt_bytes(ram, (double)p->ram_bytes), km_fmt_count(n, (double)p->survey.samples),
		p->survey.seconds);
	fprintf(f, "holds        %.0f %% zero pages", 100 * s.zero / s.pages);
	if (s.light / s.pages >= 0.005)
		fprintf(f, ", %.0f %% that can be packed to %.0f %%", 100 * s.light / s.pages,
			100 * s.light_ratio / s.light);
	fputc('\n', f);
	if (s.writes < WORKS_LEAST)
		fprintf(f, "writes       nothing that was seen\n");
	else
		fprintf(f, "writes       about %s pages/s, to %s\n", km_fmt_count(n, s.writes),
			km_fmt_bytes(m, s.written * KM_PAGE_SIZE));
	if (p->survey.reachable_pages < p->survey.pages)
		fprintf(f,
			"             of %.0f %% of RAM only: the rest can't be read from outside\n",
			100.0 * (double)p->survey.reachable_pages / (double)p->survey.pages);
}

/* Which part decides: the one with the most bytes a second to send again. */
static void text_worst(FILE *f, const struct km_plan *p)
{
	const struct km_reh_guest *g = &p->survey.guest;
	char at[KM_UNIT_MAX], size[KM_UNIT_MAX], rate[KM_UNIT_MAX];
	uint64_t first = 0, worst_at = 0;
	unsigned int worst = 0;

	for (unsigned int i = 0; i < g->regions; i++) {
		if (g->region[i].writes_per_s > g->region[worst].writes_per_s) {
			worst = i;
			worst_at = first;
		}
		first += g->region[i].pages;
	}
	if (!g->regions || g->region[worst].writes_per_s < WORKS_LEAST)
		return;
	fprintf(f, "decides      %s of RAM at %s: %s writes/s, %u bytes each\n",
		km_fmt_bytes(size, (double)g->region[worst].pages * KM_PAGE_SIZE),
		km_fmt_bytes(at, (double)worst_at * KM_PAGE_SIZE),
		km_fmt_count(rate, g->region[worst].writes_per_s), g->region[worst].write_bytes);
}

static void text_rounds(FILE *f, const struct km_reh_result *r)
{
	char pages[KM_UNIT_MAX], bytes[KM_UNIT_MAX];
	double longest = 1;

	for (unsigned int i = 0; i < r->rounds && i < SHOWN; i++) {
		double end = i + 1 < r->rounds ? r->round[i + 1].at_ms : r->total_ms;

		longest = fmax(longest, end - r->round[i].at_ms);
	}
	for (unsigned int i = 0; i < r->rounds && i < SHOWN; i++) {
		bool last = i + 1 == r->rounds;
		double ms = (last ? r->total_ms : r->round[i + 1].at_ms) - r->round[i].at_ms;
		uint64_t listed = (last ? r->listed_pages : r->round[i + 1].listed_pages) -
				  r->round[i].listed_pages;
		uint64_t wire = (last ? r->wire_bytes : r->round[i + 1].wire_bytes) -
				r->round[i].wire_bytes;
		int n = (int)ceil(ms / longest * BAR);

		fprintf(f, "  round %-4u |%.*s%*s| %8.2f s %10s pages %10s\n", i + 1, n,
			"########################################", BAR - n, "", ms / 1e3,
			km_fmt_count(pages, (double)listed), km_fmt_bytes(bytes, (double)wire));
	}
	if (r->rounds > SHOWN)
		fprintf(f, "  and %u more\n", r->rounds - SHOWN);
}

static void text_goal(FILE *f, const struct km_plan *p)
{
	const struct km_prediction *is = &p->is;
	char rate[KM_UNIT_MAX];

	if (is->likely.moved && is->pause_ms.likely <= p->goal.max_pause_ms * 1.1) {
		fprintf(f, "goal         a pause of %u ms: can be met%s\n", p->goal.max_pause_ms,
			is->moved < is->rehearsals ? ", but not by much" : "");
		return;
	}
	if (is->likely.moved) {
		fprintf(f, "goal         a pause of %u ms: probably more\n", p->goal.max_pause_ms);
		return;
	}
	fprintf(f,
		"goal         can't be met%s: ", p->goal.deadline_ms ? " within the deadline" : "");
	if (is->needed_bytes_per_s > 0)
		fprintf(f, "a link of %s/s would do, or --on-stall throttle\n",
			km_fmt_bytes(rate, is->needed_bytes_per_s));
	else
		fprintf(f, "no link would do, but --on-stall throttle may\n");
}

void km_text_plan(FILE *f, const struct km_plan *p)
{
	const struct km_prediction *is = &p->is;
	char likely[KM_UNIT_MAX], low[KM_UNIT_MAX], high[KM_UNIT_MAX];

	text_guest(f, p);
	text_worst(f, p);
	fprintf(f, "link         %s/s, %s; %u streams\n", km_fmt_bytes(likely, p->link_bytes_per_s),
		p->link_by, p->streams);
	if (is->likely.moved) {
		fprintf(f, "time         %.1f s (%.1f to %.1f)\n", is->total_ms.likely / 1e3,
			is->total_ms.low / 1e3, is->total_ms.high / 1e3);
		fprintf(f, "pause        %.0f ms (%.0f to %.0f)\n", is->pause_ms.likely,
			is->pause_ms.low, is->pause_ms.high);
		fprintf(f, "over the link %s (%s to %s)\n",
			km_fmt_bytes(likely, is->wire_bytes.likely),
			km_fmt_bytes(low, is->wire_bytes.low),
			km_fmt_bytes(high, is->wire_bytes.high));
	}
	text_rounds(f, &is->likely);
	text_goal(f, p);
}
