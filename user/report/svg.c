// SPDX-License-Identifier: GPL-2.0
#include "svg.h"

#include <math.h>

#define X_TICKS 8
#define Y_TICKS 4

void km_html_text(FILE *f, const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
		if (*s == '&')
			fputs("&amp;", f);
		else if (*s == '<')
			fputs("&lt;", f);
		else if (*s == '>')
			fputs("&gt;", f);
		else if (*s == '"')
			fputs("&quot;", f);
		else
			fputc((*s < 0x20 && *s != '\n') || *s == 0x7f ? '?' : *s, f);
	}
}

double km_nice_step(double value, unsigned int n, bool binary)
{
	double want = value / n, step;

	if (!(want > 0) || !isfinite(want))
		return 1;
	if (binary)
		return exp2(ceil(log2(want)));
	step = pow(10, floor(log10(want)));
	if (step >= want)
		return step;
	if (step * 2 >= want)
		return step * 2;
	return step * 5 >= want ? step * 5 : step * 10;
}

double km_plot_x(const struct km_plot *p, double at_ms)
{
	return p->left + (p->right - p->left) * fmin(fmax(at_ms / p->end_ms, 0), 1);
}

double km_plot_y(const struct km_plot *p, double value)
{
	return p->bottom - (p->bottom - p->top) * fmin(fmax(value / p->top_value, 0), 1);
}

void km_plot_time_axis(const struct km_plot *p)
{
	double step = km_nice_step(p->end_ms, X_TICKS, false);
	char buf[KM_UNIT_MAX];

	for (unsigned int i = 0; i * step <= p->end_ms; i++) {
		double x = km_plot_x(p, i * step);

		fprintf(p->f, "<path class=\"tick\" d=\"M%.1f %.1fv5\"/>", x, p->bottom);
		fprintf(p->f,
			"<text class=\"note\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
			x, p->bottom + 18, i ? km_fmt_ms(buf, i * step) : "0");
	}
}

static void put_y(const struct km_plot *p)
{
	double step = km_nice_step(p->top_value, Y_TICKS, true);
	char buf[KM_UNIT_MAX];

	for (unsigned int i = 0; i * step <= p->top_value; i++) {
		double y = km_plot_y(p, i * step);

		fprintf(p->f, "<path class=\"%s\" d=\"M%.1f %.1fH%.1f\"/>", i ? "grid" : "tick",
			p->left, y, p->right);
		fprintf(p->f,
			"<text class=\"note\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s%s</text>\n",
			p->left - 8, y + 4, i ? p->fmt(buf, i * step) : "0", i ? p->unit : "");
	}
}

void km_plot_axes(const struct km_plot *p)
{
	put_y(p);
	km_plot_time_axis(p);
}

void km_plot_line(const struct km_plot *p, const struct km_line *line)
{
	if (!line->n)
		return;
	fprintf(p->f, "<path class=\"line %s\" d=\"", line->class);
	for (size_t i = 0; i < line->n; i++) {
		double x = km_plot_x(p, line->at_ms(line->data, i));
		double y = km_plot_y(p, line->value(line->data, i));

		if (i)
			fprintf(p->f, "H%.1fV%.1f", x, y);
		else
			fprintf(p->f, "M%.1f %.1f", x, y);
	}
	fprintf(p->f, "\"><title>%s</title></path>\n", line->name);
}
