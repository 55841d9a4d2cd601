// SPDX-License-Identifier: GPL-2.0
/* Medians, how sure they are, and rows of them as text or JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"
#include "verdict.h"

#define RESAMPLES	2000

static unsigned int nr_rows, nr_missed, nr_untold;

static const char *const verdicts[] = { "held", "not held", "can't tell" };

void pairs_add(struct pairs *pairs, double ours, double theirs)
{
	if (pairs->nr == MAX_PAIRS)
		must(-1, "more pairs than there is room for");
	pairs->ours[pairs->nr] = ours;
	pairs->theirs[pairs->nr++] = theirs;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double mean(const double *values, size_t nr)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < nr; i++)
		sum += values[i];
	return sum / (double)nr;
}

double quantile(double *values, size_t nr, double q)
{
	double place = q * (double)(nr - 1);
	size_t below = (size_t)place;

	qsort(values, nr, sizeof(*values), by_value);
	if (below + 1 >= nr)
		return values[nr - 1];
	return values[below] + (place - (double)below) * (values[below + 1] - values[below]);
}

static double median(const double *values, size_t nr)
{
	double copy[MAX_PAIRS];

	memcpy(copy, values, nr * sizeof(*copy));
	return quantile(copy, nr, 0.5);
}

struct summary {
	double ratio, q1, q3;		/* the median of the ratios, and their quartiles */
	struct interval sure;		/* where the median is, at 95 % (bootstrap) */
};

static void summarise(const struct pairs *pairs, struct summary *sum)
{
	static double ratios[MAX_PAIRS], again[MAX_PAIRS], medians[RESAMPLES];
	size_t i, j;

	for (i = 0; i < pairs->nr; i++)
		ratios[i] = pairs->ours[i] / pairs->theirs[i];
	sum->ratio = quantile(ratios, pairs->nr, 0.5);
	sum->q1 = quantile(ratios, pairs->nr, 0.25);
	sum->q3 = quantile(ratios, pairs->nr, 0.75);
	for (i = 0; i < RESAMPLES; i++) {
		for (j = 0; j < pairs->nr; j++)
			again[j] = ratios[random_below((uint32_t)pairs->nr)];
		medians[i] = quantile(again, pairs->nr, 0.5);
	}
	sum->sure.low = quantile(medians, RESAMPLES, 0.025);
	sum->sure.high = quantile(medians, RESAMPLES, 0.975);
}

static void print_json(const struct row *row, const struct pairs *pairs,
		       const struct summary *sum, enum verdict verdict)
{
	printf("%s\n  {\"section\": \"%s\", \"row\": \"%s\", \"unit\": \"%s\", \"pairs\": %zu,\n"
	       "   \"ours\": %.6g, \"theirs\": %.6g, \"ratio\": %.6g, \"q1\": %.6g, \"q3\": %.6g,\n"
	       "   \"low\": %.6g, \"high\": %.6g",
	       nr_rows ? "," : "", row->section, row->name, row->unit, pairs->nr,
	       median(pairs->ours, pairs->nr), median(pairs->theirs, pairs->nr), sum->ratio,
	       sum->q1, sum->q3, sum->sure.low, sum->sure.high);
	if (row->statistic)
		printf(", \"statistic\": \"%s\"", row->statistic);
	if (row->wanted > 0)
		printf(", \"wanted\": %g, \"verdict\": \"%s\"", row->wanted,
		       verdicts[verdict]);
	putchar('}');
}

static void print_text(const struct row *row, const struct pairs *pairs,
		       const struct summary *sum, enum verdict verdict)
{
	static const char *statistic;

	if (row->statistic && row->statistic != statistic)
		printf("%-8s (%s)\n", row->section, row->statistic);
	statistic = row->statistic;
	printf("%-8s %-38s %6.3f  %5.3f..%5.3f  %5.3f..%5.3f %4zu %10.4g %10.4g %-8s",
	       row->section, row->name, sum->ratio, sum->sure.low, sum->sure.high, sum->q1,
	       sum->q3, pairs->nr, median(pairs->ours, pairs->nr),
	       median(pairs->theirs, pairs->nr), row->unit);
	if (row->wanted > 0)
		printf("  at most %.2f: %s", row->wanted, verdicts[verdict]);
	putchar('\n');
}

static void print(const struct row *row, const struct pairs *pairs, const struct summary *sum)
{
	enum verdict verdict = verdict_of(sum->sure, row->wanted, row->unsure);

	if (options.json)
		print_json(row, pairs, sum, verdict);
	else
		print_text(row, pairs, sum, verdict);
	fflush(stdout);
	nr_rows++;
	nr_missed += row->wanted > 0 && verdict == NOT_HELD;
	nr_untold += row->wanted > 0 && verdict == CANT_TELL;
}

void report_pairs(const struct row *row, const struct pairs *pairs)
{
	struct summary sum;

	summarise(pairs, &sum);
	print(row, pairs, &sum);
}

bool report_control(const struct row *row, const struct pairs *pairs, double precision)
{
	struct summary sum;

	summarise(pairs, &sum);
	print(row, pairs, &sum);
	return control_holds(sum.sure, precision);
}

void report_begin(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct utsname name;

	uname(&name);
	if (options.json) {
		printf("{\"kernel\": \"%s\", \"cpus\": %ld, \"clock\": \"%s\", \"quick\": %s, \"rows\": [",
		       name.release, cpus, options.count ? "instructions" : "time",
		       options.quick ? "true" : "false");
		return;
	}
	printf("Linux %s, %ld CPU%s%s%s. Ratio: the module's time by what it is compared with.\n",
	       name.release, cpus, cpus == 1 ? "" : "s",
	       options.count ? ", by executed instructions" : "",
	       options.quick ? ", quick: too few pairs for a verdict" : "");
	printf("%-8s %-38s %6s  %12s  %12s %4s %10s %10s\n", "", "", "ratio", "95 % sure",
	       "quartiles", "n", "module", "other");
}

int report_end(void)
{
	if (options.json)
		printf("\n], \"missed\": %u, \"untold\": %u}\n", nr_missed, nr_untold);
	else if (nr_missed || nr_untold)
		printf("%u not held, of %u it can't be told\n", nr_missed, nr_untold);
	else
		printf("all held\n");
	if (nr_missed)
		return 1;
	return nr_untold ? 4 : 0;
}
