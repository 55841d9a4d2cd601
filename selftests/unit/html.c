// SPDX-License-Identifier: GPL-2.0
/* The page of --html, and what it is drawn from. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "report/html.h"
#include "report/svg.h"

static struct km_run run; /* both are large */
static struct km_series series;

static void sample(enum km_phase phase, double at_ms)
{
	run.phase = phase;
	km_series_add(&series, &run, at_ms);
}

static void moved(void)
{
	memset(&run, 0, sizeof(run));
	memset(&series, 0, sizeof(series));
	strcpy(run.vm_name, "web01");
	strcpy(run.destination, "hostb");
	run.outcome = KM_OUT_MOVED;
	run.setup_ms = 100;
	run.total_ms = 1000;
	run.pause_ms = 50;
	run.c.goodput_bytes_per_s = 1 << 20;
	run.c.dirty_pages_per_s = 128; /* half of that */
	run.c.qemu_remaining_bytes = 4096;
	run.c.backlog_pages = 1;
	sample(KM_PHASE_PRECOPY, 100);
	sample(KM_PHASE_PRECOPY, 500);
	sample(KM_PHASE_SWITCHOVER, 950);
	sample(KM_PHASE_DONE, 1000);
}

static char *page(void)
{
	/* Else gcc 12 takes what points into the page for a pointer to this. */
	static char *text;
	static size_t size;
	FILE *f = open_memstream(&text, &size);

	km_html_run(f, &run, &series);
	fclose(f);
	return text;
}

static void keeps_the_first_of_each_phase(bool *ok)
{
	memset(&series, 0, sizeof(series));
	run.c.rounds = 0;
	for (unsigned int i = 0; i < 1000000; i++) {
		run.c.rounds = i;
		sample(i < 10	  ? KM_PHASE_SETUP :
		       i < 999990 ? KM_PHASE_PRECOPY :
				    KM_PHASE_DONE,
		       i * 10.0);
	}
	CHECK(series.n <= KM_SERIES_MAX && series.n > KM_SERIES_MAX / 4);
	CHECK(series.s[0].phase == KM_PHASE_SETUP);
	CHECK(km_series_phase_ms(&series, KM_PHASE_PRECOPY) == 100.0);
	CHECK(km_series_phase_ms(&series, KM_PHASE_DONE) == 9999900.0);
	CHECK(km_series_phase_ms(&series, KM_PHASE_COMMIT) == -1.0);
	for (size_t i = 1; i < series.n; i++)
		CHECK(series.s[i].at_ms > series.s[i - 1].at_ms &&
		      (double)series.s[i].rounds * 10 == series.s[i].at_ms);
}

static void waits_between_samples(bool *ok)
{
	moved();
	CHECK(series.n == 4);
	sample(KM_PHASE_DONE, 1000 + KM_SERIES_FIRST_MS - 1);
	CHECK(series.n == 4);
	sample(KM_PHASE_DONE, 1000 + KM_SERIES_FIRST_MS);
	CHECK(series.n == 5);
	CHECK(series.s[0].left_bytes == 8192 && series.s[0].dirty_bytes_per_s == 128 * 4096);
}

/* QEMU tells the rate of a round when it is over. */
static void dirties_in_its_round(bool *ok)
{
	moved();
	series.n = 0;
	run.c.dirty_pages_per_s = 0;
	sample(KM_PHASE_PRECOPY, 0);
	run.c.rounds = 1;
	sample(KM_PHASE_PRECOPY, 100);
	sample(KM_PHASE_PRECOPY, 200);
	run.c.rounds = 3;
	run.c.dirty_pages_per_s = 10;
	sample(KM_PHASE_PRECOPY, 300);
	run.c.dirty_pages_per_s = 20;
	sample(KM_PHASE_SWITCHOVER, 400);
	CHECK(km_series_dirty_bytes_per_s(&series, 0) == 0);
	CHECK(km_series_dirty_bytes_per_s(&series, 1) == 40960);
	CHECK(km_series_dirty_bytes_per_s(&series, 2) == 40960);
	CHECK(km_series_dirty_bytes_per_s(&series, 3) == 81920);
	CHECK(km_series_dirty_bytes_per_s(&series, 4) == 0);
}

static void steps(bool *ok)
{
	CHECK(km_nice_step(100, 4, false) == 50);
	CHECK(km_nice_step(80, 4, false) == 20);
	CHECK(km_nice_step(0.8, 4, false) == 0.2);
	CHECK(km_nice_step(100, 4, true) == 32);
	CHECK(km_nice_step(0, 4, true) == 1 && km_nice_step(NAN, 4, false) == 1);
	CHECK(km_nice_step(INFINITY, 4, false) == 1);
}

/* 90 is the left end and 940 the right one of the plot, 250 its foot and 40 its top, which
 * is a tenth above the highest value. */
static void draws_what_was(bool *ok)
{
	char *text;

	moved();
	text = page();
	CHECK(strstr(text, "<h1>web01 moved to hostb</h1>"));
	/* from 10 % of the time, at 1/1.1 of the height; half of it for the dirty rate */
	CHECK(strstr(text, "class=\"line a\" d=\"M175.0 59.1"));
	CHECK(strstr(text, "class=\"line b\" d=\"M175.0 154.5"));
	/* the setup is from the start to the first sample */
	CHECK(strstr(text, "x=\"90.0\" y=\"4\" width=\"84.0\""));
	/* the stop at 95 % */
	CHECK(strstr(text, "class=\"stop\" d=\"M897.5 "));
	CHECK(strstr(text, ">pause 50.0 ms</text>"));
	CHECK(!strstr(text, "id=\"pause\""));
	free(text);
}

/* 110 is the left end and 870 the right one: 50 ms are 760 wide. */
static void draws_the_pause(bool *ok)
{
	char *text;

	moved();
	run.pause = (struct km_pause){
		.nparts = 2,
		.part = { { "stop", false, 0, 40 }, { "load", true, 40, 10 } },
		.total_ms = 50,
		.joined = true,
		.clock_error_ms = 0.25,
	};
	text = page();
	CHECK(strstr(text, "50.0 ms, both ends by one clock, to within 250 us"));
	CHECK(strstr(text, "class=\"part src\" x=\"110.0\" y=\"6.0\" width=\"608.0\""));
	CHECK(strstr(text, "class=\"part dst\" x=\"718.0\" y=\"26.0\" width=\"152.0\""));
	free(text);
}

/* 190 is the left end and 870 the right one; most first, over all vCPUs. */
static void draws_the_impact(bool *ok)
{
	char *text;

	moved();
	text = page();
	CHECK(!strstr(text, "id=\"impact\""));
	free(text);
	run.impact.wanted = run.impact.on = true;
	run.impact.vcpus = 2;
	run.impact.vcpu[0].ms[KM_PHASE_PRECOPY][KM_STALL_WAIT] = 30;
	run.impact.vcpu[1].ms[KM_PHASE_PRECOPY][KM_STALL_WAIT] = 20;
	run.impact.vcpu[1].ms[KM_PHASE_SWITCHOVER][KM_STALL_STOPPED] = 100;
	text = page();
	CHECK(strstr(text, "switchover: stopped</text><rect class=\"part fstop\" x=\"190.0\" "
			   "y=\"6.0\" width=\"680.0\""));
	CHECK(strstr(text, "precopy: no-cpu</text><rect class=\"part src\" x=\"190.0\" "
			   "y=\"26.0\" width=\"340.0\""));
	CHECK(strstr(text, "until the guest ran there</p>") && !strstr(text, "there: "));
	free(text);
	run.arrival.wanted = run.arrival.on = true;
	run.arrival.vcpus = 2;
	run.arrival.vcpu[0].ms[KM_STALL_TOUCH] = 60;
	run.arrival.vcpu[1].ms[KM_STALL_TOUCH] = 15;
	text = page();
	CHECK(strstr(text, "there: first-touch</text><rect class=\"part dst\" x=\"190.0\" "
			   "y=\"26.0\" width=\"510.0\""));
	CHECK(strstr(text, "until the guest ran there, and in its first second there</p>"));
	free(text);
}

static unsigned int bars(const char *figure)
{
	unsigned int n = 0;

	while ((figure = strstr(figure + 1, "class=\"part ")))
		n++;
	return n;
}

/* All phases, all causes: as many rows as there may be, the longest names among them. With
 * KM_PAGE the page is written there, for a browser (move/page.sh). */
static void draws_all_causes(bool *ok)
{
	const char *to = getenv("KM_PAGE");
	char *text;
	FILE *f;

	moved();
	run.impact.wanted = run.impact.on = run.arrival.wanted = run.arrival.on = true;
	run.impact.vcpus = run.arrival.vcpus = 1;
	for (unsigned int c = 0; c < KM_STALLS; c++) {
		for (unsigned int p = 0; p < KM_IMPACT_PHASES; p++)
			run.impact.vcpu[0].ms[p][c] = 1000.0 / (c + p + 1);
		run.arrival.vcpu[0].ms[c] = 700.0 / (c + 1);
	}
	text = page();
	CHECK(bars(strstr(text, "id=\"impact\"")) == 12);
	f = to ? fopen(to, "w") : NULL;
	CHECK(!to || (f && fputs(text, f) >= 0));
	if (f)
		fclose(f);
	free(text);
}

static void quotes_foreign_text(bool *ok)
{
	char *text;

	moved();
	strcpy(run.vm_name, "<script>\"&\033");
	strcpy(run.error, "</pre><b>");
	run.outcome = KM_OUT_STAYED;
	text = page();
	CHECK(!strstr(text, "<script"));
	CHECK(strstr(text, "&lt;script&gt;&quot;&amp;? was to move"));
	CHECK(!strstr(text, "<b>") && strstr(text, "&lt;/pre&gt;&lt;b&gt;"));
	free(text);
}

/* Refused at once: no sample, no time, and yet a page. */
static void draws_nothing(bool *ok)
{
	char *text;

	memset(&run, 0, sizeof(run));
	memset(&series, 0, sizeof(series));
	text = page();
	CHECK(strstr(text, "</html>"));
	CHECK(!strstr(text, "nan") && !strstr(text, "inf"));
	free(text);
}

static const struct ktap_case cases[] = {
	{ "a long move's samples fit, with the first of each phase",
	  keeps_the_first_of_each_phase },
	{ "samples come at their time", waits_between_samples },
	{ "a dirty rate is where its round was", dirties_in_its_round },
	{ "the steps of axes", steps },
	{ "lines, phases and the stop are where they belong", draws_what_was },
	{ "the pause, part by part", draws_the_pause },
	{ "what kept the guest from running, most first", draws_the_impact },
	{ "as many causes as there may be", draws_all_causes },
	{ "foreign text is quoted", quotes_foreign_text },
	{ "a move that did not begin", draws_nothing },
};

KTAP_MAIN(cases)
