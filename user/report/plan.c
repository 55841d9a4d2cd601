// SPDX-License-Identifier: GPL-2.0
#include "plan.h"

#include <math.h>
#include "../plan/planfile.h"
#include "foretold.h"
#include "jsonval.h"
#include "report.h"
#include "strategy.h"
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

static json_t *prediction(const struct km_plan *p, const struct km_foretold *f)
{
	const struct km_reh_result *r = &p->is.likely;
	json_t *o = km_json_foretold(f), *pages = json_object();

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

/* As it was fitted to what was seen: what a later rehearsal takes. */
static json_t *guest(const struct km_reh_guest *g)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < g->regions; i++) {
		const struct km_reh_region *r = &g->region[i];
		json_t *o = json_object();

		km_j_put(o, "pages", km_j_number(r->pages));
		km_j_put(o, "zero", km_j_real(r->zero));
		km_j_put(o, "ratio", km_j_real(r->ratio));
		km_j_put(o, "writes_per_s", km_j_real(r->writes_per_s));
		km_j_put(o, "in_turn", json_boolean(r->in_turn));
		km_j_put(o, "write_bytes", km_j_number(r->write_bytes));
		json_array_append_new(list, o);
	}
	return list;
}

/* km_cost() is for writing, too. */
static json_t *costs(struct km_costs c)
{
	json_t *o = json_object();

	for (size_t i = 0; i < KM_COSTS; i++)
		km_j_put(o, km_cost_name(i), km_j_real(*km_cost(&c, i)));
	return o;
}

json_t *km_json_plan(const struct km_plan *p)
{
	struct sum s = sum_up(&p->survey.guest);
	json_t *o = json_object(), *seen = json_object(), *goal = json_object();
	struct km_foretold f;

	km_plan_foretell(p, p->taken_s, &f);
	km_j_put(o, "kmigrate_plan", km_j_number(KM_PLANFILE_VERSION));
	km_j_put(o, "vm", km_j_text(p->vm));
	km_j_put(o, "uuid", km_j_text_or_null(p->uuid));
	km_j_put(o, "ram_bytes", km_j_number(p->ram_bytes));
	km_j_put(o, "taken_s", json_integer(p->taken_s));
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
	km_j_put(o, "hottest", km_json_hottest(p));
	km_j_put(o, "dirtied_by_vcpu", km_json_plan_vcpus(p));
	km_j_put(o, "why_no_vcpus", km_j_text_or_null(p->why_no_vcpus));
	km_j_put(o, "link_bytes_per_s", km_j_real(p->link_bytes_per_s));
	km_j_put(o, "link_by", km_j_text(p->link_by));
	km_j_put(o, "streams", km_j_number(p->streams));
	km_j_put(o, "encrypted", json_boolean(p->tls));
	km_j_put(o, "same_host", json_boolean(p->same_host));
	km_j_put(o, "cpus", km_j_number(p->cpus));
	km_j_put(o, "cpus_free", km_j_real(p->cpus_free));
	km_j_put(o, "costs", costs(p->survey.costs));
	km_j_put(goal, "max_pause_ms", km_j_number(p->goal.max_pause_ms));
	km_j_put(goal, "deadline_ms",
		 p->goal.deadline_ms ? km_j_number(p->goal.deadline_ms) : json_null());
	km_j_put(o, "goal", goal);
	km_j_put(o, "strategy", km_json_strategy(p));
	km_j_put(o, "prediction", prediction(p, &f));
	km_j_put(o, "guest", guest(&p->survey.guest));
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

void km_text_plan(FILE *f, const struct km_plan *p)
{
	struct km_foretold is;

	km_plan_foretell(p, p->taken_s, &is);
	text_guest(f, p);
	km_text_decides(f, p);
	km_text_strategy(f, p);
	km_text_foretold(f, &is);
	text_rounds(f, &p->is.likely);
	km_text_goal(f, &is);
}
