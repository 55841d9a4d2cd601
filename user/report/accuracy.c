// SPDX-License-Identifier: GPL-2.0
#include "accuracy.h"

#include "foretold.h"
#include "jsonval.h"
#include "report.h"

static json_t *figure(const struct km_accuracy_figure *f)
{
	json_t *o = json_object();

	km_j_put(o, "moves", km_j_number(f->moves));
	km_j_put(o, "inside", km_j_number(f->inside));
	km_j_put(o, "median_error_percent",
		 f->moves ? km_j_real(100 * f->median_error) : json_null());
	return o;
}

static json_t *worst(const struct km_accuracy *a)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < a->nworst; i++) {
		const struct km_accuracy_worst *w = &a->worst[i];
		json_t *o = json_object();

		km_j_put(o, "file", km_j_text(w->move->file));
		km_j_put(o, "report", km_j_number(w->move->nr));
		km_j_put(o, "vm", km_j_text(w->move->vm));
		km_j_put(o, "figure", km_j_text(km_figure_name(w->figure)));
		km_j_put(o, "likely", km_j_real(w->move->range[w->figure].likely));
		km_j_put(o, "outcome", km_j_real(w->move->outcome[w->figure]));
		km_j_put(o, "error_percent", km_j_real(100 * w->error));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *km_json_accuracy(const struct km_accuracy *a, unsigned int others, unsigned int bad_files)
{
	json_t *o = json_object();

	km_j_put(o, "moves", km_j_number(a->moves));
	km_j_put(o, "compared", km_j_number(a->compared));
	km_j_put(o, "judged", km_j_number(a->judged));
	km_j_put(o, "right", km_j_number(a->right));
	km_j_put(o, "otherwise", km_j_number(a->otherwise));
	km_j_put(o, "others", km_j_number(others));
	km_j_put(o, "bad_files", km_j_number(bad_files));
	for (enum km_figure i = 0; i < KM_FIGURES; i++)
		km_j_put(o, km_figure_name(i), figure(&a->figure[i]));
	km_j_put(o, "worst", worst(a));
	return o;
}

static void text_figures(FILE *f, const struct km_accuracy *a)
{
	fprintf(f, "%-14s %10s %14s %18s\n", "", "moves", "median error", "inside interval");
	for (enum km_figure i = 0; i < KM_FIGURES; i++) {
		const struct km_accuracy_figure *g = &a->figure[i];

		if (g->moves)
			fprintf(f, "%-14s %10u %12.1f %% %11u (%3.0f %%)\n", km_figure_label(i),
				g->moves, 100 * g->median_error, g->inside,
				100.0 * g->inside / g->moves);
	}
}

static void text_worst(FILE *f, const struct km_accuracy *a)
{
	char likely[KM_UNIT_MAX], was[KM_UNIT_MAX];

	for (unsigned int i = 0; i < a->nworst; i++) {
		const struct km_accuracy_worst *w = &a->worst[i];

		fprintf(f, "%s  ", i ? "     " : "worst");
		km_put_safe(f, w->move->file);
		fprintf(f, ":%u (", w->move->nr);
		km_put_safe(f, w->move->vm);
		fprintf(f, ")  %s %s, foretold %s: %.0f %%\n", km_figure_label(w->figure),
			km_fmt_figure(was, w->figure, w->move->outcome[w->figure]),
			km_fmt_figure(likely, w->figure, w->move->range[w->figure].likely),
			100 * w->error);
	}
}

void km_text_accuracy(FILE *f, const struct km_accuracy *a, unsigned int others,
		      unsigned int bad_files)
{
	fprintf(f, "%zu moves with a prediction, %u to compare with it\n", a->moves, a->compared);
	if (a->compared)
		text_figures(f, a);
	fprintf(f, "whether it can be moved: right %u of %u\n", a->right, a->judged);
	if (a->otherwise)
		fprintf(f, "%u failed otherwise, and are not judged\n", a->otherwise);
	if (others || bad_files)
		fprintf(f, "passed over: %u without a prediction, %u files that can't be read\n",
			others, bad_files);
	text_worst(f, a);
}
