// SPDX-License-Identifier: GPL-2.0
/* The guest-impact ledger on the page: a bar for each cause in each phase. */
#include <math.h>
#include <stdlib.h>
#include "html.h"
#include "impact.h"
#include "svg.h"
#include "units.h"

#define ROWS_MAX 12

struct row {
	const char *when, *colour;
	enum km_stall cause;
	double ms; /* of all vCPUs */
};

#define PHASES (KM_IMPACT_PHASES + 1) /* and at the destination */

static int most_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->ms < y->ms) - (x->ms > y->ms);
}

static struct row row_of(const struct km_run *r, unsigned int phase, unsigned int cause)
{
	static const char *const colours[] = { "src", "src", "fstop", "dst" };
	bool there = phase == KM_IMPACT_PHASES;
	struct row row = { there ? "there" : km_phase_name(phase), colours[phase], cause, 0 };

	for (unsigned int v = 0; there && v < r->arrival.vcpus; v++)
		row.ms += r->arrival.vcpu[v].ms[cause];
	for (unsigned int v = 0; !there && v < r->impact.vcpus; v++)
		row.ms += r->impact.vcpu[v].ms[phase][cause];
	return row;
}

/* Those with most time; how many. */
static unsigned int choose(const struct km_run *r, struct row rows[ROWS_MAX])
{
	struct row all[PHASES * KM_STALLS];
	unsigned int n = 0;

	for (unsigned int p = 0; p < PHASES; p++) {
		for (unsigned int c = 0; c < KM_STALLS; c++) {
			all[n] = row_of(r, p, c);
			n += all[n].ms > 0;
		}
	}
	qsort(all, n, sizeof(*all), most_first);
	for (unsigned int k = 0; k < n && k < ROWS_MAX; k++)
		rows[k] = all[k];
	return n < ROWS_MAX ? n : ROWS_MAX;
}

static void put_row(const struct km_plot *p, const struct row *row, double y)
{
	double x = km_plot_x(p, 0), width = fmax(km_plot_x(p, row->ms) - x, 1);
	char took[KM_UNIT_MAX];

	fprintf(p->f,
		"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s: %s</text>"
		"<rect class=\"part %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"14\"/>"
		"<text class=\"note\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		p->left - 8, y + 12, row->when, km_stall_name(row->cause), row->colour, x, y, width,
		x + width + 6, y + 12, km_fmt_ms(took, row->ms));
}

void km_html_impact(FILE *f, const struct km_run *r)
{
	const struct km_impact *i = &r->impact;
	struct row rows[ROWS_MAX];
	unsigned int n = choose(r, rows);
	struct km_plot p = {
		.f = f,
		.left = 190,
		.right = KM_SVG_WIDTH - 90, /* a time stands behind each bar */
		.top = 4,
		.bottom = 20.0 * n + 8,
	};

	if (!i->on || !n)
		return;
	p.end_ms = fmax(rows[0].ms, 1e-3);
	fprintf(f,
		"<h2>What kept the guest from running</h2>\n<p>%u vCPU%s in all, until the "
		"guest ran there%s</p>\n"
		"<figure><svg id=\"impact\" viewBox=\"0 0 %d %.0f\" role=\"img\" "
		"aria-label=\"stall by phase and cause\">\n",
		i->vcpus, i->vcpus == 1 ? "" : "s",
		r->arrival.on ? ", and in its first second there" : "", KM_SVG_WIDTH,
		p.bottom + 25);
	km_plot_time_axis(&p);
	for (unsigned int k = 0; k < n; k++)
		put_row(&p, &rows[k], p.top + 20.0 * k + 2);
	fputs("</svg></figure>\n", f);
}
