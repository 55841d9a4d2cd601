// SPDX-License-Identifier: GPL-2.0
#include "html.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "impact.h"
#include "pause.h"
#include "report.h"
#include "svg.h"
#include "units.h"

/* Light, dark as the reader's screen is, and on paper. */
static const char style[] =
	":root{color-scheme:light dark;--bg:#fff;--ink:#1b1f24;--dim:#5c6670;--grid:#e3e7eb;"
	"--a:#0b66c3;--b:#c2570c;--src:#0b66c3;--dst:#1a7f4b;--stop:#b3261e}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#14171b;--ink:#e6e9ed;--dim:#9aa4ae;"
	"--grid:#2b3138;--a:#6cb2ff;--b:#ffa657;--src:#6cb2ff;--dst:#5fd39a;"
	"--stop:#ff8a80}}\n"
	"@media print{:root{color-scheme:light;--bg:#fff;--ink:#000;--dim:#444;--grid:#ccc;"
	"--a:#0b66c3;--b:#c2570c;--src:#0b66c3;--dst:#1a7f4b;--stop:#b3261e}"
	"figure{break-inside:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n"
	"body{margin:2rem auto;max-width:960px;padding:0 1rem;background:var(--bg);"
	"color:var(--ink);font:15px/1.5 system-ui,sans-serif}\n"
	"h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .3rem}"
	"p{margin:.2rem 0;color:var(--dim)}figure{margin:0}svg{display:block;width:100%;height:auto}\n"
	"dl{display:flex;flex-wrap:wrap;gap:.5rem 2.5rem;margin:1.2rem 0 0}dt{color:var(--dim)}"
	"dd{margin:0;font-size:1.4rem;font-variant-numeric:tabular-nums}\n"
	"text{fill:var(--ink);font:13px system-ui,sans-serif}.note{fill:var(--dim);font-size:12px}"
	".grid{stroke:var(--grid)}.tick{stroke:var(--dim)}.line{fill:none;stroke-width:2}\n"
	".a{stroke:var(--a)}.b{stroke:var(--b);stroke-dasharray:6 3}.stop{stroke:var(--stop)}"
	".band{fill:var(--grid)}.fstop{fill:var(--stop)}"
	".src{fill:var(--src)}.dst{fill:var(--dst)}\n"
	"pre{overflow-x:auto;font-size:13px}i.key{display:inline-block;width:.8em;height:.8em;"
	"margin-right:.5em}";

static double at_ms(const void *data, size_t i)
{
	return ((const struct km_series *)data)->s[i].at_ms;
}

static double goodput(const void *data, size_t i)
{
	return ((const struct km_series *)data)->s[i].goodput_bytes_per_s;
}

static double dirty(const void *data, size_t i)
{
	return km_series_dirty_bytes_per_s(data, i);
}

static double left(const void *data, size_t i)
{
	return ((const struct km_series *)data)->s[i].left_bytes;
}

/* The highest of these, and some room above it. */
static double top_of(const struct km_series *s, double (*a)(const void *, size_t),
		     double (*b)(const void *, size_t))
{
	double top = 1;

	for (size_t i = 0; i < s->n; i++)
		top = fmax(top, fmax(a(s, i), b(s, i)));
	return top * 1.1;
}

static void put_figure(FILE *f, const char *name, unsigned int height, const char *says)
{
	fprintf(f, "<figure><svg id=\"%s\" viewBox=\"0 0 %d %u\" role=\"img\" aria-label=\"%s\">\n",
		name, KM_SVG_WIDTH, height, says);
}

static struct km_plot plot_of(FILE *f, const struct km_run *r, double top, double bottom)
{
	return (struct km_plot){ .f = f,
				 .left = 90,
				 .right = KM_SVG_WIDTH - 20,
				 .top = top,
				 .bottom = bottom,
				 .end_ms = fmax(r->total_ms, 1),
				 .fmt = km_fmt_bytes };
}

/* A name stands in its band if there is room, else the pointer tells it. */
static void put_phases(const struct km_plot *p, const struct km_run *r, const struct km_series *s)
{
	for (enum km_phase phase = KM_PHASE_SETUP; phase < KM_PHASE_DONE; phase++) {
		double from = km_series_phase_ms(s, phase), to = p->end_ms, x, width;

		if (phase == KM_PHASE_SETUP && r->setup_ms > 0)
			from = 0; /* nobody looks before there is something to see */
		if (from < 0)
			continue;
		for (enum km_phase next = phase + 1; next <= KM_PHASE_DONE; next++)
			if (km_series_phase_ms(s, next) >= 0)
				to = fmin(to, km_series_phase_ms(s, next));
		x = km_plot_x(p, from);
		width = fmax(km_plot_x(p, to) - x, 1);
		fprintf(p->f,
			"<rect class=\"%s\" x=\"%.1f\" y=\"4\" width=\"%.1f\" height=\"18\">"
			"<title>%s</title></rect>",
			phase < KM_PHASE_SWITCHOVER ? "band" : "fstop", x, fmax(width - 1, 1),
			km_phase_name(phase));
		if (width > 9.0 * (double)strlen(km_phase_name(phase)))
			fprintf(p->f, "<text x=\"%.1f\" y=\"17\">%s</text>", x + 5,
				km_phase_name(phase));
		fputc('\n', p->f);
	}
}

/* From there on the guest stands still. */
static void put_stop(const struct km_plot *p, const struct km_run *r, const struct km_series *s)
{
	double at = km_series_phase_ms(s, KM_PHASE_SWITCHOVER), x = km_plot_x(p, at);
	char buf[KM_UNIT_MAX];

	if (at < 0)
		return;
	fprintf(p->f, "<path class=\"stop\" d=\"M%.1f %.1fV%.1f\"/>", x, p->top, p->bottom);
	fprintf(p->f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">pause %s</text>\n",
		x > (p->left + p->right) / 2 ? x - 6 : x + 6, p->top + 10,
		x > (p->left + p->right) / 2 ? "end" : "start", km_fmt_ms(buf, r->pause_ms));
}

static void put_rates(FILE *f, const struct km_run *r, const struct km_series *s)
{
	struct km_plot p = plot_of(f, r, 40, 250);

	p.top_value = top_of(s, goodput, dirty);
	p.unit = "/s";
	fputs("<h2>What the guest dirties, and what the link carries</h2>\n"
	      "<p><i class=\"key\" style=\"background:var(--a)\"></i>goodput: content that the "
	      "destination has &nbsp; <i class=\"key\" style=\"background:var(--b)\"></i>dirty "
	      "rate: QEMU's estimate for each round</p>\n",
	      f);
	put_figure(f, "rates", 275, "dirty rate and goodput over time");
	put_phases(&p, r, s);
	km_plot_axes(&p);
	km_plot_line(&p, &(struct km_line){ "b", "dirty rate", s->n, at_ms, dirty, s });
	km_plot_line(&p, &(struct km_line){ "a", "goodput", s->n, at_ms, goodput, s });
	put_stop(&p, r, s);
	fputs("</svg></figure>\n", f);
}

static void put_left(FILE *f, const struct km_run *r, const struct km_series *s)
{
	struct km_plot p = plot_of(f, r, 10, 130);

	p.top_value = top_of(s, left, left);
	p.unit = "";
	fputs("<h2>What is left to send</h2>\n", f);
	put_figure(f, "left", 155, "bytes left over time");
	km_plot_axes(&p);
	km_plot_line(&p, &(struct km_line){ "a", "left to send", s->n, at_ms, left, s });
	put_stop(&p, r, s);
	fputs("</svg></figure>\n", f);
}

/* A row: its name, where it lies in the pause, and how long it took. */
static void put_part(const struct km_plot *p, const struct km_pause_part *part, double y)
{
	double x = km_plot_x(p, part->at_ms);
	double width = fmax(km_plot_x(p, part->at_ms + part->took_ms) - x, 1);
	char took[KM_UNIT_MAX];

	fprintf(p->f,
		"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>"
		"<rect class=\"part %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"14\"/>"
		"<text class=\"note\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		p->left - 8, y + 12, part->name, part->destination ? "dst" : "src", x, y, width,
		x + width + 6, y + 12, km_fmt_ms(took, part->took_ms));
}

static void put_pause(FILE *f, const struct km_pause *pause)
{
	unsigned int height = 20 * pause->nparts + 8;
	char text[KM_PAUSE_TEXT];
	struct km_plot p = {
		.f = f,
		.left = 110,
		.right = KM_SVG_WIDTH - 90, /* a time stands behind each part */
		.top = 4,
		.bottom = height,
		.end_ms = fmax(pause->total_ms, 1e-3),
	};

	if (!pause->nparts)
		return;
	fputs("<h2>The pause</h2>\n<p>", f);
	km_html_text(f, km_fmt_pause(text, pause));
	fputs("<br><i class=\"key\" style=\"background:var(--src)\"></i>seen at the source &nbsp; "
	      "<i class=\"key\" style=\"background:var(--dst)\"></i>at the destination</p>\n",
	      f);
	put_figure(f, "pause", height + 25, "the parts of the pause");
	km_plot_time_axis(&p);
	for (unsigned int i = 0; i < pause->nparts; i++)
		put_part(&p, &pause->part[i], p.top + 20.0 * i + 2);
	fputs("</svg></figure>\n", f);
}

static void put_number(FILE *f, const char *name, const char *value)
{
	fprintf(f, "<div><dt>%s</dt><dd>%s</dd></div>\n", name, value);
}

static void put_head(FILE *f, const struct km_run *r)
{
	char buf[KM_UNIT_MAX];

	fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>kmigrate: ",
	      f);
	km_html_text(f, r->vm_name);
	/* Else a browser asks for one. */
	fprintf(f,
		"</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>%s</style></head><body>\n<h1>",
		style);
	km_html_text(f, r->vm_name);
	fputs(r->outcome == KM_OUT_MOVED ? " moved to " : " was to move to ", f);
	km_html_text(f, r->destination);
	fprintf(f, "</h1>\n<p>outcome: %s; pid %d", km_outcome_name(r->outcome), (int)r->vm_pid);
	if (r->error[0]) {
		fputs("; ", f);
		km_html_text(f, r->error);
	}
	fputs("</p>\n<dl>\n", f);
	put_number(f, "pause", r->pause_ms > 0 ? km_fmt_ms(buf, r->pause_ms) : "none");
	put_number(f, "total", km_fmt_ms(buf, r->total_ms));
	put_number(f, "on the wire", km_fmt_bytes(buf, (double)r->c.wire_bytes));
	snprintf(buf, sizeof(buf), "%" PRIu64, r->c.rounds);
	put_number(f, "rounds", buf);
	fputs("</dl>\n", f);
}

/* The report that the terminal shows, in whole. */
static void put_report(FILE *f, const struct km_run *r)
{
	size_t size = 0;
	char *text = NULL;
	FILE *mem = open_memstream(&text, &size);

	if (!mem)
		return;
	km_text_run(mem, r);
	if (!fclose(mem)) {
		fputs("<h2>Report</h2>\n<pre id=\"report\">", f);
		km_html_text(f, text);
		fputs("</pre>\n", f);
	}
	free(text);
}

void km_html_run(FILE *f, const struct km_run *r, const struct km_series *series)
{
	put_head(f, r);
	put_rates(f, r, series);
	put_left(f, r, series);
	put_pause(f, &r->pause);
	km_html_impact(f, r);
	put_report(f, r);
	fputs("</body></html>\n", f);
}
