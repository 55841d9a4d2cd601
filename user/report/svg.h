/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Plots as inline SVG: a time axis, a value axis from 0, lines. Sizes are in the units of
 * the viewBox, about a pixel each. Colours are classes of the page's style (html.c).
 */
#ifndef KM_SVG_H
#define KM_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "units.h"

#define KM_SVG_WIDTH 960

struct km_plot {
	FILE *f;
	double left, right, top, bottom; /* where the data is drawn */
	double end_ms, top_value;	 /* what is at the right and at the top */
	char *(*fmt)(char buf[KM_UNIT_MAX], double value);
	const char *unit; /* after the number: "/s" */
};

/* Foreign text in HTML. Control characters come out as '?'. */
void km_html_text(FILE *f, const char *text);

/* The lowest of 1, 2, 5, 10 ... (of 1, 2, 4 ... with binary) that is no less than value / n. */
double km_nice_step(double value, unsigned int n, bool binary);

double km_plot_x(const struct km_plot *p, double at_ms);
double km_plot_y(const struct km_plot *p, double value);

/* Times, below. */
void km_plot_time_axis(const struct km_plot *p);
/* And values, with their grid. */
void km_plot_axes(const struct km_plot *p);

/* A line through values at times, of a class, each level until the next. */
struct km_line {
	const char *class, *name;
	size_t n;
	double (*at_ms)(const void *data, size_t i);
	double (*value)(const void *data, size_t i);
	const void *data;
};
void km_plot_line(const struct km_plot *p, const struct km_line *line);

#endif
